"""Answers of a hostile or broken cluster to a question about a run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster_job_manager.cluster import LARGEST_ANSWER

EXPRESSION = "{% $states.context.Execution.Id %}"
SECRET = "S3cret-value"
MEGABYTE = 1_000_000
REASON = "java.io.IOException: the reason"


@dataclass(frozen=True)
class HostileAnswer:
    """An answer, and how a job ends whose cluster gives it.

    Parameters
    ----------
    status, body, headers
        The answer.
    error
        The error of the job's execution; None if the job succeeds.
    says
        The text in the failure's cause, or in the job's result.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    says: str = ""


def run(state: Any, **more: Any) -> bytes:
    """Return the JSON of a run."""
    return json.dumps({"state": state, **more}).encode()


def failed(error: str, says: str) -> HostileAnswer:
    """Return the answer about a run that failed."""
    return HostileAnswer(200, run("FAILED", error=error), error="JobFailed", says=says)


PASSWORD = f"password={SECRET} "
#: A job whose cluster does not answer as it should is asked about until its time is over.
NO_ANSWER = "JobTimedOut"
ANSWERS: dict[str, HostileAnswer] = {
    "a megabyte of error text": failed(f"{PASSWORD * (MEGABYTE // len(PASSWORD))}{REASON}", REASON),
    "one word of a megabyte": failed("x" * MEGABYTE + f"\n{REASON}", REASON),
    "an expression as error": failed(EXPRESSION, EXPRESSION),
    "NUL bytes in the error": failed(f"\0\0{REASON}\0", REASON),
    "half a letter in the error": failed(f"{REASON} \ud83e", REASON),
    "another type of error": HostileAnswer(
        200, run("FAILED", error={"Error": EXPRESSION}), error="JobFailed", says=EXPRESSION
    ),
    "a huge result": HostileAnswer(
        200,
        run("SUCCEEDED", result={"text": "x" * MEGABYTE}),
        says="The result has 1,000,012 bytes",
    ),
    "an expression as result": HostileAnswer(
        200, run("SUCCEEDED", result={EXPRESSION: EXPRESSION}), says=EXPRESSION
    ),
    "a result of another type": HostileAnswer(200, run("SUCCEEDED", result=[1]), says="[1]"),
    "a result beyond every number": HostileAnswer(
        200, b'{"state":"SUCCEEDED","result":{"n":1e999}}', says="not valid JSON"
    ),
    "half a letter in the result": HostileAnswer(
        200, run("SUCCEEDED", result={"text": "\ud83e"}), says="not valid JSON"
    ),
    "a refusal of a megabyte": HostileAnswer(
        400, PASSWORD.encode() * (MEGABYTE // len(PASSWORD)), error="ClusterRejected", says="400"
    ),
    "a refusal of NUL bytes": HostileAnswer(400, b"\0" * 1000, error="ClusterRejected", says="400"),
    "a refusal in another encoding": HostileAnswer(
        400, b"\xff\xfe\x80" * 1000, error="ClusterRejected", says="400"
    ),
    "a redirect to the metadata of AWS": HostileAnswer(
        302, b"", {"Location": "http://169.254.169.254/latest"}, "ClusterRejected", "302"
    ),
    "more than is read": HostileAnswer(
        200, b" " * (LARGEST_ANSWER + 9), error="ClusterRejected", says="returned more than"
    ),
    "more than is read, compressed": HostileAnswer(
        200,
        gzip.compress(b" " * (8 * LARGEST_ANSWER)),
        {"Content-Encoding": "gzip"},
        "ClusterRejected",
        "returned more than",
    ),
    "a page": HostileAnswer(200, b"<html><body>maintenance</body></html>", error=NO_ANSWER),
    "NUL bytes": HostileAnswer(200, b"\0" * 1000, error=NO_ANSWER),
    "no gzip": HostileAnswer(200, b"{}", {"Content-Encoding": "gzip"}, NO_ANSWER),
    "a list": HostileAnswer(200, b"[]", error=NO_ANSWER),
    "deep JSON": HostileAnswer(200, b'{"a":' * 100_000, error=NO_ANSWER),
    "a number that JSON does not have": HostileAnswer(
        200, b'{"state":"SUCCEEDED","result":NaN}', error=NO_ANSWER
    ),
    "no state": HostileAnswer(200, b"{}", error=NO_ANSWER),
    "a state of a megabyte": HostileAnswer(200, run("x" * MEGABYTE), error=NO_ANSWER),
    "a state in other letters": HostileAnswer(200, run("\ud83e"), error=NO_ANSWER),
    "a state that is an object": HostileAnswer(200, run({"S": "SUCCEEDED"}), error=NO_ANSWER),
    "an unknown state": HostileAnswer(200, run(EXPRESSION), error=NO_ANSWER),
}
#: Times of acceptance that no record can hold.
TIMES: tuple[Any, ...] = (None, "now", EXPRESSION, True, -1, 10**400, [1], {"N": "1"})
#: Bytes that a server may send instead of HTTP, and the error of the adapter.
RAW: dict[str, tuple[bytes, str]] = {
    "a redirect to no address": (
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        "broke the rules of HTTP: ValueError",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", "did not respond"),
    "a long header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MEGABYTE + b"\r\n\r\n", "did not respond"),
    "a status that is no number": (b"HTTP/1.1 OK OK\r\n\r\n", "did not respond"),
    "less than it says": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "did not respond"),
    "nothing": (b"", "did not respond"),
}
