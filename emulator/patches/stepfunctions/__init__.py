"""Step Functions.

- ``tracing``: a state machine forgets its tracing configuration, so every plan would show a
  difference.
- ``succeed-output``: the ``Output`` of a Succeed state is ignored.
- ``alias-rights``: starting an alias needs a right on the alias. AWS asks for the right on the
  state machine.
- ``trust-of-machines``: a state machine takes any role, whatever service the role trusts.
- ``role-of-task``: tasks call services as root, so the role of the state machine, or the role in a
  task's ``Credentials``, never limits them.
- ``rights-of-functions``: the role needs no right to invoke a function.
- ``rights-of-nested``: the role needs no right to start and follow an execution.
- ``sdk-services``: most services of ``aws-sdk`` are unknown, such as ``sesv2`` and ``scheduler``.
- ``sdk-names``: members with an acronym inside have other names than AWS's.
- ``jobs``: ``.sync`` of Athena, Glue, DataBrew and Batch is unknown.
- ``call-api``: ``apigateway:invoke`` is unknown.
- ``call-http``: ``http:invoke`` is unknown.
- ``connections``: a connection's secret, parameters and access tokens are unknown to tasks.
- ``branch-history``: histories leave out the states in branches and ``previousEventId``.
- ``redrive``: ``RedriveExecution`` is unknown.
- ``execution-metrics``: executions are not counted.
- ``execution-log``: a state machine logs nothing.
- ``rights-of-machine-logs``: a state machine that logs needs no rights for it.
- ``time-limits``: ``TimeoutSeconds`` of a state machine is ignored, and a stopped execution waits
  on.
- ``express-limit``: an Express execution runs for longer than five minutes.
- ``heartbeats``: ``HeartbeatSeconds`` is ignored.
- ``limits-of-tasks``: the limits of a task cannot be expressions, and its child runs on.
- ``retry-delays``: ``MaxDelaySeconds`` and ``JitterStrategy`` are ignored; no delay is above 60 s.
- ``fast-executions``: each execution begins with a wait of 0.15 s.
- ``express-requests``: requests that know one type of state machine take the other one too.
- ``express-waits``: an Express state machine may wait for jobs and tokens.
- ``express-answers``: Express executions have the ARNs of Standard ones, no bill, and an output
  when they fail.
- ``express-log``: an Express state machine logs nothing.
- ``idempotent-starts``: starting a running execution again, with its input, is refused.
- ``nested-failures``: a nested execution fails its task with its own error, and outlives
  its parent.
- ``stopped-siblings``: the other branches of a Parallel or Map run on when one fails.
- ``parallel-output``: ``Arguments``, ``Output`` and ``Assign`` of a Parallel are ignored.
- ``map-batches``: a distributed Map makes no batches, and evaluates no JSONata.
- ``map-readers``: the reader of a distributed Map evaluates no JSONata.
- ``map-results``: ``ResultWriter`` is ignored, and children have no history.
- ``map-failures``: a distributed Map runs all children, however many fail.
- ``rights-of-maps``: a distributed Map reads, runs and writes whatever the role may do.
- ``tokens``: a retry of a task has the token of the attempt before it, the token of a task that
  ended is unknown, and of two answers the later one counts.
- ``rights-of-tokens``: answering a token needs the right on every resource. AWS asks for the right
  on its state machine or activity.
- ``failing-callbacks``: a task waits on when the function fails that got its token.
- ``payload-limits``: data of any size passes, and ``States.ALL`` handles every error.
- ``history-limit``: a history grows without a limit.
- ``texts-of-values``: intrinsic functions and JSONata write values as Python does.
- ``versions``: an alias starts the state machine's newest definition, whatever its weights, and
  executions cannot be listed by version.
"""

from __future__ import annotations

from emulator.patches.stepfunctions import (
    branches,
    connections,
    deadlines,
    definitions,
    distributed_map,
    executions,
    history,
    integrations,
    interpreter,
    intrinsics,
    kinds,
    limits,
    observation,
    redrive,
    roles,
    versions,
)
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "tracing": "A state machine keeps its tracing configuration.",
    "succeed-output": "A Succeed state evaluates ``Output``.",
    "alias-rights": "Starting an alias needs the right on its state machine.",
    "trust-of-machines": "The role of a state machine must trust Step Functions, at each task too.",
    "role-of-task": (
        "A task has the rights of the state machine's role, or of the role in ``Credentials``."
    ),
    "rights-of-functions": "A task needs the right to invoke its function.",
    "rights-of-nested": "A task needs the rights to start, follow and stop its execution.",
    "sdk-services": "``aws-sdk`` calls every action of every service.",
    "sdk-names": "Arguments, answers and errors have the names of the SDK for Java 2.",
    "jobs": "``.sync`` waits for jobs of Athena, Glue, DataBrew and Batch, and stops them.",
    "call-api": "``apigateway:invoke`` calls a method, signed with the role or not.",
    "call-http": "``http:invoke`` calls an address with the credentials of a connection.",
    "connections": (
        "``http:invoke`` adds the connection's parameters and access token, with the rights on its "
        "secret."
    ),
    "branch-history": "A history links each event to the one before it in its branch.",
    "redrive": "``RedriveExecution`` continues a failed execution.",
    "execution-metrics": "CloudWatch counts executions that start, fail, time out and succeed.",
    "execution-log": "A state machine logs the events of its level.",
    "rights-of-machine-logs": "A state machine that logs needs a role that may deliver logs.",
    "time-limits": (
        "``TimeoutSeconds`` ends an execution as TIMED_OUT; what waits in it is interrupted."
    ),
    "express-limit": "An Express execution ends after five minutes.",
    "heartbeats": "A task without heartbeats fails with ``States.HeartbeatTimeout``.",
    "limits-of-tasks": (
        "Limits of a task may be expressions; a nested execution ends with its task."
    ),
    "retry-delays": (
        "``MaxDelaySeconds`` and ``JitterStrategy`` limit and spread the delays of retries."
    ),
    "fast-executions": "An execution begins within milliseconds.",
    "express-requests": (
        "A request about the wrong type is refused: ``StateMachineTypeNotSupported``, "
        "``InvalidArn``."
    ),
    "express-waits": "An Express state machine with ``.sync`` or ``.waitForTaskToken`` is refused.",
    "express-answers": (
        "Express executions have ``express`` ARNs and billing details; a failed one has no output."
    ),
    "express-log": "An Express state machine logs its executions by their ARNs, while they run.",
    "idempotent-starts": "A running execution's name with the same input returns that execution.",
    "nested-failures": (
        "A failed child is ``States.TaskFailed`` with the child's description; it stops "
        "with its parent."
    ),
    "stopped-siblings": "The first failure of a branch or item stops the others.",
    "parallel-output": "A Parallel in JSONata evaluates ``Arguments``, ``Output`` and ``Assign``.",
    "map-batches": (
        "``ItemBatcher`` makes batches; items, selectors and outputs may be expressions."
    ),
    "map-readers": "The place and the limit of ``ItemReader`` may be expressions.",
    "map-results": (
        "``ResultWriter`` writes results and a manifest to S3; each child has a history."
    ),
    "map-failures": "A Map Run ends when more items fail than it tolerates.",
    "rights-of-maps": "The role needs the right to read the items, run children and write results.",
    "tokens": "Each attempt has its own token, and only the first answer to it counts.",
    "rights-of-tokens": "The right to answer a token names its state machine.",
    "failing-callbacks": "The failure of the call that gets a task token fails the task.",
    "payload-limits": (
        "Data of more than 256 KiB is ``States.DataLimitExceeded``, which ``States.ALL`` does not "
        "handle, nor ``States.Runtime``."
    ),
    "history-limit": "The 25,000th event of a Standard execution is its end.",
    "texts-of-values": (
        "Intrinsic functions and JSONata write values as JSON; wrong arguments fail with "
        "``States.IntrinsicFailure``."
    ),
    "versions": (
        "An alias starts both of its versions, in the ratio of their weights; ``ListExecutions`` "
        "takes a version."
    ),
}


def apply(settings: Settings) -> None:
    """Close the gaps."""
    definitions.apply()
    intrinsics.apply()
    interpreter.apply(settings.express_seconds)
    executions.apply()
    kinds.apply()
    deadlines.apply()
    branches.apply()
    distributed_map.apply()
    connections.apply()
    roles.apply()
    integrations.apply(settings.endpoint)
    redrive.apply()
    history.apply()
    observation.apply()
    versions.apply()
    # The outermost: ending an execution writes another event.
    limits.apply()
