"""Play compute clusters on premises: they run jobs, have a size, and publish metrics.

``/_cluster/<name>`` is a cluster; it exists as soon as it is called. Its interface is generic:

- ``PUT /v1/jobs/<key>`` submits a run; the same key again returns the run that is there. A cluster
  without space refuses with 429.
- ``GET /v1/jobs/<key>`` returns its state, ``DELETE`` cancels it, also before it was submitted.
- ``GET /v1/jobs`` returns every run, the most cores and memory that were used at once, and how many
  runs were refused.
- ``GET /metrics`` returns size and use in Prometheus's text format, as of the last sample.
- ``PUT /settings`` changes size, sampling and load of others; ``{"unavailableSeconds": 60}`` makes
  it answer 503, ``{"loseAnswers": 1}`` loses the answer to the next submission.

A run takes the ``runSeconds`` of its payload. It counts the words of ``text``, if there is one.
With ``error`` it fails with that text, ``errorTimes`` times for a job, or always.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from emulator.asgi import App, Receive, Scope, Send, answer, read_body
from emulator.local_keys import local_key

JsonObject = dict[str, Any]

PATH = "/_cluster/"
#: The token that a request needs.
TOKEN = local_key(__name__)
BYTES_OF_GB = 1024**3
COMMON_WORDS = 5
METRICS = {
    "cluster_cpu_cores_total": "Cores of the cluster.",
    "cluster_cpu_cores_used": "Cores that jobs use.",
    "cluster_memory_bytes_total": "Memory of the cluster.",
    "cluster_memory_bytes_used": "Memory that jobs use.",
    "cluster_sample_time_seconds": "Time of the sample, since 1970.",
}


class RequestError(Exception):
    """A request fails with a status and a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class Run:
    """A run of a key; one that was cancelled before it was submitted has no body."""

    key: str
    body: JsonObject
    accepted: float
    ends: float
    error: str = ""
    cancelled: float | None = None

    def is_active(self, at: float) -> bool:
        """Return whether it uses the cluster at a time."""
        end = self.ends if self.cancelled is None else min(self.ends, self.cancelled)
        return self.accepted <= at < end

    def state(self, now: float) -> str:
        """Return its state."""
        if self.cancelled is not None and self.cancelled < self.ends:
            return "CANCELLED"
        if now < self.ends:
            return "RUNNING"
        return "FAILED" if self.error else "SUCCEEDED"


@dataclass
class Cluster:
    """A cluster.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    cpu, memory_gb
        Its size.
    sample_seconds
        How old metrics may be.
    other_cpu
        Cores that jobs of others use.
    """

    clock: Callable[[], float] = time.time
    cpu: float = 40
    memory_gb: float = 160
    sample_seconds: float = 0
    other_cpu: float = 0
    runs: dict[str, Run] = field(default_factory=dict)
    peak: JsonObject = field(default_factory=lambda: {"cpu": 0.0, "memoryGb": 0.0})
    refused: int = 0
    unavailable_until: float = 0
    lose_answers: int = 0
    _failures: Counter[str] = field(default_factory=Counter)

    def change(self, settings: JsonObject) -> JsonObject:
        """Change settings; return the size."""
        self.cpu = settings.get("cpu", self.cpu)
        self.memory_gb = settings.get("memoryGb", self.memory_gb)
        self.sample_seconds = settings.get("sampleSeconds", self.sample_seconds)
        self.other_cpu = settings.get("otherCpu", self.other_cpu)
        self.lose_answers = settings.get("loseAnswers", self.lose_answers)
        if "unavailableSeconds" in settings:
            self.unavailable_until = self.clock() + settings["unavailableSeconds"]
        if settings.get("forget"):
            self.runs.clear()
            self._failures.clear()
            self.peak = {"cpu": 0.0, "memoryGb": 0.0}
            self.refused = 0
        return {"cpu": self.cpu, "memoryGb": self.memory_gb}

    def used(self, at: float) -> tuple[float, float]:
        """Return the cores and memory that are used at a time."""
        active = [run.body for run in self.runs.values() if run.is_active(at)]
        cpu = self.other_cpu + sum(body["cpu"] for body in active)
        return cpu, sum(body["memoryGb"] for body in active)

    def submit(self, key: str, body: JsonObject) -> JsonObject:
        """Take a run, unless it is there.

        Raises
        ------
        RequestError
            When the key has another run, or the cluster lacks the space.
        """
        now = self.clock()
        known = self.runs.get(key)
        if known is None:
            cpu, memory = self.used(now)
            cpu, memory = cpu + body["cpu"], memory + body["memoryGb"]
            if cpu > self.cpu or memory > self.memory_gb:
                self.refused += 1
                raise RequestError(429, "the cluster has no space")
            self.peak = {
                "cpu": max(cpu, self.peak["cpu"]),
                "memoryGb": max(memory, self.peak["memoryGb"]),
            }
            payload = body.get("payload") or {}
            job = key.rpartition(".")[0]
            error = payload.get("error", "")
            if error and "errorTimes" in payload:
                self._failures[job] += 1
                error = error if self._failures[job] <= payload["errorTimes"] else ""
            ends = now + float(payload.get("runSeconds", 0))
            self.runs[key] = Run(key, body, now, ends, error)
        elif known.body and known.body != body:
            raise RequestError(409, "the key has another run")
        if self.lose_answers > 0:
            self.lose_answers -= 1
            raise RequestError(504, "the answer is lost")
        return self.describe(key)

    def describe(self, key: str) -> JsonObject:
        """Return a run.

        Raises
        ------
        RequestError
            When there is none.
        """
        run = self.runs.get(key)
        if run is None:
            raise RequestError(404, "the cluster has no such run")
        state = run.state(self.clock())
        described: JsonObject = {
            "key": key,
            "state": state,
            "acceptedAt": run.accepted,
            "endsAt": run.ends,
            "error": run.error if state == "FAILED" else "",
        }
        if state == "SUCCEEDED":
            described["result"] = result_of(run.body.get("payload") or {})
        return described

    def cancel(self, key: str) -> JsonObject:
        """Cancel a run; one that is submitted later does not run."""
        now = self.clock()
        run = self.runs.setdefault(key, Run(key, {}, now, now + 1, cancelled=now))
        if run.cancelled is None:
            run.cancelled = now
        return self.describe(key)

    def overview(self) -> JsonObject:
        """Return every run, and what was used at most."""
        return {
            "runs": [
                {**self.describe(key), "cancelled": run.cancelled is not None, **run.body}
                for key, run in self.runs.items()
            ],
            "peak": self.peak,
            "refused": self.refused,
        }

    def metrics(self) -> str:
        """Return the metrics of the last sample."""
        now = self.clock()
        at = now - now % self.sample_seconds if self.sample_seconds else now
        cpu, memory = self.used(at)
        values = (self.cpu, cpu, self.memory_gb * BYTES_OF_GB, memory * BYTES_OF_GB, at)
        lines = []
        for (name, text), value in zip(METRICS.items(), values, strict=True):
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"

    def request(self, method: str, path: str, body: bytes) -> str | JsonObject:
        """Return the answer to a request.

        Raises
        ------
        RequestError
            When it fails.
        """
        if path == "/settings":
            return self.change(json.loads(body or b"{}"))
        if path == "/v1/jobs":
            return self.overview()
        if self.clock() < self.unavailable_until:
            raise RequestError(503, "the cluster is down for maintenance")
        if path == "/metrics":
            return self.metrics()
        key = re.fullmatch(r"/v1/jobs/([^/]+)", path)
        if not key:
            raise RequestError(404, "no such path")
        if method == "PUT":
            return self.submit(unquote(key[1]), json.loads(body))
        if method == "DELETE":
            return self.cancel(unquote(key[1]))
        return self.describe(unquote(key[1]))


def result_of(payload: JsonObject) -> JsonObject:
    """Return what a run computes: the words of its text."""
    words = re.findall(r"[^\W\d_]+", str(payload.get("text", "")).lower())
    if not words:
        return {}
    common = Counter(words).most_common(COMMON_WORDS)
    return {"words": len(words), "different": len(set(words)), "common": dict(common)}


class WithClusters:
    """ASGI application: another one, and the clusters.

    Parameters
    ----------
    app
        Gets every other request unchanged.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._clusters: dict[str, Cluster] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        name, _, rest = scope["path"].removeprefix(PATH).partition("/")
        cluster = self._clusters.setdefault(name, Cluster())
        body = await read_body(receive)
        headers = dict(scope["headers"])
        try:
            if headers.get(b"authorization") != f"Bearer {TOKEN}".encode():
                raise RequestError(401, "the token is wrong")
            found = cluster.request(scope["method"], f"/{rest}", body)
        except RequestError as problem:
            await answer(send, problem.status, "text/plain", problem.text.encode())
        except (ValueError, KeyError, TypeError):
            await answer(send, 400, "text/plain", b"the request is not valid")
        else:
            if isinstance(found, str):
                await answer(send, 200, "text/plain; version=0.0.4", found.encode())
            else:
                await answer(send, 200, "application/json", json.dumps(found).encode())


def layer(app: App) -> App:
    """Put the clusters in front of an application."""
    return WithClusters(app)
