"""No role has a right that it does not need: without any one of them something is refused.

Which rights there are, the roles of the running environments say; each is taken away and given
back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ops.recovery import dead_letters
from tests.support.expectations import EXECUTION, Right, Rights, Try, expectations_of
from tests.support.platform import Platform
from tests.support.running import RunningFlow

#: Rights that the emulator asks no role for, and what speaks for them instead.
UNASKED = {
    "WriteOwnLogs": "Lambda writes the log itself; test_policies sees that it is its own",
    "WriteTraces": "there are no traces; test_policies sees that functions and machines have some",
    "DeliverLog": "Step Functions looks at it where it makes a state machine that logs",
    "LambdaInvoke": "test_policies compares it with what the definition calls",
    "StartExecution": "a rule's only right; what it starts is the rule's target, in one module",
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


def wrong_rights(platform: Platform, rights: list[Right], tries: dict[Right, Try]) -> list[str]:
    """Remove each right, several roles at once; return the rights that were not missed."""

    def not_missed(role: str) -> list[str]:
        spare = []
        for right in (right for right in rights if right[0] == role):
            with platform.role_without(*right):
                if tries[right]() is None:
                    spare.append(f"{right} is not needed")
        return spare

    with ThreadPoolExecutor(4) as pool:
        roles = dict.fromkeys(role for role, _ in rights)
        found = [spare for of_role in pool.map(not_missed, roles) for spare in of_role]
        # What was missed was the right and nothing else: with all of them, everything works.
        rights_tried = {one: right for right, one in tries.items()}
        errors = zip(rights_tried.values(), pool.map(lambda one: one(), rights_tried), strict=True)
        return found + [f"{right} is there, yet: {error}" for right, error in errors if error]


def forget_failures(running: RunningFlow) -> None:
    """Take what CatchErrors kept out of the queue again: other tests count what is in it."""
    url = running.flow.failed_queue_url
    sqs = running.aws.client("sqs")
    dead_letters.remove(sqs, dead_letters.FAILED, url, lambda x: x.execution == EXECUTION)


def test_no_role_has_a_right_to_spare(environment: list[RunningFlow]) -> None:
    platform = environment[0]
    unasked = {name for flow in environment for name in expectations_of(flow.name).unasked}
    rights = list(rights_of(platform, UNASKED.keys() | unasked))
    wanted = [(flow, expectations_of(flow.name).rights(flow)) for flow in environment]
    tries: dict[Right, Try] = {}
    for flow, of_flow in wanted:
        called = calls_of(flow, of_flow)
        tries |= {right: called[right[0]] for right in rights if right[0] in called}
        tries |= of_flow.tries
    assert set(rights) == set(tries), "a right that nothing tries, or a try of a right that is none"

    found = wrong_rights(platform, rights, tries)

    for flow, of_flow in wanted:
        forget_failures(flow)
        of_flow.after()
    assert found == []
