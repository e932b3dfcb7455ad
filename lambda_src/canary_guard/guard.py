"""The guard of a canary: a rule calls it for each alarm that fires, another one every minute.

It puts the aliases of functions and state machines back to the stable versions of the canary record
if

- the new versions raise technical errors while they are tried,
- the promotion shows no sign of life, or takes too long,
- an alarm of technical errors fires in the hour after the promotion.

It changes aliases and parameters only. The next apply of an operator does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canary_guard.record import RETURNING, REVERTED, SETTLING, Record
from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

log = get_logger("canary_guard")

ALIAS = "live"
#: Alarms of technical errors, by the ends of their names.
ALARMS = ("-errors", "-failed", "-timed-out")
#: Failures of Step Functions itself; all others are named by a function, whose own log counts.
STATE_MACHINE_ERRORS = "States."
#: The newest failed executions that are looked at.
MOST_EXECUTIONS = 100
ATTEMPTS = 4


class CanaryReverted(Exception):  # noqa: N818  operators read it in the log
    """The stable release has all calls again. Raised so that the guard's own alarm fires."""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Look at the canary, if there is one.

    Parameters
    ----------
    event
        An alarm's change of state, a scheduled event, ``{"action": "judge"}``, or ``{"action":
        "revert", "reason": …}`` of an operator's command.

    Returns
    -------
    dict
        ``state`` of the canary after the call, None without one, and the ``reason`` of a revert.

    Raises
    ------
    CanaryReverted
        After a revert that no operator asked for.
    """
    # Imported here: only a canary needs it.
    from datetime import UTC, datetime

    guard = Guard(config.required("NAME_PREFIX"), config.required("PARAMETER_PREFIX"))
    record = guard.record()
    if record is None:
        return {"state": None}
    if event.get("action") == "revert":
        return guard.revert(record, str(event["reason"]))
    after = guard.look(record, _alarm(event), datetime.now(UTC))
    if after["state"] == REVERTED != record.state:
        raise CanaryReverted(after["reason"])
    return after


class Guard:
    """The parts of an environment that the guard reads and changes.

    Parameters
    ----------
    name_prefix
        Beginning of the names of functions and state machines, such as ``flowbridge-prd-``.
    parameter_prefix
        Beginning of the names of parameters, such as ``/flowbridge/prd/``.
    """

    def __init__(self, name_prefix: str, parameter_prefix: str) -> None:
        self._names = name_prefix
        self._parameters = parameter_prefix
        self._ssm = client("ssm", attempts=ATTEMPTS)
        self._lambda = client("lambda", attempts=ATTEMPTS)
        self._states = client("stepfunctions", attempts=ATTEMPTS)

    def record(self) -> Record | None:
        """Return the canary record, None without a canary."""
        text = self._read("canary")
        return None if text is None else Record.parse(text)

    def look(self, record: Record, alarm: str | None, now: datetime) -> dict[str, Any]:
        """Judge a canary, and revert it if it has to be."""
        if record.state == REVERTED:
            # A Terraform that outlived its command may have changed some of them again.
            self._put_back(record)
            return {"state": REVERTED, "reason": record.reason}
        if reason := record.overdue(now):
            return self.revert(record, reason)
        if record.state == SETTLING:
            if record.is_past(now):
                self._ssm.delete_parameter(Name=f"{self._parameters}canary")
                return {"state": None}
            if alarm and not record.alarm:
                record = record.changed(alarm=alarm)
                self._write(record)
            # Logs come later than alarms, so every call from now on looks for errors.
            if not record.alarm:
                return {"state": SETTLING}
        if record.state != RETURNING and (error := next(self._errors(record, now), None)):
            return self.revert(record, error)
        return {"state": record.state}

    def revert(self, record: Record, reason: str) -> dict[str, Any]:
        """Give the stable versions all calls again."""
        self._put_back(record)
        self._write(record.changed(state=REVERTED, reason=reason))
        log.error(
            "canary reverted",
            extra={"release": record.release, "before": record.before, "reason": reason},
        )
        return {"state": REVERTED, "reason": reason}

    def _put_back(self, record: Record) -> None:
        for name, (version, _) in record.functions.items():
            function = f"{self._names}{name}"
            if self._function_versions(function) not in ([], [version]):
                self._lambda.update_alias(
                    FunctionName=function,
                    Name=ALIAS,
                    FunctionVersion=version,
                    RoutingConfig={"AdditionalVersionWeights": {}},
                )
        for name, version in record.state_machines.items():
            arn = self._state_machine(name)
            if self._state_machine_versions(arn) not in ([], [f"{arn}:{version}"]):
                self._states.update_state_machine_alias(
                    stateMachineAliasArn=f"{arn}:{ALIAS}",
                    routingConfiguration=[
                        {"stateMachineVersionArn": f"{arn}:{version}", "weight": 100}
                    ],
                )
        if self._read("release") != record.before:
            self._ssm.put_parameter(
                Name=f"{self._parameters}release", Value=record.before, Overwrite=True
            )

    def _errors(self, record: Record, now: datetime) -> Iterator[str]:
        """Yield a sentence for each technical error of a new version since the canary began."""
        begun = record.begun_at
        for name, (stable, pattern) in record.functions.items():
            function = f"{self._names}{name}"
            for version in self._function_versions(function):
                if version != stable:
                    yield from self._logged(function, version, record.patterns[pattern], begun, now)
        for name, stable in record.state_machines.items():
            arn = self._state_machine(name)
            for version in self._state_machine_versions(arn):
                if version != f"{arn}:{stable}":
                    yield from self._failed(version, begun)

    def _logged(
        self, function: str, version: str, pattern: str, begun: datetime, now: datetime
    ) -> Iterator[str]:
        """Yield the technical errors in the log of one version of a function."""
        logs = client("logs", attempts=ATTEMPTS)
        # The name of a log stream begins with the day and the version.
        for day in sorted({moment.strftime("%Y/%m/%d") for moment in (begun, now)}):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{function}",
                logStreamNamePrefix=f"{day}/[{version}]",
                startTime=int(begun.timestamp() * 1000),
                filterPattern=pattern,
            )
            for page in pages:
                for _ in page["events"]:
                    yield f"Version {version} of {function} failed. Its log says why."

    def _failed(self, version: str, begun: datetime) -> Iterator[str]:
        """Yield the executions of a state machine's version that failed by its definition."""
        for status in ("TIMED_OUT", "FAILED"):
            try:
                found = self._states.list_executions(
                    stateMachineArn=version, statusFilter=status, maxResults=MOST_EXECUTIONS
                )["executions"]
            except self._states.exceptions.StateMachineTypeNotSupported:
                # Express: the log of its executions names no version. Its functions' logs count.
                return
            for execution in found:
                if execution["startDate"] < begun:
                    break
                arn = execution["executionArn"]
                error = status
                if status == "FAILED":
                    error = self._states.describe_execution(executionArn=arn).get("error", "")
                    if not error.startswith(STATE_MACHINE_ERRORS):
                        continue
                yield f"Execution {execution['name']} of {version} ended with {error}."

    def _function_versions(self, function: str) -> list[str]:
        """Return the versions that callers of a function get; none if the release removed it."""
        try:
            alias = self._lambda.get_alias(FunctionName=function, Name=ALIAS)
        except self._lambda.exceptions.ResourceNotFoundException:
            return []
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return [alias["FunctionVersion"], *weights]

    def _state_machine_versions(self, arn: str) -> list[str]:
        """Return the ARNs of the versions that an alias starts; none if the release removed it."""
        try:
            alias = self._states.describe_state_machine_alias(stateMachineAliasArn=f"{arn}:{ALIAS}")
        except self._states.exceptions.ResourceNotFound:
            return []
        routes = alias["routingConfiguration"]
        return [route["stateMachineVersionArn"] for route in routes if route["weight"] > 0]

    def _state_machine(self, name: str) -> str:
        return f"{config.required('STATE_MACHINES')}:{self._names}{name}"

    def _read(self, name: str) -> str | None:
        try:
            answer = self._ssm.get_parameter(Name=f"{self._parameters}{name}")
        except self._ssm.exceptions.ParameterNotFound:
            return None
        value: str = answer["Parameter"]["Value"]
        return value

    def _write(self, record: Record) -> None:
        self._ssm.put_parameter(
            Name=f"{self._parameters}canary", Value=record.text(), Overwrite=True
        )


def _alarm(event: dict[str, Any]) -> str | None:
    """Return the name of an alarm of technical errors that fired, None for any other event."""
    detail = event.get("detail") or {}
    name = str(detail.get("alarmName", ""))
    fires = (detail.get("state") or {}).get("value") == "ALARM"
    return name if fires and name.endswith(ALARMS) else None
