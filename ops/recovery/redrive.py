"""Redrive dead letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.errors import OperationError
from ops.executions.events import Publisher
from ops.executions.executions import Executions
from ops.recovery.audit import unaudited, write
from ops.recovery.dead_letters import (
    UNAUDITED,
    WORK_SECONDS,
    DeadLetter,
    give_back,
    how_to_read,
    look,
    read,
    whole,
)
from ops.recovery.stuck import resume


@dataclass(frozen=True)
class Selection:
    """A selection of dead letters. An empty field matches all; without any field it selects none.

    `message` is the beginning of a message's id.
    """

    message: str = ""
    error: str = ""
    state: str = ""
    everything: bool = False

    def check(self) -> None:
        """Refuse a selection that selects nothing.

        Raises
        ------
        OperationError
            Naming the ways to select.
        """
        if not (self.message or self.error or self.state or self.everything):
            raise OperationError(
                "No dead letters selected.",
                "Give MESSAGE=<id>, ERROR=<name>, STATE=<state> or ALL=yes.",
            )

    def __contains__(self, letter: DeadLetter) -> bool:
        """Return whether a dead letter is selected."""
        return (
            letter.message_id.startswith(self.message)
            and self.error in ("", letter.error)
            and self.state in ("", letter.state)
        )


@dataclass(frozen=True)
class Outcome:
    """The result for one dead letter: whether it was redriven, and how, or why it stays.

    One that arrived `meanwhile` was not part of the selection.
    """

    letter: DeadLetter
    goes_on: bool
    text: str
    meanwhile: bool = False


def redrive(
    client: Any,
    publisher: Publisher,
    queues: Iterable[tuple[str, str]],
    event_of: Callable[[str], dict[str, Any] | None],
    selection: Selection,
    per_second: float,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Outcome]:
    """Publish what is selected, and delete each message once the bus has its event.

    An interruption at any moment loses nothing: a message is deleted only after the bus accepted
    its event. If it was accepted but not deleted, the next redrive sends it once more, and the
    functions find its rows. The messages of a killed command reappear after two minutes.

    Parameters
    ----------
    client
        A boto3 ``sqs`` client.
    publisher
        The bus that the events came from.
    queues
        Kind and URL of each queue.
    event_of
        Returns the event that started an execution.
    selection
        Which messages.
    per_second
        The most events a second, so that a recovered system is not flooded.
    dry_run
        Say what would be sent, and send nothing.
    sleep, now
        The clock; a test passes its own.
    """
    selection.check()
    started = now()
    for queue, url in queues:

        def one(letter: DeadLetter, url: str = url) -> Outcome:
            return _one(client, publisher, url, whole(letter, event_of), dry_run)

        yield from of_queue(client, queue, url, selection, started, per_second, sleep, one)


def of_queue(
    client: Any,
    queue: str,
    url: str,
    selection: Selection,
    started: datetime,
    per_second: float,
    sleep: Callable[[float], None],
    redrive_one: Callable[[DeadLetter], Outcome],
) -> Iterator[Outcome]:
    """Redrive the selected messages of one queue, hidden from other readers meanwhile."""
    kept = []
    sent = 0
    try:
        for letter in read(client, queue, url, WORK_SECONDS):
            kept.append(letter)
            if letter not in selection:
                continue
            if letter.since >= started:
                # It may be a redriven event that failed at once.
                text = "came after this began; look at it first"
                yield Outcome(letter, False, text, meanwhile=True)
                continue
            if sent:
                sleep(1 / per_second)
            outcome = redrive_one(letter)
            if outcome.goes_on:
                kept.remove(letter)
                sent += 1
            yield outcome
    finally:
        # At the end, or what was given back would be read again and again.
        give_back(client, url, kept)


def _one(client: Any, publisher: Publisher, url: str, letter: DeadLetter, dry_run: bool) -> Outcome:
    event = letter.again()
    if event is None:
        return _without_event(letter)
    if dry_run:
        return Outcome(letter, False, "would be redriven")
    [published] = publisher.publish([event])
    if published.event_id is None:
        return Outcome(letter, False, f"was refused by the bus: {published.reason}")
    client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
    return Outcome(letter, True, f"is on the bus as event {published.event_id}")


def _without_event(letter: DeadLetter) -> Outcome:
    return Outcome(letter, False, f"holds no event; {how_to_read(letter.message_id)}")


def go_on(
    executions: Executions,
    stuck: Iterable[DeadLetter],
    selection: Selection,
    per_second: float,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Outcome]:
    """Let the executions that are selected go on from the state in which they ended.

    Cut off at any moment, nothing is lost: an execution that was not set going is still stuck.
    """
    selection.check()
    begun = 0
    for letter in stuck:
        if letter not in selection:
            continue
        if dry_run:
            yield Outcome(letter, False, f"would go on from {letter.state}")
            continue
        if begun:
            sleep(1 / per_second)
        reason = resume(executions, letter)
        begun += reason is None
        yield Outcome(letter, reason is None, reason or f"goes on from {letter.state}")


def send_back(
    client: Any,
    queues: Iterable[tuple[str, str, Callable[[str], object]]],
    selection: Selection,
    per_second: float,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Outcome]:
    """Send the selected messages of dead-letter queues again to where they were sent at first.

    Each message is deleted once it was sent. Cut off between the two, it goes a second time with
    the next redrive, and the function finds its work done.

    Parameters
    ----------
    client
        A boto3 ``sqs`` client.
    queues
        Kind and URL of each dead-letter queue, and what sends a message's body again.
    selection, per_second, dry_run, sleep, now
        As in `redrive`.
    """
    selection.check()
    started = now()
    for queue, url, send in queues:

        def one(
            letter: DeadLetter, url: str = url, send: Callable[[str], object] = send
        ) -> Outcome:
            if dry_run:
                return Outcome(letter, False, "would be resent")
            send(letter.raw["Body"])
            client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
            return Outcome(letter, True, "is resent")

        yield from of_queue(client, queue, url, selection, started, per_second, sleep, one)


def write_down(
    client: Any,
    logs: Any,
    audit: Mapping[str, str],
    selection: Selection,
    dry_run: bool = False,
) -> Iterator[Outcome]:
    """Write the selected events to the audit log that it did not take.

    They are not published again: their flows had them. Each message goes only after the log took
    its event. Cut off between the two, an event is in the log and in the queue, and counts once.

    Parameters
    ----------
    client, logs
        Boto3 clients ``sqs`` and ``logs``.
    audit
        The root module's output ``event_audit``: the log group, and the queue.
    selection
        Which messages.
    dry_run
        Say what would be written, and write nothing.
    """
    selection.check()
    url = audit["queue_url"]
    for letter in look(client, UNAUDITED, url, WORK_SECONDS):
        if letter not in selection:
            continue
        event = unaudited(letter)
        if event is None:
            yield _without_event(letter)
        elif dry_run:
            yield Outcome(letter, False, "would be written to the audit log")
        elif write(logs, audit["log_group"], event):
            client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
            yield Outcome(letter, True, "is written to the audit log")
        else:
            reason = "is older than what the audit log takes; 'make discard' takes it out"
            yield Outcome(letter, False, reason)
