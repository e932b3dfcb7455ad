"""A canary: few calls go to a new release first, and a guard in AWS can take it back.

A promotion writes one SSM parameter, the canary record, and renews its sign of life in it. The
function ``canary_guard`` reads it every minute: `lambda_src/canary_guard` says when it reverts the
release. The record is also the lock of the promotion.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ops.aws.clients import AWS_ERRORS
from ops.errors import OperationError

TRYING, SETTLING, RETURNING, REVERTED = "trying", "settling", "returning", "reverted"
#: States in which a command is under way.
LOCKING = (TRYING, RETURNING)

BEAT_SECONDS = 20.0
#: As `canary_guard.record` has it.
SILENT_SECONDS = 180
#: How often a promotion asks the guard.
LOOK_SECONDS = 15.0
#: Time for the applies and the smoke test around the canary's minutes.
MARGIN = timedelta(minutes=45)
#: How long alarms still revert a promoted release.
SETTLING_TIME = timedelta(hours=1)


@dataclass(frozen=True)
class Versions:
    """The stable versions while a release is tried, by name."""

    functions: Mapping[str, str] = field(default_factory=dict)
    state_machines: Mapping[str, str] = field(default_factory=dict)

    def variable(self) -> dict[str, Any]:
        """Return the root module's variable ``stable_versions``."""
        return {"functions": self.functions, "state_machines": self.state_machines}

    def kept(self) -> dict[str, Any]:
        """Return the variable with which the state machines keep their stable versions alone."""
        return {"state_machines": self.state_machines, "machine_percent": 0}


@dataclass(frozen=True)
class Record:
    """The canary record, as far as commands use it; `content` is all of it."""

    content: Mapping[str, Any]

    @property
    def state(self) -> str:
        """The canary's state."""
        return str(self.content["state"])

    @property
    def before(self) -> str:
        """The digest of the stable release."""
        return str(self.content["before"])

    @property
    def release(self) -> str:
        """The digest of the new release."""
        return str(self.content["release"])

    @property
    def reason(self) -> str:
        """Why the guard reverted the release."""
        return str(self.content.get("reason", ""))

    @property
    def is_cut_off(self) -> bool:
        """Whether an unlocked canary did not end with its promotion."""
        return self.state != SETTLING

    def again(self) -> dict[str, Any]:
        """Return the content with which another command goes back to the stable release."""
        own = ("id", "by", "begun", "heartbeat")
        return {**{k: v for k, v in self.content.items() if k not in own}, **returning()}

    def is_locked(self, now: datetime) -> bool:
        """Return whether another command is under way, which shows signs of life."""
        beat = datetime.fromisoformat(self.content["heartbeat"])
        return self.state in LOCKING and (now - beat).total_seconds() <= SILENT_SECONDS

    def __str__(self) -> str:
        begun = datetime.fromisoformat(self.content["begun"])
        return (
            f"release {self.release[:12]} by {self.content['by']} since {begun:%Y-%m-%d %H:%M} UTC"
        )


class Canaries:
    """The canary record of an environment.

    Parameters
    ----------
    client
        A boto3 ``ssm`` client.
    environment
        The environment's name.
    parameter
        The record's name, such as ``/flowbridge/prd/canary``.
    tags
        Tags of the environment's resources.
    """

    def __init__(
        self, client: Any, environment: str, parameter: str, tags: Mapping[str, str]
    ) -> None:
        self._client = client
        self._environment = environment
        self._parameter = parameter
        self._tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def read(self) -> Record | None:
        """Return the record, None without a canary."""
        try:
            answer = self._client.get_parameter(Name=self._parameter)
        except self._client.exceptions.ParameterNotFound:
            return None
        return Record(json.loads(answer["Parameter"]["Value"]))

    def require_unlocked(self) -> Record | None:
        """Return the record of a canary that has ended.

        Raises
        ------
        OperationError
            When a promotion or rollback of an operator is under way.
        """
        record = self.read()
        if record is not None and record.is_locked(_now()):
            raise OperationError(
                f"'{self._environment}' is being changed: {record}.",
                "Wait until it has ended, or stop that command with Ctrl-C. If it was killed, wait "
                f"{SILENT_SECONDS // 60} minutes and type 'make rollback "
                f"ENV={self._environment}'.",
            )
        return record

    def require_ended(self, release: str | None = None) -> None:
        """Remove the record of an ended canary; keep that of the release, if it settles.

        Raises
        ------
        OperationError
            When one is under way, or its command was killed and the guard has not acted yet.
        """
        record = self.require_unlocked()
        if record is None or (record.state == SETTLING and record.release == release):
            return
        if record.state in LOCKING:
            raise OperationError(
                f"A promotion in '{self._environment}' was cut off: {record}.",
                f"Type 'make rollback ENV={self._environment}'.",
            )
        self.remove()

    def remove(self) -> None:
        """Remove the record, if there is one."""
        with suppress(self._client.exceptions.ParameterNotFound):
            self._client.delete_parameter(Name=self._parameter)

    @contextmanager
    def held(self, content: Mapping[str, Any]) -> Iterator[Hold]:
        """Write a record, and show signs of life until the end of the block.

        Raises
        ------
        OperationError
            When another command is under way.
        """
        self.require_unlocked()
        begun = _now()
        full = {
            "id": str(uuid4()),
            "by": who(),
            "begun": _text(begun),
            "heartbeat": _text(begun),
            **content,
        }
        if not self._written(json.dumps(full)):
            raise OperationError(
                f"Another command began in '{self._environment}' at this moment.",
                "Wait until it has ended.",
            )
        hold = Hold(self._client, self._parameter, full)
        with hold:
            yield hold

    def _written(self, value: str) -> bool:
        """Write the record, and return whether no other command did so at the same moment.

        A record that is there is replaced, not removed: without one, the guard would not revert the
        canary of a promotion that was cut off.
        """
        try:
            found = self._client.get_parameter(Name=self._parameter)["Parameter"]["Version"]
        except self._client.exceptions.ParameterNotFound:
            try:
                self._client.put_parameter(
                    Name=self._parameter,
                    Value=value,
                    Type="String",
                    # More than 4 KB where many functions are tried.
                    Tier="Intelligent-Tiering",
                    Tags=self._tags,
                )
            except self._client.exceptions.ParameterAlreadyExists:
                return False
            return True
        written = self._client.put_parameter(Name=self._parameter, Value=value, Overwrite=True)
        return bool(written["Version"] == found + 1)


class Hold:
    """A record of this command; a thread renews its sign of life."""

    def __init__(self, client: Any, parameter: str, content: Mapping[str, Any]) -> None:
        self._client = client
        self._parameter = parameter
        self._content = dict(content)
        self._writing = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def change(self, **values: Any) -> None:
        """Change fields of the record.

        Raises
        ------
        OperationError
            When the guard reverted the release, or another command took over.
        """
        with self._writing:
            try:
                answer = self._client.get_parameter(Name=self._parameter)
            except self._client.exceptions.ParameterNotFound as error:
                raise OperationError(
                    "Another command ended this canary.", "Ask before you promote again."
                ) from error
            found = json.loads(answer["Parameter"]["Value"])
            if found["id"] != self._content["id"]:
                raise OperationError(
                    f"{found['by']} took over this canary.", "Ask before you promote again."
                )
            if found["state"] == REVERTED and values.get("state") != RETURNING:
                raise reverted(str(found["reason"]))
            self._content = {**found, **values, "heartbeat": _text(_now())}
            self._client.put_parameter(
                Name=self._parameter, Value=json.dumps(self._content), Overwrite=True
            )

    def _beat(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            try:
                self.change()
            except OperationError:
                # The command itself finds out when it changes the record.
                return
            except AWS_ERRORS:
                # The guard acts if they do not end.
                continue


def record_of(
    release: str,
    before: str,
    seconds: float,
    prefix: str,
    stable: Versions,
    patterns: Mapping[str, str],
) -> dict[str, Any]:
    """Return the content of a record with which a canary begins.

    Parameters
    ----------
    release, before
        The digests of the new and the stable release.
    seconds
        How long the new release gets a part of the calls.
    prefix
        The beginning of every name, which the record leaves out.
    stable
        The stable versions.
    patterns
        The filter pattern of each function's technical errors, by the function's name.
    """
    used = sorted({patterns[name] for name in stable.functions})
    return {
        "state": TRYING,
        "release": release,
        "before": before,
        "deadline": _text(_now() + timedelta(seconds=seconds) + MARGIN),
        "patterns": used,
        "functions": {
            name.removeprefix(prefix): [version, used.index(patterns[name])]
            for name, version in stable.functions.items()
        },
        "state_machines": {
            name.removeprefix(prefix): version for name, version in stable.state_machines.items()
        },
    }


def settling() -> dict[str, str]:
    """Return the fields of a record whose release was promoted."""
    return {"state": SETTLING, "deadline": _text(_now() + SETTLING_TIME)}


def returning() -> dict[str, str]:
    """Return the fields of a record whose stable release is applied again."""
    return {"state": RETURNING, "deadline": _text(_now() + MARGIN)}


def ask_guard(client: Any, function: str, event: Mapping[str, Any]) -> None:
    """Have the guard look at the canary.

    Parameters
    ----------
    client
        A boto3 ``lambda`` client.
    function
        The guard's name.
    event
        ``{"action": "judge"}``, or ``{"action": "revert", "reason": …}``.

    Raises
    ------
    OperationError
        When the guard reverted the release by itself, or fails.
    """
    answer = client.invoke(
        FunctionName=function, Qualifier="live", Payload=json.dumps(event).encode()
    )
    result = json.load(answer["Payload"])
    if answer.get("FunctionError"):
        if result.get("errorType") == "CanaryReverted":
            raise reverted(result["errorMessage"])
        raise OperationError(
            f"The canary guard failed: {result.get('errorType')}: {result.get('errorMessage')}.",
            f"Its log group is /aws/lambda/{function}.",
        )
    if result["state"] == REVERTED and event["action"] != "revert":
        raise reverted(result["reason"])


def watch(look: Callable[[], None], seconds: float) -> None:
    """Have the guard look at the canary until its time is over."""
    deadline = time.monotonic() + seconds
    while True:
        look()
        if (left := deadline - time.monotonic()) <= 0:
            return
        time.sleep(min(LOOK_SECONDS, left))


def reverted(reason: str) -> OperationError:
    """Return the error that says that the guard reverted the release."""
    return OperationError(
        f"The canary guard reverted the release. {reason}", "Find the cause before the next try."
    )


def who() -> str:
    """Return who runs this command: the job on GitHub, or user and computer."""
    if run := os.environ.get("GITHUB_RUN_ID"):
        return f"GitHub run {run}"
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
