"""A compute cluster that is used by HTTP.

- ``PUT /v1/jobs/<key>`` submits a run. The same key again returns the run that is there, so an
  answer that was lost starts nothing twice.
- ``GET /v1/jobs/<key>`` returns its state, and the error output of a run that failed.
- ``DELETE /v1/jobs/<key>`` cancels it. A key that is cancelled before it was submitted never runs.
- ``GET /metrics`` returns the cluster's size and its use, in Prometheus's text format.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from cluster_job_manager.errors import ClusterRejected, ClusterUnavailable
from cluster_job_manager.jobs import Job, Space
from cluster_job_manager.masking import masked
from flowbridge import config
from flowbridge.errors import ConfigurationError
from flowbridge.http_retry import NO_RESPONSE, is_retryable, truncate
from flowbridge.secret import Secret

#: Connect and read timeout in seconds.
TIMEOUTS = (3.0, 10.0)
#: Hosts that may be called without TLS: their traffic stays on this machine.
LOOPBACK = ("127.0.0.1", "localhost")
UNKNOWN = "UNKNOWN"
BYTES_OF_GB = 1024**3
#: A longer answer is read no further.
LARGEST_ANSWER = 8 * 1024**2
#: The longest name of a state.
LONGEST_STATE = 40


@dataclass(frozen=True)
class Place:
    """A cluster of the settings.

    Parameters
    ----------
    name
        Its name.
    url
        Its address.
    size
        The space that jobs of this flow may take.
    """

    name: str
    url: str
    size: Space


@dataclass(frozen=True)
class Use:
    """The size and use of a cluster.

    Parameters
    ----------
    total, used
        By all jobs, also those of others.
    sampled_at
        When that was, in seconds by the cluster's clock.
    """

    total: Space
    used: Space
    sampled_at: float


@dataclass(frozen=True)
class Answer:
    """A response of a cluster, whose body is cut after `LARGEST_ANSWER` bytes.

    Parameters
    ----------
    status
        The HTTP status.
    body
        What was read of the body.
    """

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, without a guess at its encoding, which is slow."""
        return self.body.decode("utf-8", "replace")


class Cluster:
    """One cluster.

    Parameters
    ----------
    place
        Where it is.
    token
        The secret with the token that it asks for.
    session
        The HTTP session, whose connections are reused.
    """

    def __init__(self, place: Place, token: Secret, session: requests.Session) -> None:
        parts = urlsplit(place.url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigurationError(
                f"The cluster {place.name} has no https URL. Correct it in the flow's settings."
            )
        self.place = place
        self._token = token
        self._session = session

    def submit(self, key: str, job: Job) -> dict[str, Any]:
        """Submit a run; return its state and when the cluster accepted it.

        Raises
        ------
        ClusterRejected, ClusterUnavailable
            For a permanent and a transient error.
        """
        body = {
            "cpu": job["cpu"],
            "memoryGb": job["memoryGb"],
            "timeLimitSeconds": job["timeLimitSeconds"],
            "payload": job["payload"],
        }
        run = self._json(self._call("PUT", _path(key), json=body))
        if not _is_number(run.get("acceptedAt")):
            raise ClusterUnavailable(f"the cluster {self.place.name} did not say when it accepted")
        return run

    def status(self, key: str) -> dict[str, Any]:
        """Return the state of a run, without secrets in its error output.

        Raises
        ------
        ClusterRejected, ClusterUnavailable
            For a permanent and a transient error.
        """
        answer = self._call("GET", _path(key), accepted=(404,))
        if answer.status == 404:
            return {"state": UNKNOWN}
        run = self._json(answer)
        state = run.get("state")
        if not isinstance(state, str) or not state.isascii() or len(state) > LONGEST_STATE:
            raise ClusterUnavailable(f"the cluster {self.place.name} named no state of the run")
        return {**run, "error": masked(str(run.get("error") or ""))}

    def cancel(self, key: str) -> None:
        """Cancel a run, whether or not it was submitted.

        Raises
        ------
        ClusterRejected, ClusterUnavailable
            For a permanent and a transient error.
        """
        self._call("DELETE", _path(key))

    def use(self) -> Use:
        """Return the cluster's size and use.

        Raises
        ------
        ClusterRejected, ClusterUnavailable
            For a permanent and a transient error.
        """
        return read_metrics(self._call("GET", "/metrics").text)

    def _call(self, method: str, path: str, accepted: tuple[int, ...] = (), **more: Any) -> Answer:
        answer = self._once(method, path, **more)
        if answer.status == 401 and self._token.refresh():
            # The token was replaced after it was read.
            answer = self._once(method, path, **more)
        status = answer.status
        if is_retryable(status):
            raise ClusterUnavailable(f"the cluster {self.place.name} returned {status}")
        if status >= 300 and status not in accepted:
            reason = masked(truncate(answer.text))
            raise ClusterRejected(f"the cluster {self.place.name} returned {status}: {reason}")
        return answer

    def _once(self, method: str, path: str, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self._token.text().strip()}"}
        try:
            with self._session.request(
                method,
                f"{self.place.url.rstrip('/')}{path}",
                headers=headers,
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
                **more,
            ) as response:
                return Answer(response.status_code, _start(response, LARGEST_ANSWER + 1))
        except NO_RESPONSE as error:
            kind = type(error).__name__
            raise ClusterUnavailable(
                f"the cluster {self.place.name} did not respond: {kind}"
            ) from None
        except (requests.RequestException, ValueError) as error:
            # Even a redirect that is not followed has to be an address.
            kind = type(error).__name__
            raise ClusterRejected(
                f"the cluster {self.place.name} broke the rules of HTTP: {kind}"
            ) from None

    def _json(self, answer: Answer) -> dict[str, Any]:
        if len(answer.body) > LARGEST_ANSWER:
            raise ClusterRejected(
                f"the cluster {self.place.name} returned more than {LARGEST_ANSWER:,} bytes"
            )
        try:
            value = json.loads(answer.body, parse_constant=_refused)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            # A proxy may answer for a cluster that is down.
            raise ClusterUnavailable(f"the cluster {self.place.name} returned no JSON object")
        return value


def read_metrics(text: str) -> Use:
    """Return the use of a cluster from Prometheus's text format.

    Raises
    ------
    ClusterUnavailable
        When a metric is missing, or is not a number.
    """
    values = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if not name.startswith("#"):
            values[name] = value.split(" ")[0]
    try:
        cpu, memory = (
            [_finite(values[f"cluster_{kind}_{part}"]) for part in ("total", "used")]
            for kind in ("cpu_cores", "memory_bytes")
        )
        sampled_at = _finite(values["cluster_sample_time_seconds"])
    except (KeyError, ValueError):
        raise ClusterUnavailable("the metrics of the cluster are not complete") from None
    total, used = (
        Space(cores, size / BYTES_OF_GB) for cores, size in zip(cpu, memory, strict=True)
    )
    return Use(total, used, sampled_at)


@lru_cache(maxsize=1)
def places() -> dict[str, Place]:
    """Return the clusters of the environment variable ``CLUSTERS``, by name.

    Raises
    ------
    ConfigurationError
        When it is not such a JSON object.
    """
    try:
        return {
            name: Place(name, one["url"], Space(one["cpu"], one["memoryGb"]))
            for name, one in json.loads(config.required("CLUSTERS")).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            "The environment variable CLUSTERS is not an object of clusters with url, cpu and "
            "memoryGb. Set it in the function's Terraform."
        ) from None


@lru_cache(maxsize=8)
def cluster(name: str) -> Cluster:
    """Return a cluster of the settings.

    Raises
    ------
    ConfigurationError
        When there is none of this name.
    """
    if name not in places():
        raise ConfigurationError(
            f"The settings have no cluster '{name}'. Keep a cluster until its jobs have ended."
        )
    return Cluster(places()[name], _token(), requests.Session())


@lru_cache(maxsize=1)
def _token() -> Secret:
    return Secret(config.required("CLUSTER_SECRET"))


def _path(key: str) -> str:
    return f"/v1/jobs/{quote(key, safe='')}"


def _start(response: requests.Response, most: int) -> bytes:
    """Return the first bytes of a response."""
    parts, size = [], 0
    for part in response.iter_content(64 * 1024):
        parts.append(part)
        size += len(part)
        if size >= most:
            break
    return b"".join(parts)[:most]


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _is_number(value: object) -> bool:
    # DynamoDB keeps the time, and its numbers are smaller than Python's.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def _refused(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
