"""Time limits of tasks, heartbeats, callbacks and the delays of retries.

MiniStack ignores ``HeartbeatSeconds``, limits that are expressions or paths, and a failure of the
function that gets a task token. A retry waits 60 s at most, whatever ``MaxDelaySeconds``.
"""

from __future__ import annotations

import contextvars
import json
import random
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from emulator.patches.stepfunctions import scopes
from emulator.patches.stepfunctions.executions import refusal
from emulator.patches.stepfunctions.scopes import CLOCK, Callback

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

TIMEOUT, HEARTBEAT = "TimeoutSeconds", "HeartbeatSeconds"
ERRORS = {TIMEOUT: "States.Timeout", HEARTBEAT: "States.HeartbeatTimeout"}
CALLBACK = ".waitForTaskToken"

#: The ARN of a state machine, in that of its version, alias or map run.
MACHINE = re.compile(r"^(arn:[^:]+:states:[^:]+:[^:]+:stateMachine:[^:/]+).*$")
#: So many tokens of tasks that ended are known.
ENDED_TOKENS = 100_000

_state: ContextVar[JsonObject] = ContextVar("state")
_context: ContextVar[JsonObject | None] = ContextVar("context", default=None)
#: How long the next retry waits.
_delay: ContextVar[float | None] = ContextVar("delay", default=None)


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.core import iam_actions
    from ministack.services import stepfunctions as machines

    tokens = Tokens(machines)
    iam_actions.extract_resource_arn = tokens.authorized(iam_actions.extract_resource_arn)
    machines._execute_task = with_limits(machines, machines._execute_task)
    machines._invoke_resource_with_timeout = partial(invoke_in_time, machines)
    machines._invoke_with_callback = tokens.invoke
    machines._invoke_activity = tokens.run_activity
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        setattr(machines, name, tokens.refusing(getattr(machines, name)))
    machines._send_task_heartbeat = tokens.renewing(machines._send_task_heartbeat)
    machines._get_activity_task = tokens.beginning(machines._get_activity_task)
    machines._add_event = with_timeouts(machines._add_event)
    machines._find_matching_retrier = with_delays(
        with_tokens(machines._find_matching_retrier, machines.new_uuid)
    )
    machines._scaled_sleep = partial(pause, machines)


def with_limits(machines: Any, execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's run of a task, with limits that are expressions or paths evaluated."""

    def execute_task(state: JsonObject, given: Any, execution: Any, context: JsonObject) -> Any:
        for limit in ERRORS:
            if isinstance(state.get(limit), str):
                value = machines._jsonata_state_field(state, limit, "number", given, context)
                state = {**state, limit: value}
            elif path := state.get(f"{limit}Path"):
                state = {**state, limit: machines._resolve_path_or_ctx(path, given, context)}
        resets = _state.set(state), _context.set(context)
        try:
            return execute(state, given, execution, context)
        finally:
            _state.reset(resets[0])
            _context.reset(resets[1])

    return execute_task


def invoke_in_time(machines: Any, resource: str, arguments: Any, seconds: float) -> Any:
    """Call a task's service for so long at most; what waits in it is interrupted then."""
    ended, found = threading.Event(), list[Callable[[], Any]]()

    def call() -> None:
        try:
            value = machines._invoke_resource(resource, arguments)
            found.append(lambda: value)
        except BaseException as error:
            found.append(partial(_raise, error))
        finally:
            ended.set()

    outer = scopes.current()
    with outer.part():
        work = contextvars.copy_context()
        threading.Thread(target=work.run, args=(call,), daemon=True).start()
        if not outer.wait_for(ended, seconds):
            cause = f"The task did not end within {seconds} seconds."
            raise machines._ExecutionError(ERRORS[TIMEOUT], cause)
    return found[0]()


def _raise(error: BaseException) -> None:
    raise error


class Tokens:
    """The tasks that wait for a token to come back.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    """

    def __init__(self, machines: Any) -> None:
        self._machines = machines
        self._tasks: dict[str, _Waiting] = {}
        # In the order in which they ended, the ARN that each belonged to.
        self._ended: dict[str, str] = {}

    def invoke(self, resource: str, arguments: Any, token: str, state: JsonObject) -> Any:
        """Call a task's service, then wait for the token; a call that fails fails the task."""
        machine = str((_context.get() or {})["StateMachine"]["Id"])
        with self._waiting(token, state, machine) as task:
            task.begin()
            self._machines._invoke_resource(resource.replace(CALLBACK, ""), arguments)
            return task.result()

    def run_activity(self, resource: str, arguments: Any) -> Any:
        """Let a worker do a task; its limits begin when a worker takes it."""
        if resource not in self._machines._activities:
            message = f"Activity Does Not Exist: '{resource}'"
            raise self._machines._ExecutionError("ActivityDoesNotExist", message)
        token = self._machines.new_uuid()
        waiting = {"taskToken": token, "input": json.dumps(arguments)}
        queue = self._machines._activity_tasks[resource]
        with self._waiting(token, _state.get(), resource) as task:
            queue.append(waiting)
            try:
                return task.result()
            finally:
                if waiting in queue:
                    queue.remove(waiting)

    def authorized(self, resource: Callable[..., str]) -> Callable[..., str]:
        """Return MiniStack's lookup of a call's resource, which for a token is whose task it is."""

        def arn(
            service: str, method: str, path: str, headers: Any, body: bytes, *request: Any
        ) -> str:
            found = resource(service, method, path, headers, body, *request)
            if service != "states" or found != "*" or b"taskToken" not in body:
                return found
            try:
                token = str(json.loads(body).get("taskToken"))
            except (ValueError, AttributeError):
                return found
            task = self._tasks.get(token)
            return MACHINE.sub(r"\1", task.owner if task else self._ended.get(token, found))

        return arn

    def refusing(self, send: Callable[[JsonObject], Answer]) -> Callable[[JsonObject], Answer]:
        """Return an operation of MiniStack on a token, which refuses those of no waiting task."""

        def send_or_refuse(data: JsonObject) -> Answer:
            token = str(data.get("taskToken"))
            task = self._tasks.get(token)
            if task and not task.info["event"].is_set():
                return send(data)
            if task or token in self._ended:
                message = "Task Timed Out: 'Provided task does not exist anymore'"
                return refusal(self._machines, "TaskTimedOut", message)
            return refusal(self._machines, "InvalidToken", "Invalid Token: 'Invalid token'")

        return send_or_refuse

    def renewing(self, send: Callable[[JsonObject], Answer]) -> Callable[[JsonObject], Answer]:
        """Return MiniStack's ``SendTaskHeartbeat``, which renews the heartbeat of the task."""

        def send_and_renew(data: JsonObject) -> Answer:
            answer = send(data)
            if task := self._tasks.get(str(data.get("taskToken"))):
                task.renew()
            return answer

        return send_and_renew

    def beginning(
        self, take: Callable[[JsonObject], Awaitable[Answer]]
    ) -> Callable[[JsonObject], Awaitable[Answer]]:
        """Return MiniStack's ``GetActivityTask``, with which the limits of the task begin."""

        async def take_and_begin(data: JsonObject) -> Answer:
            answer = await take(data)
            if task := self._tasks.get(json.loads(answer[2]).get("taskToken", "")):
                task.begin()
            return answer

        return take_and_begin

    @contextmanager
    def _waiting(self, token: str, state: JsonObject, owner: str) -> Iterator[_Waiting]:
        task = self._tasks[token] = _Waiting(self._machines, state, owner)
        self._machines._task_tokens[token] = task.info
        try:
            yield task
        finally:
            del self._tasks[token]
            self._machines._task_tokens.pop(token, None)
            task.end()
            self._ended[token] = owner
            if len(self._ended) > ENDED_TOKENS:
                del self._ended[next(iter(self._ended))]


class _Waiting:
    """A task that waits for its token.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    state
        The task's state, with its limits.
    owner
        The ARN of its state machine or activity.
    """

    def __init__(self, machines: Any, state: JsonObject, owner: str) -> None:
        self.owner = owner
        self.info: JsonObject = {
            "event": threading.Event(),
            "result": None,
            "error": None,
            "heartbeat": None,
        }
        self._machines = machines
        self._limits = {name: state[name] for name in ERRORS if name in state}
        self._alarms: dict[str, Callback] = {}

    def begin(self) -> None:
        """Begin to count the time."""
        for name in self._limits:
            self._set(name)

    def renew(self) -> None:
        """Count the time to the next heartbeat from now on."""
        if HEARTBEAT in self._alarms:
            self._set(HEARTBEAT)

    def end(self) -> None:
        """Count no longer."""
        for cancel in self._alarms.values():
            cancel()
        self._alarms.clear()

    def result(self) -> Any:
        """Return what came back with the token, once it did."""
        scopes.current().wait_for(self.info["event"])
        if error := self.info["error"]:
            raise self._machines._ExecutionError(error["Error"], error["Cause"])
        result = self.info["result"]
        try:
            return json.loads(result)
        except (TypeError, ValueError):
            return result

    def _set(self, name: str) -> None:
        if cancel := self._alarms.get(name):
            cancel()
        self._alarms[name] = CLOCK.call(self._limits[name], partial(self._fail, name))

    def _fail(self, name: str) -> None:
        if not self.info["event"].is_set():
            cause = f"The task exceeded {name} of {self._limits[name]}."
            self.info["error"] = {"Error": ERRORS[name], "Cause": cause}
            self.info["event"].set()


def with_timeouts(add: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's writing of an event, where a task that takes too long has its own type."""

    def add_event(execution: Any, kind: str, details: Any = None) -> Any:
        if kind == "TaskFailed":
            failed = details["taskFailedEventDetails"]
            if failed["error"] in ERRORS.values():
                kind, details = "TaskTimedOut", {"taskTimedOutEventDetails": failed}
        return add(execution, kind, details)

    return add_event


def with_tokens(find: Callable[..., Any], new_token: Callable[[], str]) -> Any:
    """Return MiniStack's choice of a retrier, which gives the next attempt another token.

    Parameters
    ----------
    find
        MiniStack's function.
    new_token
        Returns a token.
    """

    def find_and_change(retriers: Any, error: str, counts: Any) -> Any:
        context = _context.get()
        if context and "Task" in context:
            context["Task"] = {"Token": new_token()}
        return find(retriers, error, counts)

    return find_and_change


def with_delays(find: Callable[..., Any], chance: Callable[[], float] = random.random) -> Any:
    """Return MiniStack's choice of a retrier, which notes how long the retry waits.

    Parameters
    ----------
    find
        MiniStack's function.
    chance
        Returns a number between 0 and 1, the part of the delay that jitter leaves.
    """

    def find_and_note(retriers: Any, error: str, counts: Any) -> Any:
        retrier, index = find(retriers, error, counts)
        if retrier is not None:
            _delay.set(delay_of(retrier, counts.get(index, 0), chance()))
        return retrier, index

    return find_and_note


def delay_of(retrier: JsonObject, retries: int, chance: float) -> float:
    """Return how long a retry waits, in seconds.

    Parameters
    ----------
    retrier
        An element of ``Retry``.
    retries
        How often it retried before.
    chance
        The part of the delay that jitter leaves.
    """
    delay: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return delay * chance if retrier.get("JitterStrategy") == "FULL" else delay


def pause(machines: Any, seconds: float) -> None:
    """Wait for a Wait state or a retry, scaled by ``SFN_WAIT_SCALE``."""
    delay = _delay.get()
    if delay is not None:
        _delay.set(None)
        seconds = delay
    scopes.current().sleep(seconds * machines._SFN_WAIT_SCALE)
