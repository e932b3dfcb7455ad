"""``make demo FLOW=incident_notification`` plays an incident with phones that reply."""

from __future__ import annotations

import pytest

from ops.flows import DeployedFlow
from ops.flows.incident_notification import demo, smoke
from ops.settings import LOCAL
from tests.support.platform import Platform


@pytest.fixture
def deployed(platform: Platform) -> DeployedFlow:
    return DeployedFlow("incident_notification", LOCAL, platform.aws.client, platform.outputs)


def test_the_demo_shows_messages_replies_and_a_failed_incident(
    deployed: DeployedFlow, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(deployed)

    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "IncidentAcknowledged",
        "Reminder, incident",
        "← +12065550111 No.",
        "← +12065550122 yes",
        "Thank you. Incident",
        "escalation reply",
        '"name": "InvalidIncident"',
        "/_sms",
    ):
        assert part in text


def test_the_smoke_test_sends_nobody_a_message_and_leaves_nothing(deployed: DeployedFlow) -> None:
    table = deployed.output["tables"]["incidents"]["name"]
    client = deployed.client("dynamodb")
    before = client.scan(TableName=table)["Count"]

    assert "synthetic incident" in smoke(deployed)
    assert client.scan(TableName=table)["Count"] == before
