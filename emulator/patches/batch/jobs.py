"""Jobs as the API describes them, and the rules of their attempts, arrays and dependencies.

https://docs.aws.amazon.com/batch/latest/userguide/jobs.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

STATUSES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = frozenset({"SUCCEEDED", "FAILED"})
#: ``CancelJob`` ends jobs in these statuses, and leaves the others alone.
CANCELLED = frozenset({"SUBMITTED", "PENDING", "RUNNABLE"})
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
SIZES = range(2, 10_001)
ATTEMPTS = range(1, 11)
PARAMETER = "Ref::"
#: The reason of a job whose command failed.
EXITED = "Essential container in task exited"
OUT_OF_TIME = "Job attempt duration exceeded timeout"
DEPENDENCY_FAILED = "Dependent Job failed"
CHILD_FAILED = "Array Child Job failed"
#: The exit code of a process that a signal ended: this and the signal's number.
SIGNALLED = 128


class ClientError(Exception):
    """A request that Batch refuses, with its reason."""


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Parameters
    ----------
    exit_code
        The command's exit code; None when it never started.
    status_reason
        Why the attempt failed; empty when it did not.
    reason
        What happened to the container, such as that it has no image.
    log_stream
        The attempt's log stream.
    """

    exit_code: int | None
    status_reason: str = ""
    reason: str = ""
    log_stream: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether the attempt failed."""
        return self.exit_code != 0 or bool(self.status_reason)


def exit_code(returned: int) -> int:
    """Return a container's exit code, of a process's return code."""
    return returned if returned >= 0 else SIGNALLED - returned


def checked(asked: Mapping[str, Any]) -> None:
    """Check the fields of ``SubmitJob``.

    Raises
    ------
    ClientError
        When Batch refuses one.
    """
    if not NAME.match(str(asked.get("jobName", ""))):
        raise ClientError(
            "Job name should match valid pattern: it has up to 128 letters, digits, hyphens and "
            "underscores, and begins with a letter or a digit"
        )
    size = (asked.get("arrayProperties") or {}).get("size")
    if size is not None and size not in SIZES:
        raise ClientError(f"Array size {size} is not between 2 and 10000")
    if (attempts := (asked.get("retryStrategy") or {}).get("attempts")) and (
        attempts not in ATTEMPTS
    ):
        raise ClientError(f"Attempts {attempts} is not between 1 and 10")


def new_job(
    asked: Mapping[str, Any],
    definition: Mapping[str, Any],
    names: Mapping[str, str],
    now: int,
    index: int | None = None,
) -> JsonObject:
    """Return a new job, or a child of an array job.

    Parameters
    ----------
    asked
        The request.
    definition
        The job definition.
    names
        The job's ``jobId``, ``jobArn`` and ``jobQueue``.
    now
        Milliseconds since 1970.
    index
        The child's index.
    """
    parameters = {**(definition.get("parameters") or {}), **(asked.get("parameters") or {})}
    container = merged(definition.get("containerProperties") or {}, asked)
    container["command"] = substituted(container.get("command") or [], parameters)
    job: JsonObject = {
        **names,
        "jobName": asked["jobName"],
        "jobDefinition": definition["jobDefinitionArn"],
        "status": "SUBMITTED",
        "createdAt": now,
        "attempts": [],
        "dependsOn": list(asked.get("dependsOn") or []) if index is None else [],
        "parameters": parameters,
        "retryStrategy": asked.get("retryStrategy")
        or definition.get("retryStrategy")
        or {"attempts": 1},
        "container": container,
        "platformCapabilities": definition.get("platformCapabilities") or ["EC2"],
        "tags": dict(asked.get("tags") or {}),
        "propagateTags": bool(asked.get("propagateTags", definition.get("propagateTags", False))),
        "isTerminated": False,
        "isCancelled": False,
    }
    if limit := asked.get("timeout") or definition.get("timeout"):
        job["timeout"] = dict(limit)
    if index is not None:
        job["arrayProperties"] = {"index": index}
    elif size := (asked.get("arrayProperties") or {}).get("size"):
        job["arrayProperties"] = {"size": size, "statusSummary": summary(["SUBMITTED"] * size)}
    return job


def merged(properties: Mapping[str, Any], asked: Mapping[str, Any]) -> JsonObject:
    """Return the properties of a job's container: the definition's with the request's changes."""
    changes = asked.get("containerOverrides") or {}
    found = dict(properties)
    if changes.get("command"):
        found["command"] = changes["command"]
    for field, name in (("environment", "name"), ("resourceRequirements", "type")):
        entries = {entry[name]: entry for entry in properties.get(field) or []}
        entries |= {entry[name]: entry for entry in changes.get(field) or []}
        found[field] = list(entries.values())
    return found


def substituted(command: Sequence[str], parameters: Mapping[str, str]) -> list[str]:
    """Return a command with its parameters: ``Ref::name`` is the value of ``name``."""
    return [
        str(parameters.get(part.removeprefix(PARAMETER), part))
        if part.startswith(PARAMETER)
        else part
        for part in command
    ]


def vcpus(container: Mapping[str, Any]) -> float:
    """Return how many vCPUs a container takes."""
    found = {one["type"]: one["value"] for one in container.get("resourceRequirements") or []}
    return float(found.get("VCPU") or container.get("vcpus") or 1)


def summary(statuses: Iterable[str]) -> dict[str, int]:
    """Return how many children of an array job have each status."""
    counted = Counter(statuses)
    return {status: counted[status] for status in STATUSES}


def repeats(strategy: Mapping[str, Any], attempt: int, ended: Ended) -> bool:
    """Return whether a failed attempt is repeated.

    Parameters
    ----------
    strategy
        The job's ``retryStrategy``. The first of its conditions that fits decides; an attempt that
        fits none is repeated.
    attempt
        The number of attempts so far.
    ended
        How the last one ended.
    """
    if not ended.has_failed or attempt >= int(strategy.get("attempts") or 1):
        return False
    values = {
        "onExitCode": "" if ended.exit_code is None else str(ended.exit_code),
        "onReason": ended.reason,
        "onStatusReason": ended.status_reason,
    }
    for condition in strategy.get("evaluateOnExit") or []:
        if all(fits(condition[name], value) for name, value in values.items() if name in condition):
            return str(condition["action"]).upper() == "RETRY"
    return True


def fits(pattern: str, value: str) -> bool:
    """Return whether a value fits a pattern, which may end with an asterisk for any end."""
    pattern, value = pattern.lower(), value.lower()
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def predecessors(asked: Mapping[str, Any], job: str, index: int | None) -> list[str]:
    """Return the ids of the jobs that one waits for.

    Parameters
    ----------
    asked
        The request.
    job
        The id of the job, for a child the one of its array.
    index
        The child's index; None for a job that is none.
    """
    found = []
    for dependency in asked.get("dependsOn") or []:
        kind, other = dependency.get("type"), dependency.get("jobId")
        if kind == "SEQUENTIAL" and not other:
            found += [f"{job}:{index - 1}"] if index else []
        elif kind == "N_TO_N":
            found += [] if index is None else [f"{other}:{index}"]
        else:
            found.append(str(other))
    return found


def event(job: Mapping[str, Any]) -> JsonObject:
    """Return the detail of a job's event: what ``DescribeJobs`` returns."""
    return {name: value for name, value in job.items() if name not in ("isCancelled",)}
