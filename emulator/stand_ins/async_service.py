"""Play a service that answers later: it takes a job with 202, and its job is polled until it ended.

It analyses texts. The action ``split`` returns the words of a text with their places, ``count`` how
often each word is there, and ``rank`` the most frequent words of counts.

============================ ===================================================================
``POST /jobs``               202 and the job; with a known ``Idempotency-Key``, the job of before
``GET /jobs/<id>``           the job: its ``status``, and its ``result`` or ``cause``
``DELETE /jobs/by-key/<k>``  cancels the job, also one that comes later
``GET /jobs``                every job, for tests and demos
``PUT /behaviour/<marker>``  how the service behaves to jobs whose input has this text
============================ ===================================================================
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NoReturn

from emulator.asgi import App, Receive, Scope, Send, read_body
from emulator.local_keys import local_key

PATH = "/_async"
#: The key that callers have to send.
KEY = local_key(__name__)
#: The most frequent words that ``rank`` returns.
MOST = 10

JsonObject = dict[str, Any]
RUNNING, SUCCEEDED, FAILED, CANCELLED = "running", "succeeded", "failed", "cancelled"
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def split(given: Any) -> list[JsonObject]:
    """Return the words of a text in lower case, with their places."""
    return [{"word": m[0].lower(), "at": m.start()} for m in WORD.finditer(given["text"])]


def count(given: Any) -> JsonObject:
    """Return how often each word is in a text, or among words."""
    words = split(given) if isinstance(given, dict) else given
    return dict(Counter(word["word"] for word in words))


def rank(given: Any) -> list[JsonObject]:
    """Return the most frequent words of counts, the most frequent first."""
    found = sorted(given.items(), key=lambda item: (-item[1], item[0]))
    return [{"word": word, "times": times} for word, times in found[:MOST]]


ACTIONS: dict[str, Callable[[Any], Any]] = {"split": split, "count": count, "rank": rank}


@dataclass
class Behaviour:
    """How the service behaves to a job.

    Parameters
    ----------
    seconds
        How long the job takes.
    never
        Whether it never ends.
    fails
        Why it fails; empty if it does not.
    refused_calls, refused_polls
        How many calls and polls get 503 first.
    """

    seconds: float = 1.0
    never: bool = False
    fails: str = ""
    refused_calls: int = 0
    refused_polls: int = 0


@dataclass
class Job:
    """A job, from its start."""

    key: str
    asked: JsonObject
    behaviour: Behaviour
    identifier: str = field(default_factory=lambda: uuid.uuid4().hex)
    begun: float = field(default_factory=time.monotonic)
    polls: int = 0
    is_cancelled: bool = False
    result: Any = None
    cause: str = ""

    @property
    def status(self) -> str:
        """Its status by now."""
        if self.is_cancelled:
            return CANCELLED
        if self.behaviour.never or time.monotonic() - self.begun < self.behaviour.seconds:
            return RUNNING
        return FAILED if self.cause else SUCCEEDED

    def described(self) -> JsonObject:
        """Return the job as a caller gets it."""
        status = self.status
        found = {"id": self.identifier, "action": self.asked["action"], "status": status}
        if status == SUCCEEDED:
            found["result"] = self.result
        return {**found, "cause": self.cause} if status == FAILED else found


class Refused(Exception):  # noqa: N818  an answer, not a failure of the stand-in
    """An answer other than 2xx."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Service:
    """The jobs of the service."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._by_key: dict[str, Job] = {}
        self._cancelled: set[str] = set()
        self._behaviours: dict[str, Behaviour] = {}

    def behave(self, marker: str, behaviour: JsonObject) -> None:
        """Behave so to jobs whose input has a text."""
        self._behaviours[marker] = Behaviour(**behaviour)

    def start(self, key: str, asked: JsonObject) -> JsonObject:
        """Start a job, or return the one of the same key."""
        if not key or asked.get("action") not in ACTIONS or "input" not in asked:
            refuse(HTTPStatus.BAD_REQUEST, f"a job has a key, an input and one of {[*ACTIONS]}")
        behaviour = self._behaviour_to(json.dumps(asked, ensure_ascii=False))
        if behaviour.refused_calls:
            behaviour.refused_calls -= 1
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, "try again later")
        if key in self._cancelled:
            refuse(HTTPStatus.CONFLICT, "the job of this key was cancelled")
        if known := self._by_key.get(key):
            if known.asked != asked:
                refuse(HTTPStatus.UNPROCESSABLE_ENTITY, "this key has a job with another input")
            return known.described()
        job = Job(key, asked, behaviour, cause=behaviour.fails)
        try:
            job.result = ACTIONS[asked["action"]](asked["input"])
        except (AttributeError, KeyError, TypeError):
            job.cause = job.cause or "the input is not one of this action"
        self._jobs[job.identifier] = self._by_key[key] = job
        return job.described()

    def poll(self, identifier: str) -> JsonObject:
        """Return a job."""
        job = self._jobs.get(identifier)
        if job is None:
            refuse(HTTPStatus.NOT_FOUND, "the job is unknown")
        if job.behaviour.refused_polls:
            job.behaviour.refused_polls -= 1
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, "try again later")
        job.polls += 1
        return job.described()

    def cancel(self, key: str) -> None:
        """Cancel a job, also one that comes later; one that ended stays as it is."""
        self._cancelled.add(key)
        job = self._by_key.get(key)
        if job and job.status == RUNNING:
            job.is_cancelled = True

    def jobs(self) -> list[JsonObject]:
        """Return every job as tests and demos look at it."""
        return [
            {"key": job.key, "polls": job.polls, "input": job.asked["input"], **job.described()}
            for job in self._jobs.values()
        ]

    def _behaviour_to(self, text: str) -> Behaviour:
        found = (b for marker, b in self._behaviours.items() if marker in text)
        return next(found, Behaviour())


def refuse(status: HTTPStatus, message: str) -> NoReturn:
    """Answer with an error."""
    raise Refused(status, message)


class WithService:
    """ASGI application: another one, and the service.

    Parameters
    ----------
    app
        Gets every other request unchanged.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._service = Service()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{PATH}/"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = scope["path"].removeprefix(PATH)
        more: list[tuple[bytes, bytes]] = []
        try:
            body = json.loads(await read_body(receive) or b"{}")
            if headers.get("x-api-key") != KEY:
                refuse(HTTPStatus.UNAUTHORIZED, "the API key is missing or wrong")
            status, content = self._answer(scope["method"], path, headers, body)
        except ValueError:
            status, content = HTTPStatus.BAD_REQUEST, {"error": "the body is not JSON"}
        except Refused as refused:
            status, content = refused.status, {"error": str(refused)}
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                more = [(b"retry-after", b"1")]
        found = [(b"content-type", b"application/json"), *more]
        await send({"type": "http.response.start", "status": status, "headers": found})
        text = b"" if content is None else json.dumps(content).encode()
        await send({"type": "http.response.body", "body": text})

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: JsonObject
    ) -> tuple[HTTPStatus, Any]:
        _, *parts = path.split("/")
        match method, parts:
            case "POST", ["jobs"]:
                key = headers.get("idempotency-key", "")
                return HTTPStatus.ACCEPTED, self._service.start(key, body)
            case "GET", ["jobs"]:
                return HTTPStatus.OK, self._service.jobs()
            case "GET", ["jobs", identifier]:
                return HTTPStatus.OK, self._service.poll(identifier)
            case "DELETE", ["jobs", "by-key", key]:
                self._service.cancel(key)
                return HTTPStatus.NO_CONTENT, None
            case "PUT", ["behaviour", marker]:
                self._service.behave(marker, body)
                return HTTPStatus.NO_CONTENT, None
        refuse(HTTPStatus.NOT_FOUND, "the path is unknown")


def layer(app: App) -> App:
    """Put the service in front of an application."""
    return WithService(app)
