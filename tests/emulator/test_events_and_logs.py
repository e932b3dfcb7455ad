"""The emulator writes events to log groups as AWS does, and gives all of a log's pages."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from emulator.patches.eventbridge.targets import name_executions, with_log_groups
from emulator.patches.logs import with_pages

LINE = '{"timestamp":"2026-11-21T12:00:00Z","message":"{\\"id\\":\\"1\\"}"}'


class Logs:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def _create_log_stream(self, stream: dict[str, Any]) -> None:
        self.stream = stream

    def _put_log_events(self, data: dict[str, Any]) -> None:
        self.written += data["logEvents"]


def deliver(arn: str, template: str | None, filled: str = LINE) -> tuple[Logs, list[str]]:
    logs, others = Logs(), list[str]()
    events = SimpleNamespace(_apply_input_transformer=lambda *_: filled)
    invoke = with_log_groups(lambda target, *_: others.append(target["Arn"]), events, logs)
    view = SimpleNamespace(event_with_detail=lambda: {"id": "1", "detail": {}})
    transformer = {"InputTransformer": {"InputTemplate": template}} if template else {}
    invoke({"Arn": arn, **transformer}, {}, {"Name": "audit"}, view)
    return logs, others


def test_a_log_group_gets_what_the_template_makes_of_the_event() -> None:
    logs, _ = deliver("arn:aws:logs:us-east-1:1:log-group:/aws/events/a", "template")

    assert logs.stream == {"logGroupName": "/aws/events/a", "logStreamName": "audit"}
    assert logs.written == [{"timestamp": 1795262400000, "message": '{"id":"1"}'}]


def test_without_a_template_it_gets_the_event() -> None:
    logs, _ = deliver("arn:aws:logs:us-east-1:1:log-group:/aws/events/a", None)

    assert [json.loads(line["message"]) for line in logs.written] == [{"id": "1", "detail": {}}]


def test_what_breaks_the_template_is_not_written() -> None:
    logs, _ = deliver("arn:aws:logs:us-east-1:1:log-group:/aws/events/a", "template", '{"a"b"}')

    assert logs.written == []


def test_other_targets_are_the_emulators() -> None:
    logs, others = deliver("arn:aws:sqs:us-east-1:1:queue", None)

    assert others == ["arn:aws:sqs:us-east-1:1:queue"]
    assert logs.written == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
def test_the_pages_of_a_log_hold_each_line_once(limit: int) -> None:
    lines = [{"timestamp": at, "message": str(n)} for n, at in enumerate([1, 1, 2, 2, 2, 2, 3])]

    def find(data: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        start = data.get("startTime", 0)
        found = [line for line in lines if line["timestamp"] >= start]
        return 200, {}, json.dumps({"events": found[: data["limit"]]}).encode()

    find_page = with_pages(find)
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": limit}
    while asked:
        page = json.loads(find_page(asked)[2])
        seen += [line["message"] for line in page["events"]]
        token = page.get("nextToken")
        asked = {"limit": limit, "nextToken": token} if token else {}

    assert seen == [str(n) for n in range(7)]


def test_an_execution_is_named_after_its_event() -> None:
    started: list[dict[str, Any]] = []

    def start_execution(data: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        started.append(data)
        return 200, {}, b""

    start = name_executions(start_execution)

    start("arn", '{"id": "event-1"}')
    start("arn", '["no event"]')

    names = [data["name"].partition("_")[0] for data in started]
    assert names[0] == "event-1"
    assert str(UUID(names[1])) == names[1]
    # AWS adds no spaces, which count for the limit of an input.
    assert started[0]["input"] == '{"id":"event-1"}'
