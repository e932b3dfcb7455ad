"""An article goes from the CMS's webhook to every target, and again to those that failed.

The flow is applied to an environment of its own: its servers' addresses are known here only.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from article_publishing.signature import sign
from ops import deploy
from ops.dead_letters import FAILED, look
from ops.environments import Environment
from ops.executions import Execution, Executions
from ops.flow import Flow
from ops.releases import Deployment
from ops.settings import LOCAL, REPOSITORY
from ops.terraform import Terraform
from tests.support.article_targets import HOST, NAMES, TOKENS, Targets, running_targets
from tests.support.platform import Platform, wait_for

FLOW = "article_publishing"
SECRET = "signing-secret"

pytestmark = pytest.mark.xdist_group("article_publishing")


class OwnTerraform(Terraform):
    """Terraform for an environment with this flow alone, whose targets are the test's."""

    targets: Targets

    def arguments(self, release: str | None = None) -> list[str]:
        """Return the variables of plan, apply and destroy."""
        settings = {
            "site_url": "https://blog.example.com",
            "medium": {"url": self.targets.url("medium"), "feed_url": self.targets.url("feed")},
            "devto": {"url": self.targets.url("devto")},
            "hashnode": {"url": self.targets.url("hashnode"), "host": HOST},
            "opensearch": {"url": self.targets.url("opensearch")},
        }
        return [
            *super().arguments(release),
            f"-var=flows={json.dumps([FLOW])}",
            f"-var=article_publishing={json.dumps(settings)}",
        ]


@dataclass
class Publishing:
    """The flow, as its CMS, its targets and its operator see it."""

    platform: Platform
    terraform: OwnTerraform
    targets: Targets
    outputs: dict[str, Any]
    flow: Flow

    @property
    def executions(self) -> Executions:
        """Its executions."""
        client = self.platform.aws.client("stepfunctions")
        return Executions(client, self.flow.state_machine_arn)

    def call(self, document: dict[str, Any], secret: str = SECRET) -> requests.Response:
        """Send a document as the CMS does."""
        body, now = json.dumps(document).encode(), time.time_ns() // 1_000_000
        return requests.post(
            f"{self.outputs['api_urls'][FLOW]}/webhook",
            data=body,
            headers={
                "Content-Type": "application/json",
                "sanity-webhook-signature": f"t={now},v1={sign(now, body, secret)}",
            },
            timeout=60,
        )

    def published(self, document: dict[str, Any]) -> Execution:
        """Send a document, and return its execution when it has ended."""
        response = self.call(document)
        assert response.status_code == 202, response.text
        name = response.json()["execution"]
        arn = self.flow.state_machine_arn.replace(":stateMachine:", ":execution:")
        return self.ended(f"{arn}:{name}")

    def ended(self, arn: str) -> Execution:
        """Return an execution when it has ended."""

        def over() -> Execution | None:
            execution = self.executions.describe(arn)
            return execution if execution.is_over else None

        execution: Execution = wait_for(over, f"the end of {arn}", 90)
        return execution

    def outcome(self, execution: Execution) -> dict[str, str]:
        """Return what an execution that succeeded says of each target."""
        client = self.platform.aws.client("stepfunctions")
        output = json.loads(client.describe_execution(executionArn=execution.arn)["output"])
        return {target["target"]: target["outcome"] for target in output["targets"]}


@pytest.fixture(scope="module")
def publishing() -> Iterator[Publishing]:
    platform = Platform.new(REPOSITORY / ".local" / "test-article-publishing")
    with running_targets() as targets:
        try:
            up = platform.make("up")
            assert up.code == 0, up.text
            terraform = OwnTerraform(LOCAL, platform.settings, platform.aws)
            terraform.targets = targets
            deployment = Deployment(Environment.named(LOCAL), platform.aws, terraform)
            terraform.bootstrap(lambda _: None)
            deploy.release(deployment)
            terraform.apply(lambda _: None)
            outputs = terraform.outputs()
            for name, value in {**TOKENS, "webhook": SECRET}.items():
                platform.aws.client("secretsmanager").put_secret_value(
                    SecretId=f"flowbridge-local-article-publishing-{name}", SecretString=value
                )
            flow = Flow.from_outputs(outputs, FLOW)
            yield Publishing(platform, terraform, targets, outputs, flow)
        finally:
            down = platform.make("down")
            assert down.code == 0, down.text


@pytest.fixture(autouse=True)
def fresh(publishing: Publishing) -> None:
    publishing.targets.reset()


def document(**changes: Any) -> dict[str, Any]:
    identity = uuid.uuid4().hex
    return {
        "_id": identity,
        "_rev": "r1",
        "_createdAt": "2026-11-20T16:05:11Z",
        "_updatedAt": "2026-11-21T09:30:00Z",
        "title": "Starting workflows from code",
        "description": "When a function between the webhook and the workflow pays.",
        "slug": f"workflows-{identity}",
        "body": "Some work begins with **an event**.",
        "categories": [{"title": "AWS"}, {"title": "Step Functions"}],
        **changes,
    }


def test_a_revision_is_published_everywhere_once(publishing: Publishing) -> None:
    article = document()

    execution = publishing.published(article)
    again = publishing.call(article)

    assert execution.status == "SUCCEEDED"
    assert publishing.outcome(execution) == dict.fromkeys(NAMES, "published")
    assert (again.status_code, again.json()["execution"]) == (200, execution.name)
    assert publishing.targets.writes == dict.fromkeys(NAMES, 1)


def test_the_next_revision_changes_what_is_there(publishing: Publishing) -> None:
    article = document()
    publishing.published(article)

    newer = article | {"_rev": "r2", "_updatedAt": "2026-11-22T09:30:00Z", "title": "Better"}
    outcome = publishing.outcome(publishing.published(newer))

    assert outcome == dict.fromkeys(NAMES, "updated") | {"medium": "found"}
    assert all(len(publishing.targets.posts[name]) == 1 for name in NAMES)


def test_nobody_but_the_cms_publishes(publishing: Publishing) -> None:
    assert publishing.call(document(), secret="another").status_code == 401
    assert publishing.targets.calls == dict.fromkeys(NAMES, 0)


def test_a_busy_and_a_broken_target_are_asked_again(publishing: Publishing) -> None:
    publishing.targets.answer_next("devto", 429, {"Retry-After": "1"})
    publishing.targets.answer_next("hashnode", 503)

    execution = publishing.published(document())

    assert publishing.outcome(execution) == dict.fromkeys(NAMES, "published")
    assert publishing.targets.writes == dict.fromkeys(NAMES, 1)


def test_what_failed_in_one_place_is_sent_there_again_alone(publishing: Publishing) -> None:
    targets = publishing.targets
    targets.answer_always("devto", 422)

    execution = publishing.published(document())

    assert (execution.status, execution.error) == ("FAILED", "TargetRefused")
    assert targets.writes == dict.fromkeys(NAMES, 1) | {"devto": 0}
    sqs = publishing.platform.aws.client("sqs")
    [letter] = look(sqs, FAILED, publishing.flow.failed_queue_url)
    assert (letter.state, letter.error) == ("PublishToDevto", "TargetRefused")
    assert "devto: TargetRefused, devto answered 422: Dev.to says 422" in letter.cause
    assert "medium: published" in letter.cause
    assert letter.event is not None
    assert letter.event["detail"]["targets"] == ["devto"]

    targets.answer_always("devto", None)
    before = dict(targets.calls)
    redrive = publishing.platform.make("redrive", f"FLOW={FLOW}", "ALL=yes")
    assert redrive.code == 0, redrive.text
    wait_for(lambda: targets.writes["devto"] == 1, "the post on Dev.to")

    assert targets.calls | {"devto": 0} == before | {"devto": 0}
    assert look(sqs, FAILED, publishing.flow.failed_queue_url) == []


def test_the_webhook_without_its_right_starts_nothing(publishing: Publishing) -> None:
    name = publishing.outputs["functions"][FLOW]["receive_webhook"]["name"]

    with publishing.platform.without_statement(name, "StartPublication"):
        assert publishing.call(document()).status_code == 500
    assert publishing.targets.calls == dict.fromkeys(NAMES, 0)


def test_the_second_plan_is_empty(publishing: Publishing) -> None:
    assert not publishing.terraform.plan()
