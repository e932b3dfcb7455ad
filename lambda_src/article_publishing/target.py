"""Shared by the publishing steps: a target's HTTP API, its errors, and the step's handler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests

from article_publishing.article import Article, validator
from article_publishing.errors import (
    InvalidArticle,
    TargetBusy,
    TargetRefused,
    TargetStayedBusy,
    TargetUnavailable,
)
from flowbridge import config
from flowbridge.errors import ConfigurationError
from flowbridge.event_detail import read_detail
from flowbridge.http_retry import NO_RESPONSE, is_retryable, truncate
from flowbridge.logs import get_logger
from flowbridge.secret import Secret

log = get_logger("target")

Outcome = dict[str, Any]
Found = TypeVar("Found")

TOO_MANY_REQUESTS = 429
UNAUTHORIZED = frozenset({401, 403})
#: Wait for a busy target that sends no Retry-After.
DEFAULT_WAIT_SECONDS = 30
MAX_WAIT_SECONDS = 3600
#: Most waits for a busy target in one execution.
MAX_WAITS = 5
#: Connect and read timeout in seconds.
TIMEOUTS = (3.0, 10.0)
USER_AGENT = "flowbridge-article-publishing"


class Target:
    """A target's HTTP API.

    Parameters
    ----------
    name
        Its name in messages.
    url
        Its base URL, without a trailing slash.
    secret
        Its token or other credentials.
    headers
        Returns the authentication headers for the secret.
    session
        The HTTP session, whose connections are reused.
    """

    def __init__(
        self,
        name: str,
        url: str,
        secret: Secret,
        headers: Callable[[Secret], dict[str, str]],
        session: requests.Session | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self.secret = secret
        self._headers = headers
        self._session = session or requests.Session()

    @classmethod
    def from_environment(cls, name: str, headers: Callable[[Secret], dict[str, str]]) -> Target:
        """Return the target configured by ``TARGET_URL`` and ``TARGET_SECRET``."""
        return cls(
            name,
            config.required("TARGET_URL").rstrip("/"),
            Secret(config.required("TARGET_SECRET")),
            headers,
        )

    def call(
        self, method: str, path: str, *, good: tuple[int, ...] = (), **request: Any
    ) -> requests.Response:
        """Call the API; after 401 or 403, read the token again in case it was rotated.

        Parameters
        ----------
        method, path
            HTTP method and path.
        good
            Statuses to return in addition to 2xx.
        request
            Other arguments of ``requests``: ``json``, ``params``.

        Raises
        ------
        TargetRefused
            4xx, or a redirect (not followed, so that the token goes nowhere else).
        TargetBusy
            429.
        TargetUnavailable
            5xx, 408, 425, or no complete response.
        ConfigurationError
            When the URL or the secret is invalid.
        """
        response = self._request(method, path, request)
        if response.status_code in UNAUTHORIZED and self.secret.refresh():
            response = self._request(method, path, request)
        status = response.status_code
        if 200 <= status < 300 or status in good:
            return response
        if status == TOO_MANY_REQUESTS:
            raise TargetBusy(self.name, retry_after(response, datetime.now(UTC)))
        message = f"{self.name} returned {status}: {truncate(_error(response))}"
        if is_retryable(status):
            raise TargetUnavailable(message, status)
        raise TargetRefused(message)

    def json(self, response: requests.Response, read: Callable[[Any], Found]) -> Found:
        """Return a value from a response's JSON.

        Parameters
        ----------
        response
            The response.
        read
            Extracts the value from the decoded JSON.

        Raises
        ------
        TargetUnavailable
            When the body is not JSON or not the API's JSON, for example a proxy's error page.
        """
        try:
            return read(response.json())
        except (requests.JSONDecodeError, RecursionError):
            problem = "without JSON"
        except (LookupError, TypeError, AttributeError):
            problem = "with unexpected JSON"
        status = response.status_code
        raise TargetUnavailable(f"{self.name} returned {status} {problem}", status)

    def _request(self, method: str, path: str, request: dict[str, Any]) -> requests.Response:
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        try:
            return self._session.request(
                method,
                f"{self._url}{path}",
                headers=headers | self._headers(self.secret),
                timeout=TIMEOUTS,
                allow_redirects=False,
                **request,
            )
        except NO_RESPONSE as error:
            kind = type(error).__name__
            raise TargetUnavailable(f"{self.name} did not respond: {kind}") from error
        except (requests.RequestException, UnicodeError) as error:
            raise ConfigurationError(
                f"{self.name} cannot be called: {type(error).__name__}. Check TARGET_URL, and that "
                "the secret TARGET_SECRET is valid in an HTTP header."
            ) from None


def bearer(secret: Secret) -> dict[str, str]:
    """Return the header for a bearer token; the secret's text is the token."""
    return {"Authorization": f"Bearer {secret.text().strip()}"}


def step(name: str, publish: Callable[[Article], Outcome]) -> Callable[[Any, object], Outcome]:
    """Return the handler of a publishing step.

    The handler's event is the execution's event with ``waits``, the number of waits for the target
    so far. If the article's ``targets`` do not include this one, the step does nothing.

    Raises
    ------
    InvalidArticle
        When the event has no valid article.
    """

    def handler(event: Any, _context: object) -> Outcome:
        article = read_detail(event, "article", dict, validator, InvalidArticle)
        if name not in article.get("targets", [name]):
            return {"target": name, "outcome": "not asked"}
        try:
            outcome = publish(article)
        except TargetBusy as busy:
            if event.get("waits", 0) >= MAX_WAITS or busy.seconds > MAX_WAIT_SECONDS:
                raise TargetStayedBusy(str(busy)) from None
            raise
        log.info("article published", extra={"article": article["id"], "target": name})
        return {"target": name, **outcome}

    return handler


def retry_after(response: requests.Response, now: datetime) -> int:
    """Return the seconds to wait according to ``Retry-After``, which is a number or a date."""
    text = response.headers.get("Retry-After", "").strip()
    try:
        if text.isascii() and text.isdigit():
            return max(1, int(text))
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_WAIT_SECONDS
    return max(1, round(seconds))


def _error(response: requests.Response) -> object:
    """Return the error message of a response; each API puts it elsewhere."""
    try:
        body = response.json()
    except (requests.JSONDecodeError, RecursionError):
        return None
    found = body.get("error") or body.get("errors") if isinstance(body, dict) else None
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        found = found.get("message") or found.get("reason") or found.get("type")
    return found
