"""The role that a task calls with.

MiniStack calls the service of a task as root. Here a task signs in as its state machine's role,
which must trust Step Functions, and assumes the role in its ``Credentials`` if it has one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emulator import policies

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

SERVICE = "states.amazonaws.com"
#: AWS's message about a role that does not trust Step Functions.
UNTRUSTED = (
    f"Neither the global service principal {SERVICE}, nor the regional one is authorized to assume "
    "the provided role."
)

_task: ContextVar[JsonObject] = ContextVar("task")
_making = threading.Lock()
#: The ARN of a state machine, which those of its aliases, versions and map runs continue.
MACHINE = re.compile(r"^arn:[^:]+:states:[^:]+:[^:]+:stateMachine:[^:/]+")


@dataclass(frozen=True)
class Credentials:
    """The keys of a session of a role."""

    role: str
    key: str
    secret: str
    token: str


@dataclass(frozen=True)
class Caller:
    """The resource that calls, and its session.

    Parameters
    ----------
    machine
        The ARN of the state machine whose task calls, or of the schedule's group.
    credentials
        The session of its role, or of the role in the task's ``Credentials``.
    endpoint
        The emulator's URL.
    """

    machine: str
    credentials: Credentials
    endpoint: str

    @property
    def region(self) -> str:
        """The state machine's region."""
        return self.machine.split(":")[3]

    @property
    def account(self) -> str:
        """The state machine's account."""
        return self.machine.split(":")[4]

    def client(self, service: str) -> Any:
        """Return a boto3 client that calls with the caller's rights."""
        keys = self.credentials
        return _client(self.endpoint, service, self.region, keys.key, keys.secret, keys.token)


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import stepfunctions

    def arn_of(data: JsonObject) -> str:
        made = f"arn:aws:states:{get_region()}:{get_account_id()}:stateMachine:{data.get('name')}"
        return str(data.get("stateMachineArn") or made)

    stepfunctions._execute_task = remember_task(stepfunctions._execute_task)
    for name in ("_create_state_machine", "_update_state_machine"):
        change = with_trust(getattr(stepfunctions, name), arn_of, stepfunctions.error_response_json)
        setattr(stepfunctions, name, change)


def with_trust(
    change: Callable[[JsonObject], Answer],
    arn_of: Callable[[JsonObject], str],
    error: Callable[[str, str, int], Answer],
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's creation or update of a state machine, whose role must trust it.

    Parameters
    ----------
    change
        MiniStack's function.
    arn_of
        Returns the ARN of the state machine that a request is about.
    error
        Makes the answer with an error: code, message and status.
    """

    def change_trusted(data: JsonObject) -> Answer:
        role = str(data.get("roleArn") or "")
        if ":role/" in role and untrusted(role, arn_of(data)):
            return error("AccessDeniedException", UNTRUSTED, 400)
        return change(data)

    return change_trusted


def untrusted(role: str, machine: str) -> str:
    """Return why Step Functions may not assume a role for a state machine, or an empty text."""
    keys = {"aws:SourceArn": machine, "aws:SourceAccount": machine.split(":")[4]}
    return policies.trust_refusal(role, SERVICE, keys)


def remember_task(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's run of a task, which records the task for its calls."""

    def execute_task(state: JsonObject, given: Any, execution: Any, context: JsonObject) -> Any:
        reset = _task.set({"state": state, "input": given, "context": context})
        try:
            return execute(state, given, execution, context)
        finally:
            _task.reset(reset)

    return execute_task


def caller(machines: Any, endpoint: str) -> Caller:
    """Return who the running task calls as.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    endpoint
        The emulator's URL.

    Raises
    ------
    machines._ExecutionError
        ``States.Permissions`` when the state machine's role, or that in ``Credentials``, may not be
        assumed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    task = _task.get()
    arn = task["context"]["StateMachine"]["Id"]
    found = MACHINE.match(arn)
    machine = found[0] if found else arn
    region, account = machine.split(":")[3:5]
    # Of the version that runs.
    role = task["context"]["Execution"]["RoleArn"]
    if untrusted(role, machine):
        raise machines._ExecutionError("States.Permissions", UNTRUSTED)
    own = Caller(machine, session(role, region, account, "state-machine"), endpoint)
    if "Credentials" not in task["state"]:
        return own
    wanted = filled(machines, task, task["state"]["Credentials"]).get("RoleArn") or "none"
    try:
        taken = own.client("sts").assume_role(RoleArn=wanted, RoleSessionName="task")["Credentials"]
    except (BotoCoreError, ClientError) as refusal:
        raise machines._ExecutionError("States.Permissions", str(refusal)) from None
    keys = Credentials(
        wanted, taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"]
    )
    return Caller(machine, keys, endpoint)


def filled(machines: Any, task: Mapping[str, Any], template: Any) -> Any:
    """Return a template of the task with its expressions evaluated."""
    language = machines._state_query_language(task["state"], task["context"])
    if language == "JSONata":
        return machines._apply_jsonata_template(template, task["input"], task["context"])
    return machines._resolve_params_obj(template, task["input"], task["context"])


def session(role: str, region: str, account: str, name: str) -> Credentials:
    """Return a new session of a role, for a service that assumed it.

    Parameters
    ----------
    role
        The role's ARN.
    region, account
        Where the service acts.
    name
        The session's name.
    """
    from ministack.core import lambda_runtime

    keys = lambda_runtime.execution_credentials(
        {
            "Role": role,
            "FunctionArn": f"arn:aws:lambda:{region}:{account}:function:{name}",
            "FunctionName": name,
        }
    )
    return Credentials(
        role,
        keys["AWS_ACCESS_KEY_ID"],
        keys["AWS_SECRET_ACCESS_KEY"],
        keys["AWS_SESSION_TOKEN"],
    )


# Making a client takes longer than most calls.
@lru_cache(maxsize=256)
def _client(endpoint: str, service: str, region: str, key: str, secret: str, token: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        # Names of hosts such as sync-127.0.0.1 do not exist.
        inject_host_prefix=False,
        # A synchronous execution answers when it has ended.
        read_timeout=330,
        max_pool_connections=64,
    )
    # boto3's default session is not thread-safe while it makes a client.
    with _making:
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config,
        )
