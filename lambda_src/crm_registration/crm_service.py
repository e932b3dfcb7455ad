"""Client of the CRM's REST API."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import requests

from crm.lead import Lead, load_schema
from crm_registration.errors import CrmRejected, CrmUnavailable, InvalidLead
from flowbridge import config
from flowbridge.errors import ConfigurationError, SecretUnavailable
from flowbridge.http_retry import NO_RESPONSE, is_retryable, truncate
from flowbridge.logs import get_logger
from flowbridge.secret import Secret

log = get_logger("crm_service")

FORBIDDEN = 403


class CRMService:
    """Calls the endpoints of the CRM API.

    Parameters
    ----------
    url
        The API's base URL, without a trailing slash.
    api_key
        The secret that holds the API key.
    session
        The HTTP session, whose connections are reused.
    timeouts
        Connect and read timeout in seconds.
    """

    def __init__(
        self,
        url: str,
        api_key: Secret,
        session: requests.Session,
        timeouts: tuple[float, float],
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._session = session
        self._timeouts = timeouts
        self._fields: dict[str, list[str]] = load_schema()["x-endpoints"]

    def create_client(self, lead: Lead) -> None:
        """Register the person in CLIENTS."""
        self._post("create_client", lead)

    def create_partner(self, lead: Lead) -> None:
        """Register the person as a partner of the store, in PARTNERS."""
        self._post("create_partner", lead)

    def create_benefit(self, lead: Lead) -> None:
        """Register whether the person wants the benefit, in BENEFIT."""
        self._post("create_benefit", lead)

    def _post(self, endpoint: str, lead: Lead) -> None:
        """Send only the endpoint's fields of the lead, and its execution's name.

        Raises
        ------
        CrmRejected
            For a permanent error: 4xx, or a redirect (not followed, so that the key goes nowhere
            else).
        CrmUnavailable
            For a transient error: 403, 408, 425, 429, 5xx, no connection, timeout, a response that
            is not the API's, or no API key at the moment.
        InvalidLead
            When the lead lacks a field of the endpoint.
        ConfigurationError
            When the URL or the key is invalid.
        """
        fields = self._fields[endpoint]
        execution = lead.get("execution")
        if missing := [name for name in fields if name not in lead]:
            raise InvalidLead(f"the lead lacks {', '.join(missing)}, which {endpoint} needs")
        body = {name: lead[name] for name in fields}
        try:
            response = self._request(endpoint, body, execution)
            if response.status_code == FORBIDDEN and self._api_key.refresh():
                # The key was rotated after it was read.
                response = self._request(endpoint, body, execution)
        except SecretUnavailable as error:
            raise CrmUnavailable(f"{endpoint} cannot be called: {error}") from None
        status = response.status_code
        # The API's messages have no personal data.
        message = f"{endpoint} returned {status}: {truncate(_json(response).get('message'))}"
        # API Gateway accepts a new key only after some time.
        if status == FORBIDDEN or is_retryable(status):
            raise CrmUnavailable(message)
        if status >= 300:
            raise CrmRejected(message)
        if not _is_success(response):
            # Not the API's response, for example a proxy's page.
            raise CrmUnavailable(f"{endpoint} returned {status} without 'success': true")
        log.info("registered", extra={"endpoint": endpoint, "status": status})

    def _request(
        self, endpoint: str, body: dict[str, Any], execution: str | None
    ) -> requests.Response:
        headers = {"x-api-key": self._key()}
        if execution:
            # The row will name it.
            headers["x-execution"] = execution
        try:
            return self._session.post(
                f"{self._url}/{endpoint}",
                json=body,
                headers=headers,
                timeout=self._timeouts,
                allow_redirects=False,
            )
        except NO_RESPONSE as error:
            # Use only the error's type: its message may have the URL and parts of the request.
            kind = type(error).__name__
            raise CrmUnavailable(f"{endpoint} did not respond: {kind}") from None
        except requests.RequestException as error:
            raise ConfigurationError(
                f"{endpoint} cannot be called: {type(error).__name__}. Check CRM_API_URL."
            ) from None

    def _key(self) -> str:
        key = self._api_key.text().strip()
        if not (key.isascii() and key.isprintable()):
            raise ConfigurationError(
                "The API key in the secret CRM_API_KEY_SECRET has characters that are not allowed "
                "in a header. Store only the key."
            )
        return key


@lru_cache(maxsize=1)
def crm_service() -> CRMService:
    """Return the client configured by the environment variables."""
    return CRMService(
        url=config.required("CRM_API_URL").rstrip("/"),
        api_key=Secret(config.required("CRM_API_KEY_SECRET")),
        session=requests.Session(),
        timeouts=(
            config.seconds("CRM_CONNECT_TIMEOUT", 3),
            config.seconds("CRM_READ_TIMEOUT", 10),
        ),
    )


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (requests.JSONDecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _is_success(response: requests.Response) -> bool:
    return _json(response).get("success") is True
