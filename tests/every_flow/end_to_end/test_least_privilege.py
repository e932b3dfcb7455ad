"""No role has a right that it does not need: without any one of them something is refused.

Which rights there are, the roles of the running environments say; each is taken away and given
back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from article_publishing.article import execution_name, transform
from ops.recovery import dead_letters
from tests.flows.article_publishing.support.publishing import Publishing, document, signed_headers
from tests.flows.crm_registration.support.new_leads import new_lead
from tests.flows.user_onboarding.support.onboarding import (
    ROLE,
    TENANTS,
    Onboarding,
    new_signup,
    role_arn,
)
from tests.support.functions import FIELDS, proxy_event
from tests.support.platform import FLOW, Platform

#: Rights that the emulator asks no role for, and what speaks for them instead.
UNASKED = {
    "WriteOwnLogs": "Lambda writes the log itself; test_policies sees that it is its own",
    "WriteTraces": "there are no traces; test_policies sees that functions and machines have some",
    "DeliverLog": "Step Functions looks at it where it makes a state machine that logs",
    "LambdaInvoke": "test_policies compares it with what the definition calls",
    "StartExecution": "a rule's only right; what it starts is the rule's target, in one module",
    "AmazonAPIGatewayPushToCloudWatchLogs": "AWS's own policy, for the access logs of APIs",
}
#: Of a failure that never was.
EXECUTION = "arn:aws:states:::execution:least-privilege"
FAILURE = {
    "event": {"id": "x", "detail": {}},
    "execution": EXECUTION,
    "failedState": "x",
    "error": {"Error": "Test", "Cause": "least privilege"},
}

#: A role's name and the name of one of its statements.
Right = tuple[str, str]
#: Does what needs a right, and returns the error if there is one.
Try = Callable[[], str | None]


def rights_of(platform: Platform) -> Iterator[Right]:
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
                if name not in UNASKED:
                    yield role, name


def call(platform: Platform, function: str, payload: Any) -> str | None:
    """Call a function, and return its error if there is one."""
    error, answer = platform.invoke(function, payload, "$LATEST")
    # CatchErrors continues when it cannot notify the bus.
    failed = isinstance(answer, dict) and (
        answer.get("statusCode", 0) >= 500 or answer.get("told") is False
    )
    return error or (str(answer) if failed else None)


def calls_of(platform: Platform, payloads: dict[str, dict[str, Any]]) -> dict[str, Try]:
    """Return the call of each function, given by its flow and key, by the name of its role."""
    client = platform.aws.client("lambda")
    calls: dict[str, Try] = {}
    for flow, wanted in payloads.items():
        for key, payload in wanted.items():
            name = platform.outputs["flows"][flow]["functions"][key]["name"]
            found = client.get_function_configuration(FunctionName=name)
            # Callers use the alias. An earlier caller of this version: the same variables given
            # again end what runs, so it starts fresh and holds no secret.
            client.update_function_configuration(
                FunctionName=name, Environment=found["Environment"]
            )
            role = found["Role"].rpartition("/")[2]
            calls[role] = partial(call, platform, name, payload)
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


def forget_failures(platform: Platform) -> None:
    """Take what CatchErrors kept out of the queue again: other tests count what is in it."""
    url = platform.flow.failed_queue_url
    sqs = platform.aws.client("sqs")
    dead_letters.remove(sqs, dead_letters.FAILED, url, lambda x: x.execution == EXECUTION)


def test_no_role_of_the_platform_has_a_right_to_spare(platform: Platform) -> None:
    onboarding, gateway = Onboarding(platform.settings), platform.aws.client("apigateway")
    lead, signup = new_lead(), new_signup()
    bodies = {key: proxy_event({name: lead[name] for name in FIELDS[key]}) for key in FIELDS}
    terraforms = {
        instance["attributes"]["function_name"]: json.loads(instance["attributes"]["input"])
        for resource in platform.state()["resources"]
        if resource["type"] == "aws_lambda_invocation"
        for instance in resource["instances"]
    }
    json_headers = {"headers": {"content-type": "application/json"}}
    door = {name: signup[name] for name in ("tenantId", "email", "name")}
    issuer = platform.function("api_key_issuer")
    rights = list(rights_of(platform))
    called = calls_of(
        platform,
        {
            FLOW: {
                **dict.fromkeys(("CreateClient", "CreatePartner", "CreateBenefit"), lead),
                **bodies,
                "CatchErrors": FAILURE,
                "migrate": terraforms[platform.function("migrate")],
                "api_key_issuer": terraforms[issuer],
                "count_rows": {"keys": {"CLIENTS": []}},
                "remove_synthetic": {"rut": "000999999-9"},
                "put_lead": proxy_event({**lead, "origin": "web"}, **json_headers),
            },
            "user_onboarding": {
                "sign_up": proxy_event(door, **json_headers),
                "NotifyTeam": signup,
                "CatchErrors": FAILURE,
            },
        },
    )
    tries = {right: called[right[0]] for right in rights if right[0] in called}
    # A key that does not exist, so that the API keeps its own.
    gateway.create_api_key(name="least-privilege", value="l" * 40)
    removal = {"name": "least-privilege", "tf": {"action": "delete"}}
    tries[issuer, "RemoveKeys"] = partial(call, platform, issuer, removal)

    # boto3 does not let two threads make a client.
    onboarding.aws.client("stepfunctions")

    def task(state: str, tenant: str | None = None) -> Try:
        role = role_arn(tenant) if tenant else None
        return lambda: onboarding.task(state, role, new_signup(tenantId=tenant or "acme"))

    machine = "flowbridge-local-user-onboarding"
    tries |= {
        (machine, "AwsSdkSesv2SendEmail"): task("SendWelcomeEmail"),
        (machine, "AssumeTaskRoles"): task("CreateUser", "acme"),
        **{(ROLE.format(x), "KeepOwnUsers"): task("CreateUser", x) for x in TENANTS},
        **{(ROLE.format(x), "KeepOwnSpaces"): task("CreateUserSpace", x) for x in TENANTS},
    }
    assert set(rights) == set(tries), "a right that nothing tries, or a try of a right that is none"

    found = wrong_rights(platform, rights, tries)

    forget_failures(platform)
    forget_failures(onboarding)
    assert found == []


def test_no_role_of_the_publishing_has_a_right_to_spare(publishing: Publishing) -> None:
    publishing.targets.reset()
    sent = document()
    article = transform(document(), "https://blog.example.com")
    webhook = proxy_event(sent, headers=signed_headers(json.dumps(sent).encode()))
    rights = list(rights_of(publishing))
    steps = ("PublishToMedium", "PublishToDevto", "PublishToHashnode", "IndexInOpenSearch")
    called = calls_of(
        publishing,
        {
            "article_publishing": {
                **{key: {"detail": article} for key in steps},
                "CatchErrors": FAILURE,
                "receive_webhook": webhook,
            }
        },
    )
    tries = {right: called[right[0]] for right in rights if right[0] in called}
    assert set(rights) == set(tries), "a right that nothing tries"

    found = wrong_rights(publishing, rights, tries)

    forget_failures(publishing)
    name = execution_name({"id": sent["_id"], "revision": sent["_rev"]})
    assert publishing.finished(name).status == "SUCCEEDED"
    assert found == []
