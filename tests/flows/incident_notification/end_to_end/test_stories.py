"""Stories of incidents: the right messages on the right phones, each once, and the right status.

All stories run at the same time, because they mostly wait for silence.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from ops.executions.executions import Execution, StateRun
from tests.flows.incident_notification.support.incidents import THANKS, Incidents, new_incident
from tests.support.platform import Platform

Incident = dict[str, str]


@dataclass(frozen=True)
class Story:
    """An incident that is over: its execution, its changes, and the messages on the two phones."""

    execution: Execution
    states: dict[str, StateRun]
    status: str
    history: list[str]
    first: list[str]
    second: list[str]


def yes_at_once(flow: Incidents, incident: Incident) -> None:
    flow.message(incident["first_contact"])
    flow.reply(incident["first_contact"], " Yes. ")


def no(flow: Incidents, incident: Incident) -> None:
    flow.message(incident["first_contact"])
    flow.reply(incident["first_contact"], "NO!")
    flow.message(incident["second_contact"])
    flow.reply(incident["second_contact"], "Ja")


def yes_to_the_reminder(flow: Incidents, incident: Incident) -> None:
    flow.message(incident["first_contact"], 2)
    flow.reply(incident["first_contact"], "ok")


def second_says_yes(flow: Incidents, incident: Incident) -> None:
    flow.message(incident["second_contact"])
    flow.reply(incident["second_contact"], "Sí")


def silence(flow: Incidents, incident: Incident) -> None:
    flow.message(incident["second_contact"], 2)


def late_yes(flow: Incidents, incident: Incident) -> None:
    """The first contact answers when the second one is being asked."""
    flow.message(incident["second_contact"])
    flow.reply(incident["first_contact"], "yes")


def both_decline(flow: Incidents, incident: Incident) -> None:
    for contact in ("first_contact", "second_contact"):
        flow.message(incident[contact])
        flow.reply(incident[contact], "no")


def stop(flow: Incidents, incident: Incident) -> None:
    flow.message(incident["first_contact"])
    flow.reply(incident["first_contact"], "STOP")
    flow.message(incident["second_contact"])
    flow.reply(incident["second_contact"], "y")


def ignored(flow: Incidents, incident: Incident) -> None:
    """Only the contact that was asked changes an incident, and only with a known word."""
    other = new_incident()
    flow.report(other)
    flow.message(other["first_contact"])
    flow.message(incident["first_contact"])
    flow.reply(incident["second_contact"], "yes")
    flow.reply("+12069999999", "yes")
    flow.reply(incident["first_contact"], "who is this?")
    flow.reply(other["first_contact"], "yes")
    flow.wait_until(other["incident_id"], "acknowledged")
    assert flow.status(incident["incident_id"]) == "not_acknowledged"
    flow.reply(incident["first_contact"], "yes")


STORIES: dict[str, Callable[[Incidents, Incident], None]] = {
    story.__name__: story
    for story in (
        yes_at_once,
        no,
        yes_to_the_reminder,
        second_says_yes,
        silence,
        late_yes,
        both_decline,
        stop,
        ignored,
    )
}


@pytest.fixture(scope="module")
def flow(platform: Platform) -> Incidents:
    return Incidents(platform.settings)


@pytest.fixture(scope="module")
def stories(flow: Incidents) -> dict[str, Story]:
    """Every story, played to its end."""
    for service in ("dynamodb", "stepfunctions"):
        # boto3 does not let two threads make a client.
        flow.aws.client(service)
    assert flow.output["number"]

    def play(name: str) -> Story:
        incident = new_incident(url=f"https://example.com/{name}")
        flow.report(incident)
        STORIES[name](flow, incident)
        execution, states = flow.over(incident["incident_id"])
        first, second = (
            [m["body"] for m in flow.messages(incident[contact])]
            for contact in ("first_contact", "second_contact")
        )
        key = incident["incident_id"]
        return Story(execution, states, flow.status(key), flow.history(key), first, second)

    with ThreadPoolExecutor(len(STORIES)) as pool:
        return dict(zip(STORIES, pool.map(play, STORIES), strict=True))


@pytest.mark.parametrize(
    ("story", "history", "first", "second"),
    [
        ("yes_at_once", ["acknowledged"], ["New", THANKS], []),
        ("no", ["escalation", "acknowledged"], ["New"], ["Escalated", THANKS]),
        ("yes_to_the_reminder", ["acknowledged"], ["New", "Reminder", THANKS], []),
        (
            "second_says_yes",
            ["escalation", "acknowledged"],
            ["New", "Reminder"],
            ["Escalated", THANKS],
        ),
        (
            "silence",
            ["escalation", "unacknowledged"],
            ["New", "Reminder"],
            ["Escalated", "Reminder"],
        ),
        (
            "late_yes",
            ["escalation", "acknowledged"],
            ["New", "Reminder", THANKS],
            ["Escalated"],
        ),
        (
            "both_decline",
            ["escalation", "double_escalation yes", "unacknowledged"],
            ["New"],
            ["Escalated"],
        ),
        ("stop", ["escalation", "acknowledged"], ["New"], ["Escalated", THANKS]),
        ("ignored", ["acknowledged"], ["New", THANKS], []),
    ],
)
def test_a_story_ends_as_it_should(
    stories: dict[str, Story], story: str, history: list[str], first: list[str], second: list[str]
) -> None:
    found = stories[story]

    assert found.execution.status == "SUCCEEDED"
    assert (found.execution.answer or {})["incident_stat"] == found.status == history[-1]
    assert found.history == history
    for texts, beginnings in ((found.first, first), (found.second, second)):
        assert [text.startswith(start) for text, start in zip(texts, beginnings, strict=True)] == [
            True for _ in beginnings
        ]


def test_messages_say_what_happened_and_how_to_answer(stories: dict[str, Story]) -> None:
    text, *_ = stories["silence"].first

    assert "Error 111, unit 1 malfunctioned. https://example.com/silence" in text
    assert "Reply YES to take it or NO to decline." in text


def test_an_answer_is_acted_on_at_once(stories: dict[str, Story]) -> None:
    for story in ("yes_at_once", "no", "stop", "both_decline"):
        seconds = stories[story].execution.seconds
        assert seconds is not None
        # Less than two contacts' silence.
        assert seconds < 10, story


def test_unacknowledged_incidents_are_announced(stories: dict[str, Story]) -> None:
    for story, found in stories.items():
        announced = "AnnounceUnacknowledged" in found.states
        assert announced == (found.status == "unacknowledged"), story


def test_an_alarm_counts_the_unacknowledged_ones(
    flow: Incidents, stories: dict[str, Story]
) -> None:
    [alarm] = flow.output["alarm_names"]
    found = flow.aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    group = flow.output["workflows"]["main"]["log_group_name"]
    filters = flow.aws.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
    [pattern] = [f["filterPattern"] for f in filters if f["filterName"] == "unacknowledged"]
    lines = flow.aws.client("logs").filter_log_events(logGroupName=group, filterPattern=pattern)

    assert found
    for story, one in stories.items():
        counted = any(one.execution.arn in line["message"] for line in lines["events"])
        assert counted == (one.status == "unacknowledged"), story
