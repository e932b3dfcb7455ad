"""The user onboarding of the shared environment, as its users and its operator see it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from emulator.stand_ins.team_webhook import PATH
from ops.executions.events import Event
from ops.recovery import dead_letters
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "user_onboarding"
TABLE = "flowbridge-local-user-onboarding-users"
BUCKET = "flowbridge-local-user-spaces-000000000000"
ROLE = "flowbridge-local-onboarding-tenant-{}"
TENANTS = ("acme", "globex")


@dataclass
class Onboarding(RunningFlow):
    """The flow, as those who sign up and its operator see it."""

    name: str = field(default=FLOW, kw_only=True)

    def record(self, signup: dict[str, str]) -> dict[str, Any] | None:
        """Return the user's record, if there is one."""
        key = {name: {"S": signup[name]} for name in ("tenantId", "userId")}
        answer = self.aws.client("dynamodb").get_item(TableName=TABLE, Key=key)
        record: dict[str, Any] | None = answer.get("Item")
        return record

    def has_space(self, signup: dict[str, str]) -> bool:
        """Return whether the user has a space."""
        prefix = f"{signup['tenantId']}/{signup['userId']}/"
        found = self.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return bool(found["KeyCount"])

    def mails(self, signup: dict[str, str]) -> list[dict[str, Any]]:
        """Return the mails that went to the user, with Subject, BodyText and BodyHtml."""
        answer = requests.get(f"{self.settings.endpoint}/_ministack/ses/messages", timeout=10)
        messages = [m for account in answer.json()["messages"].values() for m in account]
        return [m for m in messages if m["To"] == [signup["email"]]]

    def told(self, signup: dict[str, str]) -> list[str]:
        """Return the messages that the team got about the user."""
        texts = requests.get(f"{self.settings.endpoint}{PATH}", timeout=10).json()
        return [text for text in texts if signup["userId"] in text]

    def letter(self, execution: str) -> dead_letters.DeadLetter:
        """Return what an execution left in the failed queue."""
        sqs, url = self.aws.client("sqs"), self.flow.failed_queue_url

        def found() -> dead_letters.DeadLetter | None:
            letters = dead_letters.look(sqs, dead_letters.FAILED, url)
            return next((x for x in letters if x.execution == execution), None)

        letter: dead_letters.DeadLetter = wait_for(found, f"message of {execution}", 30)
        # A large event is not in the message.
        return dead_letters.whole(letter, self.executions.event)

    def task(self, name: str, role: str | None, signup: dict[str, str]) -> str | None:
        """Carry out one of the state machine's tasks alone, with a role of a tenant or with none.

        Returns
        -------
        str or None
            The error that it ends with.
        """
        client = self.aws.client("stepfunctions")
        deployed = client.describe_state_machine(stateMachineArn=self.flow.state_machine_arn)
        state = json.loads(deployed["definition"])["States"][name]
        task = {k: v for k, v in state.items() if k not in ("Catch", "Retry", "Next")}
        task |= {"End": True, "Credentials": {"RoleArn": role}}
        if role is None:
            task.pop("Credentials")
        before = {"Type": "Pass", "Assign": {"signup": signup}, "Next": "Task"}
        user = {"user": {"execution": {"S": "arn:before"}}}
        return self.error_alone({"P": before, "Task": task}, user)

    @contextmanager
    def webhook_at(self, port: int) -> Iterator[None]:
        """Have NotifyTeam find its webhook at another port."""
        secrets, name = self.aws.client("secretsmanager"), "flowbridge-local-team-webhook"
        before = secrets.get_secret_value(SecretId=name)["SecretString"]
        secrets.put_secret_value(SecretId=name, SecretString=f"http://127.0.0.1:{port}{PATH}")
        try:
            # With a new version of the function, which has not read the secret yet.
            with self.configured({"NotifyTeam": {"WEBHOOK": "elsewhere"}}):
                yield
        finally:
            secrets.put_secret_value(SecretId=name, SecretString=before)

    @contextmanager
    def tenant_without(self, tenant: str, action: str) -> Iterator[None]:
        """Take one action out of the policy of a tenant's role."""
        iam, which = (
            self.aws.client("iam"),
            {"RoleName": ROLE.format(tenant), "PolicyName": "tenant"},
        )
        document = iam.get_role_policy(**which)["PolicyDocument"]
        kept = json.loads(json.dumps(document))
        for statement in kept["Statement"]:
            statement["Action"] = [a for a in statement["Action"] if a != action]
        assert kept != document
        iam.put_role_policy(**which, PolicyDocument=json.dumps(kept))
        try:
            yield
        finally:
            iam.put_role_policy(**which, PolicyDocument=json.dumps(document))


def role_arn(tenant: str) -> str:
    """Return the ARN of a tenant's role."""
    return f"arn:aws:iam::000000000000:role/{ROLE.format(tenant)}"


def new_signup(**changes: str) -> dict[str, str]:
    """Return the sign-up of a new user."""
    name = f"u-{uuid.uuid4().hex[:12]}"
    return {
        "tenantId": "acme",
        "userId": name,
        "email": f"{name}@example.com",
        "name": "Ada",
        **changes,
    }


def event_of(signup: dict[str, str]) -> Event:
    """Return the event of a sign-up."""
    return Event(1, "flowbridge.signup", "UserSignup", json.dumps(signup))
