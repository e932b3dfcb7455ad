"""From ``POST /signup`` to a user with a record, a mail and a space, or to nothing at all."""

from __future__ import annotations

import json
import uuid

import pytest
import requests

from ops.executions.events import Event, read
from ops.flows import DeployedFlow
from ops.flows.user_onboarding import inspect
from ops.local.demo import EXAMPLES
from ops.settings import LOCAL
from tests.flows.user_onboarding.support.onboarding import (
    FLOW,
    TENANTS,
    Onboarding,
    event_of,
    new_signup,
    role_arn,
)
from tests.support.platform import Platform, free_port, wait_for
from user_onboarding.signup import user_id

STEPS = ["ReceiveSignup", "CreateUser", "SendWelcomeEmail", "CreateUserSpace", "NotifyTeam"]


@pytest.fixture(scope="module")
def onboarding(platform: Platform) -> Onboarding:
    return Onboarding(platform.settings)


def test_who_signs_up_is_onboarded(onboarding: Onboarding) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    body = {"tenantId": "globex", "email": email, "name": 'Ada <a href="x">&'}

    url = f"{onboarding.outputs['flows'][FLOW]['apis']['signup']['url']}/signup"
    answer = requests.post(url, json=body, timeout=30)
    assert answer.status_code == 202, answer.text
    execution, states = onboarding.ended(answer.json()["id"])

    signup = {**body, "userId": user_id("globex", email)}
    assert (execution.status, list(states)) == ("SUCCEEDED", STEPS)
    record = onboarding.record(signup) or {}
    assert {k: v["S"] for k, v in record.items()}.items() >= signup.items()
    assert record["execution"]["S"] == execution.arn
    deployed = DeployedFlow(FLOW, LOCAL, onboarding.aws.client, onboarding.outputs)
    assert inspect(deployed).complete([execution]) == {execution.name}
    assert onboarding.has_space(signup)
    [mail] = onboarding.mails(signup)
    assert mail["Subject"] == 'Welcome, Ada <a href="x">&'
    assert "Hello Ada &lt;a href=&quot;x&quot;&gt;&amp;," in mail["BodyHtml"]
    assert 'Hello Ada <a href="x">&,' in mail["BodyText"]
    assert onboarding.told(signup) == [f"New user {signup['userId']} of tenant globex."]


def test_an_event_with_a_user_id_only_onboards_a_user(onboarding: Onboarding) -> None:
    """The published example of an event."""
    [event] = read((EXAMPLES / FLOW / "published_event.json").read_text("utf-8"))
    assert isinstance(event, Event)
    assert event.source == "myapp.signup"

    execution, states = onboarding.ended(*onboarding.send(event))

    assert (execution.status, list(states)) == ("SUCCEEDED", STEPS)
    record = onboarding.record({"tenantId": "acme", "userId": "12345"}) or {}
    assert record["email"] == {"S": "12345@example.com"}


@pytest.mark.parametrize("tenant", ["nobody", "acme/../globex"])
def test_the_door_refuses_a_tenant_that_does_not_exist(onboarding: Onboarding, tenant: str) -> None:
    body = {"tenantId": tenant, "email": "eve@example.com", "name": "Eve"}

    url = f"{onboarding.outputs['flows'][FLOW]['apis']['signup']['url']}/signup"
    answer = requests.post(url, json=body, timeout=30)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["tenantId"]


def test_the_same_event_again_changes_nothing(onboarding: Onboarding) -> None:
    signup = new_signup()
    onboarding.ended(*onboarding.send(event_of(signup)))
    before = onboarding.record(signup)

    execution, states = onboarding.ended(*onboarding.send(event_of(signup)))

    assert execution.status == "SUCCEEDED"
    assert list(states) == [*STEPS[:2], "FindUser", "WhoseUser", "AlreadyOnboarded"]
    assert onboarding.record(signup) == before
    assert len(onboarding.mails(signup)) == len(onboarding.told(signup)) == 1


def test_another_person_does_not_get_a_users_id(onboarding: Onboarding) -> None:
    signup = new_signup()
    onboarding.ended(*onboarding.send(event_of(signup)))

    execution, _ = onboarding.ended(*onboarding.send(event_of({**signup, "name": "Eve"})))

    assert (execution.status, execution.error) == ("FAILED", "UserExists")
    assert (onboarding.record(signup) or {})["name"]["S"] == "Ada"
    assert onboarding.has_space(signup)


def test_who_cannot_be_onboarded_leaves_nothing_and_can_be_sent_again(
    onboarding: Onboarding,
) -> None:
    signup = new_signup()

    with onboarding.webhook_at(free_port()):
        execution, states = onboarding.ended(*onboarding.send(event_of(signup)))

    assert (execution.status, execution.error) == ("FAILED", "WebhookUnavailable")
    assert list(states)[-4:] == ["RemoveUserSpace", "RemoveUser", "CatchErrors", "OnboardingFailed"]
    assert states["NotifyTeam"].attempts == 4
    assert onboarding.record(signup) is None
    assert not onboarding.has_space(signup)
    letter = onboarding.letter(execution.arn)
    assert (letter.event or {})["detail"] == signup
    assert "notUndone" not in json.loads(letter.raw["Body"])
    again = letter.again()
    assert again
    assert onboarding.ended(*onboarding.send(again))[0].status == "SUCCEEDED"
    assert onboarding.has_space(signup)


def test_a_user_that_could_not_be_removed_is_taken_over_by_the_event_sent_again(
    onboarding: Onboarding,
) -> None:
    signup = new_signup()

    with (
        onboarding.webhook_at(free_port()),
        onboarding.tenant_without("acme", "dynamodb:DeleteItem"),
    ):
        execution, _ = onboarding.ended(*onboarding.send(event_of(signup)))

    assert execution.error == "WebhookUnavailable"
    letter = onboarding.letter(execution.arn)
    assert json.loads(letter.raw["Body"])["notUndone"] == ["CreateUser"]
    assert onboarding.record(signup)
    again = letter.again()
    assert again
    execution, states = onboarding.ended(*onboarding.send(again))
    assert execution.status == "SUCCEEDED"
    assert "TakeOverUser" in states
    assert (onboarding.record(signup) or {})["execution"]["S"] == execution.arn


def test_a_signup_that_reaches_elsewhere_is_kept_and_does_nothing(onboarding: Onboarding) -> None:
    signup = new_signup(userId="../globex/eve")

    execution, states = onboarding.ended(*onboarding.send(event_of(signup)))

    assert (execution.status, execution.error) == ("FAILED", "InvalidSignup")
    assert list(states) == ["ReceiveSignup", "CatchErrors", "OnboardingFailed"]


def test_no_role_reaches_a_tenant_that_it_is_not_for(onboarding: Onboarding) -> None:
    """The flow's own tasks, as the flow's own role, with another tenant's role or with none."""
    client = onboarding.aws.client("stepfunctions")
    deployed = client.describe_state_machine(stateMachineArn=onboarding.flow.state_machine_arn)
    states = json.loads(deployed["definition"])["States"]
    reaching = [name for name, state in states.items() if "Credentials" in state]
    acme, globex = map(role_arn, TENANTS)
    signup = new_signup(tenantId="acme")

    outcomes = {
        (role, name): onboarding.task(name, role, signup)
        for role in (acme, globex, None)
        for name in reaching
    }

    assert len(reaching) == 6
    denied = ("DynamoDB.AmazonDynamoDBException", "S3.AccessDeniedException")
    for (role, name), error in outcomes.items():
        if role == acme:
            assert error not in denied, (name, error)
        else:
            assert error in denied, (role, name, error)


def test_nobody_but_the_state_machine_takes_on_a_tenants_role(onboarding: Onboarding) -> None:
    sts = onboarding.aws.client("sts")

    with pytest.raises(sts.exceptions.ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=role_arn("acme"), RoleSessionName="test")


def test_the_commands_know_the_flow(onboarding: Onboarding) -> None:
    sent = onboarding.make("send", f"FLOW={FLOW}", "FILE=examples/user_onboarding/signups.jsonl")
    bad = onboarding.make("send", f"FLOW={FLOW}", "FILE=examples/user_onboarding/bad_event.json")
    assert (sent.code, bad.code) == (0, 0)

    def listed() -> str | None:
        letters = onboarding.make("dead-letters", f"FLOW={FLOW}").text
        return letters if "InvalidSignup" in letters else None

    assert "ReceiveSignup" in wait_for(listed, "the bad event in its queue", 30)
