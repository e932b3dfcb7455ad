"""Dead letters are read without loss and redriven once, with their history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
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
    TRIED_TOO_OFTEN,
    UNDELIVERED,
    UNPROCESSED,
    WORK_SECONDS,
    DeadLetter,
    look,
    one,
    read,
    remove,
)
from ops.recovery.redrive import Outcome, Selection, redrive, send_back

EXECUTION = "arn:aws:states:us-east-1:1:execution:machine:{}"
# A day, because a run of all tests may take hours.
LATER = datetime.now(UTC) + timedelta(days=1)
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


def test_an_id_that_begins_several_messages_or_none_is_refused(account: Account) -> None:
    for number in (1, 2):
        account.put(failed(number))
    letters = account.look()

    with pytest.raises(OperationError, match="2 messages have an id that begins with ''"):
        one(letters, "", "local")
    with pytest.raises(OperationError, match="No messages have an id that begins with 'none'"):
        one(letters, "none", "local")
    assert one(letters, letters[1].message_id, "local") is letters[1]


def test_each_execution_in_which_an_event_failed_counts(account: Account) -> None:
    executions = [EXECUTION.format(number) for number in (7, 8)]
    account.put(failed(9, "CrmUnavailable", f"{ORIGIN}event-1", *executions))

    [letter] = account.look()

    assert letter.history == tuple(executions)
    assert letter.attempts == 3


def test_a_detail_grows_by_no_byte_on_its_way_back(account: Account) -> None:
    """An event near the limit of 256 KB still fits."""
    detail = {"number": 1, "name": "Ñandú", "more": [1, 2]}
    account.put(json.dumps({**json.loads(failed(1)), "event": {**event(1), "detail": detail}}))

    list(account.redrive(EVERYTHING))

    assert account.published[0]["Detail"] == '{"number":1,"name":"Ñandú","more":[1,2]}'


@pytest.mark.parametrize(
    "body",
    [
        event(1),
        {"StateMachineArn": "arn", "Name": "event-1", "Input": json.dumps(event(1))},
    ],
)
def test_an_event_that_a_schedule_could_not_deliver_can_be_redriven(
    account: Account, body: dict[str, Any]
) -> None:
    reasons = {"ERROR_CODE": "AccessDeniedException", "ERROR_MESSAGE": "no right"}
    account.put(json.dumps(body), UNDELIVERED, SCHEDULE_ARN="arn:aws:scheduler:…", **reasons)

    [letter] = account.look()
    again = letter.again()

    assert (letter.state, letter.error) == ("Scheduler", "AccessDeniedException")
    assert (letter.cause, letter.origin) == ("no right", "event-1")
    assert again is not None
    assert again.source == event(1)["source"]


def test_an_unreadable_call_of_a_schedule_is_reported(account: Account) -> None:
    account.put(json.dumps({"Input": "poison"}), UNDELIVERED, SCHEDULE_ARN="arn:aws:scheduler:…")

    [letter] = account.look()

    assert (letter.error, letter.again()) == ("Unreadable", None)


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


def test_an_event_of_aws_goes_back_by_another_source_with_its_resources(account: Account) -> None:
    bucket = "arn:aws:s3:::pictures"
    failed_event = {**event(1, bucket), "source": "aws.s3", "detail-type": "Object Created"}
    account.put(json.dumps(failed_event), UNDELIVERED, ERROR_CODE="NO_PERMISSIONS")

    [outcome] = account.redrive(EVERYTHING)

    assert outcome.goes_on
    [entry] = account.published
    assert (entry["Source"], entry["DetailType"]) == ("redriven.aws.s3", "Object Created")
    assert entry["Resources"] == [f"{ORIGIN}event-1", bucket]


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

    [outcome] = account.redrive(EVERYTHING, now=lambda: LATER - timedelta(days=2))

    assert (outcome.goes_on, outcome.meanwhile, account.published) == (False, True, [])
    assert "came after this began" in outcome.text
    assert len(account.look()) == 1


def test_one_of_the_same_instant_is_left_alone_too(account: Account) -> None:
    account.put(failed(1))
    [letter] = account.look()

    [outcome] = account.redrive(EVERYTHING, now=lambda: letter.since)

    assert outcome.meanwhile


class SlowQueue:
    """A queue of a clock of its own, at which each call takes 50 ms."""

    def __init__(self, bodies: list[str], sent: Sequence[datetime] = ()) -> None:
        self.time = 0.0
        #: When each message was sent, in milliseconds since 1970, which is the default.
        self._sent = {n: str(int(at.timestamp() * 1000)) for n, at in enumerate(sent)}
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
                {
                    "MessageId": str(n),
                    "ReceiptHandle": str(n),
                    "Body": self.bodies[n],
                    "Attributes": {"SentTimestamp": self._sent.get(n, "0")},
                }
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


def test_one_that_came_meanwhile_stops_no_other(account: Account) -> None:
    sent = [LATER, LATER - timedelta(hours=2)]
    account.sqs = SlowQueue([failed(0), failed(1)], sent)
    account.urls = {FAILED: "url"}

    outcomes = list(account.redrive(EVERYTHING, now=lambda: LATER - timedelta(hours=1)))

    assert [(outcome.meanwhile, outcome.goes_on) for outcome in outcomes] == [
        (True, False),
        (False, True),
    ]


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


class WorkQueue:
    """A work queue with its dead letters."""

    def __init__(self, clients: Callable[[str], Any]) -> None:
        self.sqs = clients("sqs")
        self.work, self.dead = (
            self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("work", "dead")
        )

    def put(self, body: str, **attributes: str) -> None:
        self.sqs.send_message(
            QueueUrl=self.dead,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text}
                for name, text in attributes.items()
            },
        )

    def look(self) -> list[DeadLetter]:
        return look(self.sqs, UNPROCESSED, self.dead)

    def send_back(self, selection: Selection, **options: Any) -> list[Outcome]:
        def send(body: str) -> None:
            self.sqs.send_message(QueueUrl=self.work, MessageBody=body)

        queues = [(UNPROCESSED, self.dead, send)]
        defaults: dict[str, Any] = {"per_second": 10, "now": lambda: LATER}
        return list(send_back(self.sqs, queues, selection, **(defaults | options)))

    def sent(self) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.work, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]


@pytest.fixture
def work_queue(aws: Callable[[str], Any]) -> WorkQueue:
    return WorkQueue(aws)


def test_a_message_that_its_function_refused_has_the_error(work_queue: WorkQueue) -> None:
    work_queue.put("one", errorName="BrokenAudio", errorCause="no samples")
    work_queue.put("two")

    found = {letter.raw["Body"]: letter for letter in work_queue.look()}

    assert (found["one"].error, found["one"].cause) == ("BrokenAudio", "no samples")
    assert found["two"].error == TRIED_TOO_OFTEN
    assert "log" in found["two"].cause


def test_a_message_goes_back_to_its_own_queue(work_queue: WorkQueue) -> None:
    slept: list[float] = []
    for body in ("one", "two", "three"):
        work_queue.put(body, errorName="Busy" if body != "three" else "BrokenAudio")

    outcomes = work_queue.send_back(Selection(error="Busy"), sleep=slept.append)

    assert [outcome.goes_on for outcome in outcomes] == [True, True]
    assert slept == [0.1]
    assert sorted(work_queue.sent()) == ["one", "two"]
    assert [letter.raw["Body"] for letter in work_queue.look()] == ["three"]


def test_a_dry_run_sends_no_message_back(work_queue: WorkQueue) -> None:
    work_queue.put("one")

    [outcome] = work_queue.send_back(Selection(everything=True), dry_run=True)

    assert not outcome.goes_on
    assert work_queue.sent() == []
    assert len(work_queue.look()) == 1


def test_a_message_that_comes_meanwhile_is_not_sent_back(work_queue: WorkQueue) -> None:
    work_queue.put("one")

    [outcome] = work_queue.send_back(
        Selection(everything=True), now=lambda: datetime(2000, 1, 1, tzinfo=UTC)
    )

    assert outcome.meanwhile
    assert work_queue.sent() == []


def test_a_long_queue_is_seen_whole() -> None:
    queue = SlowQueue([failed(number) for number in range(3000)])

    assert len(look(queue, FAILED, "url")) == 3000
    assert len(queue.in_sight()) == 3000


def test_looking_ends_though_messages_come_back_in_sight() -> None:
    queue = SlowQueue([failed(number) for number in range(500)])

    assert len(look(queue, FAILED, "url", seconds=1)) > 190


@pytest.mark.parametrize(("messages", "calls"), [(1, 3), (9, 3), (10, 4), (30, 4)])
def test_reading_ends_after_as_many_known_answers_as_were_read(messages: int, calls: int) -> None:
    """The queue always answers with the same ten: two more calls, and one for each ten."""
    queue = SlowQueue([failed(number) for number in range(messages)])

    found = list(read(queue, FAILED, "url", seconds=0))

    assert len(found) == min(messages, 10)
    assert queue.time == pytest.approx(0.05 * calls)


def test_what_is_meant_is_removed_and_the_rest_is_in_sight(account: Account) -> None:
    account.put(failed(1))
    account.put(failed(2))
    url = account.urls[FAILED]

    assert remove(account.sqs, FAILED, url, lambda x: x.execution == EXECUTION.format(1)) == 1

    hidden = "ApproximateNumberOfMessagesNotVisible"
    counts = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[hidden])
    assert counts["Attributes"] == {hidden: "0"}
    assert [letter.execution for letter in account.look()] == [EXECUTION.format(2)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text
