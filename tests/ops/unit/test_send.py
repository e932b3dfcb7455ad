"""The report of `make send` when the bus becomes unreachable."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from ops.errors import OperationError
from ops.executions.events import Event, Malformed, Publisher
from ops.executions.send import send

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutEvents")
SILENT = ReadTimeoutError(endpoint_url="https://events")


class Bus:
    """A bus whose second call fails as a whole; of the first, one entry is refused."""

    def __init__(self, error: Exception) -> None:
        self._error: Exception | None = error
        self._calls = 0

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._calls += 1
        if self._calls == 2 and self._error:
            raise self._error
        answers: list[dict[str, str]] = [{"EventId": "id"} for _ in Entries]
        answers[3] = {"ErrorCode": "Malformed", "ErrorMessage": "no"}
        return {"Entries": answers}


@pytest.mark.parametrize(
    ("error", "fate", "summary"),
    [
        (DENIED, "not sent", "9 sent, 17 not sent"),
        (SILENT, "perhaps sent: no answer came", "9 sent, 10 perhaps, 7 not sent"),
    ],
)
def test_every_line_is_accounted_for_when_a_call_fails_as_a_whole(
    capsys: pytest.CaptureFixture[str], error: BotoCoreError, fate: str, summary: str
) -> None:
    items: list[Event | Malformed] = [Malformed(1, "is not JSON")]
    items += [Event(line, "s", "t", "{}") for line in range(2, 27)]

    with pytest.raises(OperationError, match="broke off at line 12") as caught:
        send(Publisher(Bus(error), "bus", lambda _: None), items)

    told = capsys.readouterr()
    named = re.findall(r"line (\d+) (.*)", told.err)
    assert named[:2] == [("1", "is not JSON"), ("5", "was refused by the bus: Malformed: no")]
    assert named[2:12] == [(str(line), fate) for line in range(12, 22)]
    assert "the 5 events after line 21 not sent" in told.err
    assert summary in told.out
    assert "send line 12 and all after it again" in caught.value.action


@pytest.mark.parametrize(
    ("rate", "sizes", "pauses"),
    [
        (None, [10, 10, 5], []),
        (50, [10, 10, 5], [0.2, 0.2]),
        (4, [4, 4, 4, 4, 4, 4, 1], [1.0] * 6),
        (0.5, [1] * 25, [2.0] * 24),
    ],
)
def test_no_second_has_more_events_than_the_rate_allows(
    rate: float | None, sizes: list[int], pauses: list[float]
) -> None:
    calls: list[int] = []
    slept: list[float] = []

    class Counting:
        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            calls.append(len(Entries))
            return {"Entries": [{"EventId": "id"} for _ in Entries]}

    events: list[Event | Malformed] = [Event(line, "s", "t", "{}") for line in range(1, 26)]
    send(Publisher(Counting(), "bus"), events, rate, slept.append)

    assert (calls, slept) == (sizes, pauses)
