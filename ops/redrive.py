"""Send the events of dead letters again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.dead_letters import WORK_SECONDS, DeadLetter, give_back, read, whole
from ops.errors import OperationError
from ops.events import Publisher
from ops.executions import Executions
from ops.stuck import resume


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant. What is not given does not matter; nothing given means none.

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
                "It is not said which dead letters are meant.",
                "Give MESSAGE=<id>, ERROR=<name>, STATE=<state> or ALL=yes.",
            )

    def __contains__(self, letter: DeadLetter) -> bool:
        """Tell whether a dead letter is meant."""
        return (
            letter.message_id.startswith(self.message)
            and self.error in ("", letter.error)
            and self.state in ("", letter.state)
        )


@dataclass(frozen=True)
class Outcome:
    """What became of one dead letter: the id of its new event, or why it stays.

    A stuck execution has no new event: it goes on.
    """

    letter: DeadLetter
    event_id: str | None = None
    reason: str = ""
    goes_on: bool = False


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

    Cut off at any moment, nothing is lost: a message goes only after its event was accepted. One
    whose event was accepted and that was not deleted yet is sent once more next time, and the
    functions find its rows there already. What a killed command was looking at is back in sight
    after two minutes.

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
        The most events a second, so that a mended system is not flooded.
    dry_run
        Say what would be sent, and send nothing.
    sleep, now
        The clock; a test passes its own.
    """
    selection.check()
    started = now()
    sent = 0
    for queue, url in queues:
        kept = []
        try:
            for letter in read(client, queue, url, WORK_SECONDS):
                kept.append(letter)
                # One that came meanwhile may be one that was sent again and failed at once.
                if letter not in selection or letter.since >= started:
                    continue
                if sent:
                    sleep(1 / per_second)
                outcome = _one(client, publisher, url, whole(letter, event_of), dry_run)
                if outcome.event_id is not None:
                    kept.remove(letter)
                    sent += 1
                yield outcome
        finally:
            # At the end, or what was given back would be read again and again.
            for letter in kept:
                give_back(client, url, letter)


def _one(client: Any, publisher: Publisher, url: str, letter: DeadLetter, dry_run: bool) -> Outcome:
    event = letter.again()
    if event is None:
        return Outcome(letter, reason="holds no event; look at it with 'show'")
    if dry_run:
        return Outcome(letter, reason="would be sent again")
    [published] = publisher.publish([event])
    if published.event_id is None:
        return Outcome(letter, reason=f"was refused by the bus: {published.reason}")
    client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
    return Outcome(letter, published.event_id)


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
            yield Outcome(letter, reason=f"would go on from {letter.state}")
            continue
        if begun:
            sleep(1 / per_second)
        reason = resume(executions, letter)
        begun += reason is None
        yield Outcome(letter, reason=reason or "", goes_on=reason is None)
