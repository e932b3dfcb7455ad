"""The service: start, poll and cancel its jobs over HTTP."""

from __future__ import annotations

from functools import cache
from typing import Any

import requests

from async_polling.errors import ServiceRefused, ServiceUnavailable
from flowbridge import config
from flowbridge.errors import ConfigurationError
from flowbridge.http_retry import NO_RESPONSE, is_retryable, truncate
from flowbridge.secret import Secret

#: Connect and read timeout in seconds.
TIMEOUTS = (3.0, 10.0)
UNAUTHORIZED = frozenset({401, 403})
#: Hosts that may be called without TLS: their traffic stays on this machine.
LOOPBACK = ("http://127.0.0.1", "http://localhost")

Job = dict[str, Any]


class Service:
    """The service's HTTP API.

    Parameters
    ----------
    secret
        Its URL and API key, as a JSON object with ``url`` and ``key``.
    session
        The HTTP session, whose connections are reused.
    """

    def __init__(self, secret: Secret, session: requests.Session) -> None:
        self._secret = secret
        self._session = session

    def start(self, token: str, action: str, given: Any) -> Job:
        """Start a job; the service starts a token's job once.

        Raises
        ------
        ServiceRefused
            When the service rejects the job.
        ServiceUnavailable
            When the service may take it later.
        ConfigurationError, SecretUnavailable
            When the secret has no URL and key, or cannot be read.
        """
        headers = {"Idempotency-Key": token}
        response = self._call(
            "POST", "/jobs", headers=headers, json={"action": action, "input": given}
        )
        return self._json(response)

    def poll(self, identifier: str) -> tuple[Job, int]:
        """Return a job, and the seconds that the service asks to wait; 0 if it does not.

        Raises
        ------
        ServiceRefused, ServiceUnavailable, ConfigurationError, SecretUnavailable
            As `start` does.
        """
        response = self._call("GET", f"/jobs/{identifier}")
        after = response.headers.get("Retry-After", "")
        return self._json(response), int(after) if after.isascii() and after.isdigit() else 0

    def cancel(self, token: str) -> None:
        """Cancel the job of a token; there may be none.

        Raises
        ------
        ServiceRefused, ServiceUnavailable, ConfigurationError, SecretUnavailable
            As `start` does.
        """
        self._call("DELETE", f"/jobs/by-key/{token}")

    def _call(self, method: str, path: str, **request: Any) -> requests.Response:
        response = self._request(method, path, request)
        if response.status_code in UNAUTHORIZED and self._secret.refresh():
            # The key was rotated after it was read.
            response = self._request(method, path, request)
        if response.ok and not response.is_redirect:
            return response
        message = f"the service returned {response.status_code}: {truncate(_error(response))}"
        if is_retryable(response.status_code):
            raise ServiceUnavailable(message)
        raise ServiceRefused(message)

    def _request(self, method: str, path: str, request: dict[str, Any]) -> requests.Response:
        fields = self._secret.fields("url", "key")
        url = fields["url"].rstrip("/")
        if not url.startswith(("https://", *LOOPBACK)):
            raise ConfigurationError(
                "The secret SERVICE_SECRET has no https URL. Store the service's URL in its 'url'."
            )
        headers = {"x-api-key": fields["key"], **request.get("headers", {})}
        try:
            return self._session.request(
                method,
                f"{url}{path}",
                timeout=TIMEOUTS,
                allow_redirects=False,
                **{**request, "headers": headers},
            )
        except NO_RESPONSE as error:
            raise ServiceUnavailable(
                f"the service did not respond: {type(error).__name__}"
            ) from None
        except (requests.RequestException, UnicodeError) as error:
            kind = type(error).__name__
            raise ConfigurationError(
                f"The service cannot be called: {kind}. Check the secret SERVICE_SECRET."
            ) from None

    def _json(self, response: requests.Response) -> Job:
        try:
            value = response.json()
        except (requests.JSONDecodeError, RecursionError):
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("id"), str):
            # Such as the page of a proxy.
            raise ServiceUnavailable(f"the service returned {response.status_code} without a job")
        return value


@cache
def service() -> Service:
    """Return the service of the secret ``SERVICE_SECRET``."""
    return Service(Secret(config.required("SERVICE_SECRET")), requests.Session())


def _error(response: requests.Response) -> object:
    try:
        body = response.json()
    except (requests.JSONDecodeError, RecursionError):
        return None
    return body.get("error") if isinstance(body, dict) else None
