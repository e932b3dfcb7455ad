"""Usage: the billed units of one event of each flow, for the page of costs."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks.environment import FOLDER, applied
from benchmarks.figures import table
from emulator.patches.stepfunctions.observation import DATA
from ops.executions.executions import Executions
from tests.support.expectations import expectations_of
from tests.support.flows import all_expectations, flow_in, shared
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

TITLE = "Usage"
EVENTS = 10
#: More than all events start.
MOST_EXECUTIONS = 10_000
EXPRESS = "EXPRESS"
#: The kind of a trigger that is an API without a function.
WORKFLOW_API = "workflow_api"
CALLBACK = ".waitForTaskToken"
#: Counted from the jobs of AWS Batch, of which an array has many.
CONTAINER = "batch:container"
#: Calls that have no price, or whose price is that of a function's invocation or a container.
NOT_PRICED = ("lambda:", "states:", "batch:submitJob")
COLUMNS = {
    "transitions": "state transitions",
    "invocations": "function invocations",
    "gateway_calls": "API calls",
    "bus_events": "events on the bus",
    "function_log_bytes": "log bytes of functions",
    "state_log_bytes": "log bytes of the state machine",
    "state_log_bytes_without_data": "the same without execution data",
    "audit_log_bytes": "log bytes of the audit log",
}


def measure() -> dict[str, Any]:
    """Send some events to each flow, and count their usage."""
    with ExitStack() as stack:
        platform = stack.enter_context(applied())
        found = {flow: counted(flow_in(platform, flow)) for flow in shared()}
    for flow, expected in all_expectations().items():
        if expected.own_environment:
            with expected.own_environment(FOLDER.with_name(f"bench-{flow}")) as running:
                found[flow] = counted(running)
    return {"events": EVENTS, "flows": dict(sorted(found.items()))}


def counted(running: RunningFlow) -> dict[str, Any]:
    """Return the usage of one event of a flow."""
    send = expectations_of(running.name).send
    # The first one is slower and reads secrets.
    send(running)
    before, logged = invocations(running), log_bytes(running)
    contained = containers(running)
    began = {machine: names_of(machine) for machine in children(running)}
    executions = [send(running) for _ in range(EVENTS)]
    arns = [execution.arn for execution in executions]
    machines = {running.executions: [*arns, *in_maps(running, arns)]}
    # Executions that it starts are counted with it.
    machines |= {machine: [*names_of(machine) - known] for machine, known in began.items()}
    transitions, calls = 0, Counter[str]()
    for machine, arns in machines.items():
        resources = resources_of(machine.definition())
        for run in (run for arn in arns for run in machine.history(arn)):
            # Each attempt is a transition.
            transitions += max(run.attempts, 1)
            calls[resources.get(run.name, "").removesuffix(CALLBACK)] += 1
    calls[CONTAINER] = containers(running) - contained
    wait_for(lambda: log_bytes(running)["states"] > logged["states"], "the state machine's log")
    after = invocations(running)
    more = {kind: size - logged[kind] for kind, size in log_bytes(running).items()}
    functions = {name: (after[name] - before[name]) / EVENTS for name in after}
    is_express = running.output["workflows"]["main"]["type"] == EXPRESS
    return {
        # An Express execution is billed by its time.
        "transitions": 0 if is_express else transitions / EVENTS,
        "express_requests": 1 if is_express else 0,
        "invocations": sum(functions.values()),
        # A function behind an API is invoked once for each of its calls.
        "gateway_calls": (
            sum(functions.values()) - calls["lambda:invoke"] / EVENTS
            if running.output.get("apis")
            else 0
        )
        + sum(trigger.kind == WORKFLOW_API for trigger in running.flow.triggers),
        "bus_events": 1 if expectations_of(running.name).events else 0,
        "integrations": {
            name: number / EVENTS
            for name, number in sorted(calls.items())
            if number and name and not name.startswith(NOT_PRICED)
        },
        "event_bytes": sum(len((e.input or "").encode()) for e in executions) / EVENTS,
        "function_log_bytes": more["functions"] / EVENTS,
        "state_log_bytes": more["states"] / EVENTS,
        "state_log_bytes_without_data": more["states_without_data"] / EVENTS,
        "audit_log_bytes": more["audit"] / EVENTS,
    }


def in_maps(running: RunningFlow, arns: Iterable[str]) -> Iterator[str]:
    """Yield the ARNs of the executions that distributed Maps of executions started."""
    client = running.aws.client("stepfunctions")
    for arn in (arn for arn in arns if ":express:" not in arn):
        for run in client.list_map_runs(executionArn=arn)["mapRuns"]:
            pages = client.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
            yield from (one["executionArn"] for page in pages for one in page["executions"])


def containers(running: RunningFlow) -> int:
    """Return how many containers of AWS Batch the flow has had: one for each child of an array."""
    queues = running.output.get("job_queues", {}).values()
    every = [{"name": "JOB_NAME", "values": ["*"]}]
    pages = [
        page
        for queue in queues
        for page in running.aws.client("batch")
        .get_paginator("list_jobs")
        .paginate(jobQueue=queue["name"], filters=every)
    ]
    jobs = [job for page in pages for job in page["jobSummaryList"]]
    return sum((job.get("arrayProperties") or {}).get("size", 1) for job in jobs)


def children(running: RunningFlow) -> list[Executions]:
    """Return the state machines that the flow's own ones start."""
    client = running.aws.client("stepfunctions")
    found = running.output.get("children", {}).values()
    return [Executions(client, child["state_machine_arn"]) for child in found]


def names_of(machine: Executions) -> set[str]:
    """Return the ARNs of the executions of a state machine."""
    return {execution.arn for execution in machine.newest(MOST_EXECUTIONS)}


def resources_of(definition: dict[str, Any]) -> dict[str, str]:
    """Return the resource of each task, such as ``dynamodb:putItem``, by its state."""

    def states(part: Any) -> Iterator[tuple[str, str]]:
        if isinstance(part, list):
            for one in part:
                yield from states(one)
        elif isinstance(part, dict):
            for name, state in part.get("States", {}).items():
                if state.get("Type") == "Task":
                    yield name, state["Resource"].partition(":::")[2]
                yield from states(state)
            for key in ("Branches", "ItemProcessor"):
                yield from states(part.get(key))

    return dict(states(definition))


def invocations(running: RunningFlow) -> dict[str, float]:
    """Return the number of invocations of each function of the flow."""
    client, now = running.aws.client("cloudwatch"), time.time()
    numbers = {}
    for function in running.output["functions"].values():
        points = client.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": function["name"]}],
            StartTime=now - 24 * 3600,
            EndTime=now + 60,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        numbers[function["name"]] = float(sum(point["Sum"] for point in points))
    return numbers


def log_bytes(running: RunningFlow) -> Counter[str]:
    """Return the bytes of the flow's log lines, by kind."""
    logs = running.aws.client("logs")
    output = running.output
    groups = {
        f"/aws/lambda/{function['name']}": "functions" for function in output["functions"].values()
    }
    machines = [*output["workflows"].values(), *output.get("children", {}).values()]
    groups |= {machine["log_group_name"]: "states" for machine in machines}
    groups[running.outputs["event_audit"]["log_group"]] = "audit"
    found = Counter[str](functions=0, states=0, states_without_data=0, audit=0)
    for group, kind in groups.items():
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                found[kind] += len(event["message"].encode())
                if kind == "states":
                    found["states_without_data"] += len(without_data(event["message"]).encode())
    return found


def without_data(line: str) -> str:
    """Return a line of a state machine's log as it is without execution data."""
    fields = json.loads(line)
    fields["details"] = {k: v for k, v in fields["details"].items() if k not in DATA}
    return json.dumps(fields, separators=(",", ":"))


def render(data: dict[str, Any]) -> str:
    """Return the part's section."""
    flows = data["flows"]
    rows = [
        [words, *(f"{flows[flow][name]:,.0f}" for flow in flows)] for name, words in COLUMNS.items()
    ]
    about = (
        f"Counted from {data['events']} events of each flow on the local environment. "
        "[docs/costs.md](../docs/costs.md) prices them."
    )
    return "\n\n".join([about, table(["per event", *flows], rows)])
