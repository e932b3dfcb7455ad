"""Dead letters are read without loss and redriven once, with their history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowbridge.catch_errors import CatchErrors
from ops.cli.screens import age
from ops.errors import OperationError
from ops.executions.events import Publisher
from ops.recovery.dead_letters import (
    FAILED,
    ORIGIN,
    UNDELIVERED,
    WORK_SECONDS,
    DeadLetter,
    look,
    remove,
)
from ops.recovery.redrive import Outcome, Selection, redrive

EXECUTION = "arn:aws:states:us-east-1:1:execution:machine:{}"
LATER = datetime.now(UTC) + timedelta(hours=1)
catch_errors = CatchErrors("order_intake", "OrderIntake Failed")
EVERYTHING = Selection(everything=True)


def event(number: int, *resources: str) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "source": "kranio.event.crm",
        "detail-type": "CRM Registration",
        "resources": list(resources),
        "detail": {"number": number},
    }


def failed(number: int, error: str = "CrmUnavailable", *resources: str) -> str:
    """Return the message that CatchErrors queues."""
    failure = {
        "event": event(number, *resources),
        "failedState": "CreateClient",
        "error": {"Error": error, "Cause": "no answer"},
        "execution": EXECUTION.format(number),
    }
    return json.dumps(catch_errors.message(failure, datetime.now(UTC)))


class Account:
    """Two queues and a bus."""

    def __init__(self, clients: Callable[[str], Any]) -> None:
        self.sqs = clients("sqs")
        self.urls = {
            queue: self.sqs.create_queue(QueueName=queue)["QueueUrl"]
            for queue in (FAILED, UNDELIVERED)
        }
        self.published: list[dict[str, Any]] = []
        self.refuse: set[int] = set()
        self.slept: list[float] = []
        self.inputs: dict[str, dict[str, Any]] = {}

    def put(self, body: str, queue: str = FAILED, **attributes: str) -> None:
        self.sqs.send_message(
            QueueUrl=self.urls[queue],
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    def look(self) -> list[DeadLetter]:
        return [letter for queue, url in self.urls.items() for letter in look(self.sqs, queue, url)]

    def redrive(self, selection: Selection, **options: Any) -> Iterator[Outcome]:
        defaults: dict[str, Any] = {
            "per_second": 10,
            "sleep": self.slept.append,
            "now": lambda: LATER,
        }
        publisher = Publisher(self, "bus", self.slept.append)
        return redrive(
            self.sqs,
            publisher,
            self.urls.items(),
            self.inputs.get,
            selection,
            **(defaults | options),
        )

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  boto3's
        [entry] = Entries
        number = json.loads(entry["Detail"])["number"]
        if number in self.refuse:
            return {"Entries": [{"ErrorCode": "NotAuthorized", "ErrorMessage": "no"}]}
        self.published.append(entry)
        return {"Entries": [{"EventId": f"again-{number}"}]}


@pytest.fixture
def account(aws: Callable[[str], Any]) -> Account:
    return Account(aws)


def test_looking_takes_nothing_away_and_hides_nothing(account: Account) -> None:
    for number in range(25):
        account.put(failed(number))

    assert len(account.look()) == 25
    assert len(account.look()) == 25


class Servers:
    """A queue whose short polls ask the one server that has no message."""

    def __init__(self, *bodies: str) -> None:
        self.waiting = [
            {"MessageId": str(number), "ReceiptHandle": "handle", "Body": body}
            for number, body in enumerate(bodies)
        ]

    def receive_message(self, WaitTimeSeconds: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        if not WaitTimeSeconds or not self.waiting:
            return {}
        return {"Messages": [self.waiting.pop(0)]}

    def change_message_visibility_batch(self, **_: Any) -> None:
        pass


def test_an_empty_answer_of_one_server_is_not_the_end() -> None:
    letters = look(Servers(failed(1), failed(2)), FAILED, "url")

    assert [letter.execution for letter in letters] == [EXECUTION.format(n) for n in (1, 2)]


def test_a_message_tells_what_failed_where_and_why(account: Account) -> None:
    account.put(failed(1, "CrmRejected", f"{ORIGIN}event-0", EXECUTION.format(0)))

    [letter] = account.look()

    assert (letter.queue, letter.state, letter.error) == (FAILED, "CreateClient", "CrmRejected")
    assert letter.cause == "no answer"
    assert letter.attempts == 2
    assert letter.origin == "event-0"


def test_what_eventbridge_could_not_deliver_tells_why(account: Account) -> None:
    account.put(
        json.dumps(event(1)), UNDELIVERED, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="no role"
    )

    [letter] = account.look()

    assert (letter.state, letter.error) == ("EventBridge", "NO_PERMISSIONS")
    assert (letter.cause, letter.attempts, letter.origin) == ("no role", 0, "event-1")


@pytest.mark.parametrize("queue", [FAILED, UNDELIVERED])
@pytest.mark.parametrize(
    "body", ["poison", "[]", "{}", '{"error": 1}', '{"error": {}, "event": 7}']
)
def test_a_message_that_nobody_can_read_stays_and_stops_nobody(
    account: Account, queue: str, body: str
) -> None:
    account.put(body, queue)
    account.put(failed(1))

    outcomes = list(account.redrive(EVERYTHING))

    [left] = account.look()
    assert left.raw["Body"] == body
    how = f"'make dead-letters ENV=… MESSAGE={left.message_id}'"
    assert {(o.goes_on, o.text) for o in outcomes} == {
        (True, "is on the bus as event again-1"),
        (False, f"holds no event; read it with {how}"),
    }


def test_what_nobody_can_read_says_how_to_see_it(account: Account) -> None:
    account.put("poison")

    [letter] = account.look()

    assert letter.error == "Unreadable"
    assert f"'make dead-letters ENV=… MESSAGE={letter.message_id}'" in letter.cause


def test_an_event_that_its_message_has_no_room_for_is_read_from_its_execution(
    account: Account,
) -> None:
    bodies = [{**json.loads(failed(number)), "event": None} for number in (2, 3)]
    for body in bodies:
        account.put(json.dumps(body))
    account.inputs = {EXECUTION.format(2): event(2, f"{ORIGIN}event-1", EXECUTION.format(1))}

    outcomes = list(account.redrive(EVERYTHING))

    assert {o.goes_on: o.letter.execution for o in outcomes} == {
        True: EXECUTION.format(2),
        False: EXECUTION.format(3),
    }
    [entry] = account.published
    resources = [f"{ORIGIN}event-1", EXECUTION.format(1), EXECUTION.format(2)]
    assert entry["Resources"] == resources
    [left] = account.look()
    assert left.execution == EXECUTION.format(3)


def test_an_event_goes_back_as_it_was_with_its_history(account: Account) -> None:
    account.put(failed(2, "CrmUnavailable", f"{ORIGIN}event-1", EXECUTION.format(1)))

    list(account.redrive(EVERYTHING))

    [entry] = account.published
    assert entry == {
        "Source": "kranio.event.crm",
        "DetailType": "CRM Registration",
        "Detail": '{"number":2}',
        "EventBusName": "bus",
        "Resources": [f"{ORIGIN}event-1", EXECUTION.format(1), EXECUTION.format(2)],
    }
    assert account.look() == []


def test_only_what_is_selected_is_sent(account: Account) -> None:
    account.put(failed(1, "CrmUnavailable"))
    account.put(failed(2, "CrmRejected"))
    account.put(json.dumps(event(3)), UNDELIVERED, ERROR_CODE="NO_PERMISSIONS")

    list(account.redrive(Selection(error="CrmRejected")))
    assert [json.loads(e["Detail"])["number"] for e in account.published] == [2]
    list(account.redrive(Selection(state="EventBridge")))
    assert [json.loads(e["Detail"])["number"] for e in account.published] == [2, 3]

    [left] = account.look()
    list(account.redrive(Selection(message=left.message_id[:8])))
    assert account.look() == []


def test_nothing_selected_is_nothing_sent(account: Account) -> None:
    with pytest.raises(OperationError, match="No dead letters selected"):
        list(account.redrive(Selection()))


def test_a_dry_run_sends_nothing(account: Account) -> None:
    account.put(failed(1))

    [outcome] = account.redrive(EVERYTHING, dry_run=True)

    assert (outcome.goes_on, outcome.text) == (False, "would be redriven")
    assert account.published == []
    assert len(account.look()) == 1


def test_what_the_bus_refuses_stays(account: Account) -> None:
    account.put(failed(1))
    account.refuse = {1}

    [outcome] = account.redrive(EVERYTHING)

    assert not outcome.goes_on
    assert "NotAuthorized" in outcome.text
    assert len(account.look()) == 1


def test_the_rate_is_kept(account: Account) -> None:
    for number in range(4):
        account.put(failed(number))

    list(account.redrive(EVERYTHING, per_second=2))

    assert account.slept == [0.5, 0.5, 0.5]


def test_interrupted_anywhere_every_event_is_in_the_queue_or_on_the_bus(account: Account) -> None:
    for number in range(12):
        account.put(failed(number))

    outcomes = account.redrive(EVERYTHING)
    for _ in range(5):
        next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]

    on_the_bus = {json.loads(e["Detail"])["number"] for e in account.published}
    in_the_queue = {(letter.event or {})["detail"]["number"] for letter in account.look()}
    assert len(on_the_bus) == 5
    assert on_the_bus | in_the_queue == set(range(12))
    assert not on_the_bus & in_the_queue


def test_one_that_comes_while_others_are_sent_is_left_alone(account: Account) -> None:
    account.put(failed(1))

    [outcome] = account.redrive(EVERYTHING, now=lambda: LATER - timedelta(hours=2))

    assert (outcome.goes_on, outcome.meanwhile, account.published) == (False, True, [])
    assert "came after this began" in outcome.text
    assert len(account.look()) == 1


class SlowQueue:
    """A queue of a clock of its own, at which each call takes 50 ms."""

    def __init__(self, bodies: list[str]) -> None:
        self.time = 0.0
        self.bodies = dict(enumerate(bodies))
        self._hidden = dict.fromkeys(self.bodies, 0.0)

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def in_sight(self) -> list[int]:
        return [number for number in self.bodies if self._hidden[number] <= self.time]

    def receive_message(
        self,
        MaxNumberOfMessages: int,  # noqa: N803  boto3's
        VisibilityTimeout: int,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        self.sleep(0.05)
        numbers = self.in_sight()[:MaxNumberOfMessages]
        self._hidden |= dict.fromkeys(numbers, self.time + VisibilityTimeout)
        return {
            "Messages": [
                {"MessageId": str(n), "ReceiptHandle": str(n), "Body": self.bodies[n]}
                for n in numbers
            ]
        }

    def change_message_visibility_batch(
        self,
        Entries: list[dict[str, Any]],  # noqa: N803  boto3's
        **_: Any,
    ) -> dict[str, Any]:
        self.sleep(0.05)
        known = [
            entry for entry in Entries if self._hidden[int(entry["ReceiptHandle"])] > self.time
        ]
        self._hidden |= {int(entry["ReceiptHandle"]): self.time for entry in known}
        failed = [{"Id": entry["Id"]} for entry in Entries if entry not in known]
        return {"Failed": failed}

    def delete_message(self, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803  boto3's
        self.sleep(0.05)
        del self.bodies[int(ReceiptHandle)]


def test_among_many_that_are_not_meant_all_that_are_meant_are_sent(account: Account) -> None:
    bodies = [failed(n, "CrmUnavailable" if n % 3 else "InvalidLead") for n in range(900)]
    account.sqs = queue = SlowQueue(bodies)
    account.urls = {FAILED: "url"}

    selection = Selection(error="CrmUnavailable")
    outcomes = list(account.redrive(selection, per_second=5, sleep=queue.sleep))

    assert queue.time > WORK_SECONDS
    assert len(outcomes) == len(account.published) == 600
    assert sorted(queue.bodies) == list(range(0, 900, 3))
    assert len(look(queue, FAILED, "url")) == 300


def test_a_long_queue_is_seen_whole() -> None:
    queue = SlowQueue([failed(number) for number in range(3000)])

    assert len(look(queue, FAILED, "url")) == 3000
    assert len(queue.in_sight()) == 3000


def test_looking_ends_though_messages_come_back_in_sight() -> None:
    queue = SlowQueue([failed(number) for number in range(500)])

    assert len(look(queue, FAILED, "url", seconds=1)) > 190


def test_what_is_meant_is_removed_and_the_rest_is_in_sight(account: Account) -> None:
    account.put(failed(1))
    account.put(failed(2))
    url = account.urls[FAILED]

    assert remove(account.sqs, FAILED, url, lambda x: x.execution == EXECUTION.format(1)) == 1

    assert [letter.execution for letter in account.look()] == [EXECUTION.format(2)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text
