"""What the steps that publish have in common: a target's API, its errors, and their outcome."""

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
from flowbridge.http_answer import NO_ANSWER, may_work_later, told
from flowbridge.logs import get_logger
from flowbridge.receiving import receive
from flowbridge.secret import Secret

log = get_logger("target")

Outcome = dict[str, Any]
Found = TypeVar("Found")

TOO_MANY_REQUESTS = 429
UNAUTHORIZED = frozenset({401, 403})
#: How long a busy target is waited for when it does not say.
DEFAULT_WAIT_SECONDS = 30
MAX_WAIT_SECONDS = 3600
#: How many times one execution waits for a busy target.
MAX_WAITS = 5
TIMEOUTS = (3.0, 10.0)
USER_AGENT = "flowbridge-article-publishing"


class Target:
    """A target's HTTP API.

    Parameters
    ----------
    name
        What messages call it.
    url
        Its base URL, without a slash at its end.
    secret
        Its token, or what else lets us in.
    headers
        Makes the headers that let us in out of the secret.
    session
        The HTTP session, kept for its connections.
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
        """Return the target that ``TARGET_URL`` and ``TARGET_SECRET`` describe."""
        return cls(
            name,
            config.required("TARGET_URL").rstrip("/"),
            Secret(config.required("TARGET_SECRET")),
            headers,
        )

    def call(
        self, method: str, path: str, *, good: tuple[int, ...] = (), **request: Any
    ) -> requests.Response:
        """Call the API; a token that was rotated since it was read is read once more.

        Parameters
        ----------
        method, path
            What is called.
        good
            Statuses beside 2xx that are an answer to the caller.
        request
            More of what ``requests`` takes: ``json``, ``params``.

        Raises
        ------
        TargetRefused
            4xx, or a redirect (the token goes nowhere else).
        TargetBusy
            429.
        TargetUnavailable
            5xx, 408, 425, or no whole answer.
        ConfigurationError
            When the URL or the secret can never work.
        """
        response = self._request(method, path, request)
        if response.status_code in UNAUTHORIZED and self.secret.refresh():
            response = self._request(method, path, request)
        status = response.status_code
        if 200 <= status < 300 or status in good:
            return response
        if status == TOO_MANY_REQUESTS:
            raise TargetBusy(self.name, retry_after(response, datetime.now(UTC)))
        message = f"{self.name} answered {status}: {told(_error(response))}"
        if may_work_later(status):
            raise TargetUnavailable(message, status)
        raise TargetRefused(message)

    def json(self, response: requests.Response, read: Callable[[Any], Found]) -> Found:
        """Return what is wanted of the JSON of an answer.

        Parameters
        ----------
        response
            The answer.
        read
            Finds it in the JSON of the API.

        Raises
        ------
        TargetUnavailable
            When something between us and the API answered in its place: no JSON, or another.
        """
        try:
            return read(response.json())
        except (requests.JSONDecodeError, RecursionError):
            what = "without JSON"
        except (LookupError, TypeError, AttributeError):
            what = "with JSON that is not its API's"
        status = response.status_code
        raise TargetUnavailable(f"{self.name} answered {status} {what}", status)

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
        except NO_ANSWER as error:
            kind = type(error).__name__
            raise TargetUnavailable(f"{self.name} gave no answer: {kind}") from error
        except (requests.RequestException, UnicodeError) as error:
            raise ConfigurationError(
                f"{self.name} cannot be called: {type(error).__name__}; see TARGET_URL and that "
                "the secret TARGET_SECRET holds what a header can"
            ) from None


def bearer(secret: Secret) -> dict[str, str]:
    """Return the header of a token that is the whole secret."""
    return {"Authorization": f"Bearer {secret.text().strip()}"}


def step(name: str, publish: Callable[[Article], Outcome]) -> Callable[[Any, object], Outcome]:
    """Return the handler of a step that publishes.

    Its event is the execution's, and ``waits`` says how often the execution waited for the target
    before. An event whose article names ``targets`` without this one asks nothing of it.

    Raises
    ------
    InvalidArticle
        When the event holds no article.
    """

    def handler(event: Any, _context: object) -> Outcome:
        article = receive(event, "article", dict, validator, InvalidArticle)
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
    """Return the seconds that an answer asks to wait; its header has a number or a time."""
    text = response.headers.get("Retry-After", "").strip()
    try:
        if text.isascii() and text.isdigit():
            return max(1, int(text))
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_WAIT_SECONDS
    return max(1, round(seconds))


def _error(response: requests.Response) -> object:
    """Return what an API says of an error; each of them has another shape for it."""
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
