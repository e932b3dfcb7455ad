"""No role has a right that it does not need: without any one of them something is refused.

Which rights there are, the roles of the running environments say; each is taken away and given
back.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ops.executions.events import SYNTHETIC, Event
from ops.executions.executions import Execution
from ops.executions.patterns import of_rule
from ops.flow import MAIN, Workflow
from ops.recovery import dead_letters
from ops.releases.code import ALIAS
from tests.support.expectations import EXECUTION, Right, Rights, Try, expectations_of
from tests.support.platform import Platform, wait_for
from tests.support.running import RunningFlow

#: Rights that the emulator asks no role for, and what speaks for them instead.
UNASKED = {
    "WriteTraces": "there are no traces; test_policies sees that functions and machines have some",
    "AmazonAPIGatewayPushToCloudWatchLogs": "AWS's own policy, for the access logs of APIs",
}


def rights_of(platform: Platform, unasked: Collection[str]) -> Iterator[Right]:
    """Yield the rights of every role except those that the emulator never checks.

    Those that read a secret come first: a function keeps what it has read, and then needs no right.
    """
    iam = platform.aws.client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in (entry["RoleName"] for entry in page["Roles"]):
            attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
            names = {policy["PolicyName"]: "" for policy in attached}
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                names |= {s["Sid"]: str(s["Action"]) for s in policy["Statement"]}
            for name in sorted(names, key=lambda name: "GetSecretValue" not in names[name]):
                if name not in unasked:
                    yield role, name


def calls_of(running: RunningFlow, rights: Rights) -> dict[str, Try]:
    """Return the call of each function of a flow, by the name of its role."""
    client = running.aws.client("lambda")
    calls: dict[str, Try] = {}
    for key, payload in rights.payloads.items():
        name = running.function(key)
        found = client.get_function_configuration(FunctionName=name)
        # Callers use the alias. An earlier caller of this version: the same variables given
        # again end what runs, so it starts fresh and holds no secret.
        client.update_function_configuration(FunctionName=name, Environment=found["Environment"])
        role = found["Role"].rpartition("/")[2]
        calls[role] = partial(running.error_of, name, payload)
    return calls


def lines_of(platform: Platform, payloads: Mapping[str, Any]) -> dict[Right, Try]:
    """Return a try of the right to log, for each function; one without it leaves no line.

    `payloads` are by the function's name. Any other function gets nothing, and may fail.
    """
    functions, logs = platform.aws.client("lambda"), platform.aws.client("logs")

    def silence_of(name: str) -> str | None:
        begin = int(time.time() * 1000)
        payload = json.dumps(payloads.get(name, {})).encode()
        functions.invoke(FunctionName=f"{name}:{ALIAS}", Payload=payload)
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", startTime=begin)
        return None if found["events"] else f"{name} logs nothing"

    pages = functions.get_paginator("list_functions").paginate()
    return {
        (found["Role"].rpartition("/")[2], "WriteOwnLogs"): partial(
            silence_of, found["FunctionName"]
        )
        for page in pages
        for found in page["Functions"]
    }


def log_settings_of(running: RunningFlow) -> dict[Right, Try]:
    """Return a try of the rights to log, for each state machine of a flow.

    Step Functions asks for them when the log is set.
    """
    machines = running.aws.client("stepfunctions")

    def refusal_of(arn: str, settings: Any) -> str | None:
        try:
            machines.update_state_machine(stateMachineArn=arn, loggingConfiguration=settings)
        except ClientError as error:
            return str(error)
        return None

    tries: dict[Right, Try] = {}
    arns = [w.state_machine_arn for w in Workflow.chosen(running.outputs, running.name)]
    for child in running.output.get("children", {}).values():
        arns += [arn for arn in (child["state_machine_arn"], child["cancel_arn"]) if arn]
    for arn in arns:
        found = machines.describe_state_machine(stateMachineArn=arn)
        role = found["roleArn"].rpartition("/")[2]
        tries[role, "DeliverLog"] = partial(refusal_of, arn, found["loggingConfiguration"])
    return tries


def invocations_of(running: RunningFlow, payload: Any) -> dict[Right, Try]:
    """Return a try of the right to invoke functions, for each state machine of a flow.

    A state machine of the test's own invokes CatchErrors, with the role of the flow's.
    """
    client = running.aws.client("stepfunctions")
    function = running.aws.client("lambda").get_alias(
        FunctionName=running.function("CatchErrors"), Name=ALIAS
    )["AliasArn"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": payload},
        "End": True,
    }
    tries: dict[Right, Try] = {}
    for workflow in Workflow.chosen(running.outputs, running.name):
        deployed = client.describe_state_machine(stateMachineArn=workflow.state_machine_arn)
        role = deployed["roleArn"]
        tries[role.rpartition("/")[2], "LambdaInvoke"] = partial(
            running.error_alone, {"Task": task}, role=role
        )
    return tries


def deliveries_of(running: RunningFlow, sent: list[str]) -> dict[Right, Try]:
    """Return a try of the right to start the workflow, for each rule of a flow.

    An event is sent with nothing but what the rule's pattern asks for, which the workflow refuses,
    and its id is added to `sent`.
    Without the right, it goes to the rule's queue. It is synthetic: no reconciliation misses it
    after this test has removed its message.
    """
    sqs, events = running.aws.client("sqs"), running.aws.client("events")

    def error_of(asked: Event, url: str) -> str | None:
        [event] = running.send(asked)
        sent.append(event)
        started: dict[str, Execution] = {}

        def is_this(letter: dead_letters.DeadLetter) -> bool:
            return (letter.event or {}).get("id") == event

        def fate() -> str | None:
            running.executions.started_by([event], started)
            if started:
                return "started"
            letters = dead_letters.look(sqs, dead_letters.UNDELIVERED, url)
            return next((letter.error for letter in letters if is_this(letter)), None)

        found: str = wait_for(fate, f"the delivery of {event}")
        dead_letters.remove(sqs, dead_letters.UNDELIVERED, url, is_this)
        return None if found == "started" else found

    tries: dict[Right, Try] = {}
    for rule in running.flow.rules:
        assert rule.undelivered_queue_url
        pattern = of_rule(events, rule)
        # Only AWS sends events of its sources; a rule also takes redriven ones.
        source = next(name for name in pattern["source"] if not name.startswith("aws."))
        detail = {field: values[0] for field, values in pattern.get("detail", {}).items()}
        resources = (SYNTHETIC, *pattern.get("resources", [])[:1])
        asked = Event(1, source, pattern["detail-type"][0], json.dumps(detail), resources)
        targets = events.list_targets_by_rule(Rule=rule.name, EventBusName=rule.event_bus_name)
        for target in targets["Targets"]:
            role = target["RoleArn"].rpartition("/")[2]
            tries[role, "StartExecution"] = partial(error_of, asked, rule.undelivered_queue_url)
    return tries


def schedules_of(running: RunningFlow) -> dict[Right, Try]:
    """Return a try of each right of the role of each schedule of a flow.

    Another schedule of its group calls the target once, or a target that the role may not call,
    whose event must arrive in the undelivered queue.
    """
    scheduler, sqs = running.aws.client("scheduler"), running.aws.client("sqs")

    def reason(arn: str, url: str) -> str | None:
        # By itself, the queue would have each call wait for 20 seconds.
        names = {"MessageAttributeNames": ["All"], "WaitTimeSeconds": 0}
        for _ in range(40):
            for message in sqs.receive_message(QueueUrl=url, **names).get("Messages", []):
                values = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
                if values["SCHEDULE_ARN"] == arn:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    return str(values["ERROR_CODE"])
            time.sleep(0.2)
        return None

    def called(group: str, url: str, target: dict[str, Any]) -> str | None:
        arn = scheduler.create_schedule(
            Name=f"once-{uuid.uuid4().hex}",
            GroupName=group,
            ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
            ActionAfterCompletion="DELETE",
        )["ScheduleArn"]
        return reason(arn, url)

    def kept(group: str, url: str, target: dict[str, Any]) -> str | None:
        return None if called(group, url, target) else "nothing is in the undelivered queue"

    output = running.output
    triggers = [output.get("triggers", {})]
    triggers += [workflow.get("triggers", {}) for workflow in output["workflows"].values()]
    tries: dict[Right, Try] = {}
    for trigger in (one for found in triggers for one in found.values()):
        if trigger["kind"] != "schedule":
            continue
        name, url = trigger["name"], trigger["undelivered_queue_url"]
        target = scheduler.get_schedule(GroupName=name, Name=name)["Target"]
        role = target["RoleArn"].rpartition("/")[2]
        starts = target["Arn"].endswith(":startExecution")
        missing = {**target, "Arn": f"{target['Arn']}-missing"}
        if starts:
            given = json.loads(target["Input"])
            given["StateMachineArn"] += "-missing"
            missing = {**target, "Input": json.dumps(given)}
        right = "StartExecution" if starts else "InvokeFunction"
        tries[role, right] = partial(called, name, url, target)
        tries[role, "QueueUndelivered"] = partial(kept, name, url, missing)
    return tries


def wrong_rights(
    groups: Collection[list[Right]], tries: dict[Right, Try], platform: Platform
) -> list[str]:
    """Remove each right, one of each group at a time; return the rights that were not missed.

    A try may need every role of its flow, so the rights of a flow are one group.
    """

    def not_missed(rights: list[Right]) -> list[str]:
        spare = []
        for right in rights:
            with platform.role_without(*right):
                if tries[right]() is None:
                    spare.append(f"{right} is not needed")
        return spare

    def errors(rights: list[Right]) -> list[str]:
        tried = {tries[right]: right for right in rights}
        found = ((right, one()) for one, right in tried.items())
        return [f"{right} is there, yet: {error}" for right, error in found if error]

    with ThreadPoolExecutor(len(groups)) as pool:
        found = [*pool.map(not_missed, groups)]
        # What was missed was the right and nothing else: with all of them, everything works.
        found += pool.map(errors, groups)
    return [wrong for of_group in found for wrong in of_group]


def by_flow(rights: Collection[Right], flows: list[RunningFlow]) -> list[list[Right]]:
    """Return the rights of each flow's roles, and those of all other roles."""
    names = sorted((flow.output["workflows"][MAIN]["name"] for flow in flows), key=len)
    groups: dict[str, list[Right]] = {}
    for role, name in rights:
        flow = next((flow for flow in names if role.startswith(flow)), "")
        groups.setdefault(flow, []).append((role, name))
    return [*groups.values()]


def forget_failures(running: RunningFlow, sent: Collection[str]) -> None:
    """Take what CatchErrors kept out of the queue again: other tests count what is in it.

    An event that was sent may have failed for a right that another try took away.
    """
    started: dict[str, Execution] = {}
    running.executions.started_by(list(sent), started)
    for event in started:
        running.ended(event)

    def is_of_this_test(letter: dead_letters.DeadLetter) -> bool:
        return letter.execution == EXECUTION or (letter.event or {}).get("id") in started

    url = running.flow.failed_queue_url
    sqs = running.aws.client("sqs")
    dead_letters.remove(sqs, dead_letters.FAILED, url, is_of_this_test)


def test_no_role_has_a_right_to_spare(environment: list[RunningFlow]) -> None:
    platform = environment[0]
    unasked = {name for flow in environment for name in expectations_of(flow.name).unasked}
    rights = list(rights_of(platform, UNASKED.keys() | unasked))
    wanted = [(flow, expectations_of(flow.name).rights(flow)) for flow in environment]
    payloads = {
        flow.function(key): payload
        for flow, of_flow in wanted
        for key, payload in of_flow.payloads.items()
    }
    tries: dict[Right, Try] = lines_of(platform, payloads)
    sent: list[str] = []
    for flow, of_flow in wanted:
        called = calls_of(flow, of_flow)
        tries |= {
            right: called[right[0]] for right in rights if right[0] in called and right not in tries
        }
        tries |= log_settings_of(flow)
        tries |= invocations_of(flow, of_flow.payloads["CatchErrors"])
        tries |= deliveries_of(flow, sent)
        tries |= schedules_of(flow)
        tries |= of_flow.tries
    assert set(rights) == set(tries), "a right that nothing tries, or a try of a right that is none"

    try:
        found = wrong_rights(by_flow(rights, environment), tries, platform)
    finally:
        for flow, of_flow in wanted:
            forget_failures(flow, sent)
            of_flow.after()

    assert found == []
