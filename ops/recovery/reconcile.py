"""Compare the events that the bus accepted with their fates, so that no loss stays unseen.

The bus's audit log names every event that was accepted. Each of a flow's events must have an
execution that succeeded, wait in a queue from which it can be redriven, or be in flight. Reading
changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from ops.executions.executions import CLOCKS, Execution
from ops.executions.patterns import matches, of_rule
from ops.flow import Workflow
from ops.recovery import marks, stuck
from ops.recovery.audit import Accepted, Discarded, audited, discarded, unaudited
from ops.recovery.dead_letters import UNAUDITED, WORK_SECONDS, DeadLetter, look, whole
from ops.recovery.places import Contents, Inspector, Key

T = TypeVar("T")
R = TypeVar("R")

#: An event has this long to start its execution.
GRACE = timedelta(minutes=1)
#: Seconds before events that seem lost are searched for again.
SETTLE_SECONDS = 5


class Fate(Enum):
    """The fate of an event."""

    ARRIVED = "arrived"
    WAITING = "waiting"
    IN_FLIGHT = "in flight"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"
    LOST = "LOST"


@dataclass(frozen=True)
class Verdict:
    """The fate of one event: where it is, since when, and why."""

    event: Accepted
    fate: Fate
    since: datetime
    place: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what a machine reads of it."""
        return {
            "event": self.event.id,
            "accepted": self.event.at.isoformat(),
            "fate": self.fate.value,
            "since": self.since.isoformat(),
            "place": self.place,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Found:
    """All that is known of a flow's events at one moment.

    `executions` and `letters` are by event id. `contents` are the flow's results, None if they are
    not inspected. `discarded` are operators' decisions by event id. `others` are the accepted
    events that no rule of the flow takes. `busy` counts the messages that another process was
    reading, `unreadable` the lines of the log and the unaudited messages that contain no event.
    """

    accepted: Sequence[Accepted]
    executions: Mapping[str, Sequence[Execution]]
    letters: Mapping[str, DeadLetter]
    contents: Contents | None = None
    discarded: Mapping[str, Discarded] = field(default_factory=dict)
    others: Sequence[Accepted] = ()
    busy: int = 0
    unreadable: int = 0


@dataclass(frozen=True)
class Report:
    """The fate of every event, and the rows that exist more than once."""

    verdicts: Sequence[Verdict]
    duplicated: Sequence[tuple[str, Key, int]] = ()
    knows_rows: bool = False
    others: Sequence[Accepted] = ()
    busy: int = 0
    unreadable: int = 0
    counts: Mapping[Fate, int] = field(init=False)

    def __post_init__(self) -> None:
        """Count the fates."""
        counts = Counter(verdict.fate for verdict in self.verdicts)
        object.__setattr__(self, "counts", {fate: counts[fate] for fate in Fate})

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lost, nothing is there twice, and all of the log could be read."""
        return not (self.counts[Fate.LOST] or self.duplicated or self.unreadable)

    @property
    def summary(self) -> str:
        """A summary in one line."""
        rare = (Fate.REDRIVEN, Fate.DISCARDED)
        shown = [fate for fate in Fate if fate not in rare or self.counts[fate]]
        parts = [f"{self.counts[fate]:,} {fate.value.lower()}" for fate in shown]
        if self.knows_rows:
            parts.append(f"{len(self.duplicated):,} duplicated")
        return f"{len(self.verdicts):,} accepted: {', '.join(parts)}"

    def as_json(self) -> dict[str, Any]:
        """Return what a machine reads of it."""
        return {
            "accepted": len(self.verdicts),
            **{fate.value.lower().replace(" ", "_"): n for fate, n in self.counts.items()},
            "rows_checked": self.knows_rows,
            "duplicated": [
                {"table": table, "key": list(key), "rows": rows}
                for table, key, rows in self.duplicated
            ],
            "unreadable": self.unreadable,
            "events": [verdict.as_json() for verdict in self.verdicts],
        }


def judge(found: Found, now: datetime) -> Report:
    """Return the fate of each event."""
    families: dict[str, list[Accepted]] = defaultdict(list)
    for event in found.accepted:
        families[event.origin].append(event)
    newest = {origin: max(events, key=_age) for origin, events in families.items()}
    verdicts = [_verdict(event, newest[event.origin], found, now) for event in found.accepted]
    duplicated = [
        (table, key, rows)
        for table, keys in (found.contents.counts if found.contents else {}).items()
        for key, rows in sorted(keys.items())
        if rows > 1
    ]
    knows_rows = found.contents is not None
    return Report(verdicts, duplicated, knows_rows, found.others, found.busy, found.unreadable)


def _age(event: Accepted) -> tuple[datetime, bool]:
    # Of two in the same second, the one that names the other is the later.
    return event.at, event.origin != event.id


def _verdict(event: Accepted, newest: Accepted, found: Found, now: datetime) -> Verdict:
    executions = found.executions.get(event.id, ())
    by_status = {execution.status: execution for execution in executions}
    letter = found.letters.get(event.id)
    missing: list[str] = []
    if arrived := by_status.get("SUCCEEDED"):
        if found.contents:
            missing = found.contents.missing(arrived)
            # Another execution may have undone what this one found done, and its event waits.
            letter = letter or found.contents.claimed(arrived, found.letters.values())
        if not missing:
            since = arrived.stopped or arrived.started
            return Verdict(event, Fate.ARRIVED, since, arrived.name)
    if letter:
        return Verdict(
            event, Fate.WAITING, letter.since, letter.queue, f"{letter.error} in {letter.state}"
        )
    if running := by_status.get("RUNNING"):
        return Verdict(event, Fate.IN_FLIGHT, running.started, running.name)
    if arrived:
        since = arrived.stopped or arrived.started
        return Verdict(event, Fate.LOST, since, arrived.name, f"no row in {', '.join(missing)}")
    if decision := found.discarded.get(event.id):
        return Verdict(event, Fate.DISCARDED, decision.at, f"by {decision.by}", decision.reason)
    if newest.id != event.id:
        return Verdict(event, Fate.REDRIVEN, newest.at, newest.id)
    if ended := next(iter(executions), None):
        reason = f"{ended.status}, and no message of it is in a queue"
        # CatchErrors queues its message before the execution ends, so there is no grace here.
        return Verdict(event, Fate.LOST, ended.stopped or ended.started, ended.name, reason)
    if now - event.at < GRACE:
        return Verdict(event, Fate.IN_FLIGHT, event.at)
    return Verdict(event, Fate.LOST, event.at, "", "no execution, and no message in a queue")


class Reconciliation:
    """Gathers what is known of a flow's events.

    Parameters
    ----------
    client
        Returns the client of a service.
    flow
        The flow.
    audit
        The root module's output ``event_audit``: the log group, and the queue of what could not
        be written to it.
    inspector
        Reads what the flow left; None where that is out of reach, and the success of an execution
        is the proof.
    progress
        Is called with what is being done.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        flow: Workflow,
        audit: Mapping[str, str],
        inspector: Inspector | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._flow = flow
        self._audit = audit
        self._inspector = inspector
        self._progress = progress
        #: Ended executions do not change, so a second search does not read them again.
        self._ended: dict[str, Execution] = {}
        self._executions = flow.executions(client)

    def report(
        self,
        since: datetime,
        sleep: Callable[[float], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Report:
        """Return the fate of every event since then.

        An event may move from one queue to the next between two reads, so a lost event is searched
        for again.
        """
        report = judge(self.gather(since), now())
        if report.counts[Fate.LOST]:
            sleep(SETTLE_SECONDS)
            report = judge(self.gather(since), now())
        return report

    def gather(self, since: datetime) -> Found:
        """Look at everything, in the order in which events go from place to place."""
        self._progress("read the audit log")
        patterns = [of_rule(self._client("events"), rule) for rule in self._flow.rules]
        every, decisions, unreadable = self._audited(since)
        accepted, others = list[Accepted](), list[Accepted]()
        for event in every:
            named = event.source, event.detail_type, event.resources
            taken = any(matches(pattern, *named) for pattern in patterns)
            (accepted if taken else others).append(event)
        executions, begun = self._by_event(since, {event.id for event in accepted})
        accepted += begun
        letters, busy = self._letters()
        self._add_stuck(since, executions, letters)
        done = [e for found in executions.values() for e in found if e.status == "SUCCEEDED"]
        self._progress("read the results")
        contents = self._inspector.look(done) if self._inspector else None
        return Found(accepted, executions, letters, contents, decisions, others, busy, unreadable)

    def _audited(self, since: datetime) -> tuple[list[Accepted], dict[str, Discarded], int]:
        """Return the events and the decisions of the audit log, and how many lines are neither.

        Events that CloudWatch did not take wait in a queue.
        """
        # The log's times are whole seconds.
        begin = int(since.timestamp()) * 1000
        pages = (
            self._client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=self._audit["log_group"], startTime=begin)
        )
        lines = [line for page in pages for line in page["events"]]
        read = list[Accepted | None]()
        decisions = dict[str, Discarded]()
        for line in lines:
            if decision := discarded(line["message"], line["timestamp"]):
                decisions[decision.id] = decision
            else:
                read.append(audited(line["message"], line["timestamp"]))
        letters = look(self._client("sqs"), UNAUDITED, self._audit["queue_url"], WORK_SECONDS)
        late = [unaudited(letter) for letter in letters if letter.since >= since]
        known = {e.id: e for e in reversed([*read, *late]) if e and not e.is_synthetic}
        events = sorted(known.values(), key=lambda event: event.at)
        return events, decisions, sum(event is None for event in [*read, *late])

    def _by_event(
        self, since: datetime, wanted: set[str]
    ) -> tuple[dict[str, list[Execution]], list[Accepted]]:
        """Return the executions of the events, and the events that began without the bus.

        EventBridge begins an execution's name with the event's id, so most need not be described.
        The output of a succeeded execution names its results, where those can be inspected and are
        not found by the execution's name. A program that starts an execution directly names it
        after the event: the execution itself proves that the event was accepted.
        """
        self._progress("list the executions")
        found: dict[str, list[Execution]] = defaultdict(list)
        succeeded: list[Execution] = []
        unnamed: list[Execution] = []
        for execution in self._executions.since(since):
            event = execution.named_event
            if event in wanted and not (self._inspector and execution.status == "SUCCEEDED"):
                found[event].append(execution)
            elif event in wanted:
                succeeded.append(execution)
            else:
                unnamed.append(execution)
        complete = self._named_by_results(succeeded)
        for execution in succeeded:
            if execution.name in complete:
                found[execution.named_event].append(execution)
        for execution in self._with_outputs([e for e in succeeded if e.name not in complete]):
            found[execution.named_event].append(execution)
        begun: list[Accepted] = []
        for execution in _at_once(self._described, unnamed):
            event_id = execution.event_id
            if event_id == execution.name and event_id not in wanted and execution.started >= since:
                # The log's times are whole seconds, and those are compared with this one.
                begun.append(Accepted(event_id, execution.started.replace(microsecond=0), "", ""))
                found[event_id].append(execution)
            elif event_id in wanted:
                found[event_id].append(execution)
        return found, begun

    def _named_by_results(self, succeeded: Sequence[Execution]) -> set[str]:
        """Return the executions whose results are all there; a second search asks again."""
        if not (self._inspector and succeeded):
            return set()
        self._progress(f"find the results of {len(succeeded):,} executions")
        return self._inspector.complete(succeeded)

    def _with_outputs(self, succeeded: Sequence[Execution]) -> list[Execution]:
        unread = [e for e in succeeded if e.arn not in self._ended]

        def progress(number: int) -> None:
            self._progress(f"output {number:,} of {len(unread):,}")

        self._ended |= {e.arn: e for e in self._executions.outputs(unread, progress)}
        return [self._ended[e.arn] for e in succeeded]

    def _described(self, execution: Execution) -> Execution:
        known = self._ended.get(execution.arn) or self._executions.describe(execution.arn)
        if known.status == "SUCCEEDED":
            self._ended[execution.arn] = known
        return known

    def _letters(self) -> tuple[dict[str, DeadLetter], int]:
        """Return what waits in the queues by event, and how many messages others hold."""
        self._progress("read the queues")
        sqs = self._client("sqs")
        letters: dict[str, DeadLetter] = {}
        busy = 0
        for queue, url in self._flow.queues:
            for found in look(sqs, queue, url, WORK_SECONDS):
                letter = whole(found, self._executions.event)
                if isinstance(letter.event, dict) and letter.event.get("id"):
                    letters[letter.event["id"]] = letter
            name = "ApproximateNumberOfMessagesNotVisible"
            held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
            busy += int(held["Attributes"][name])
        return letters, busy

    def _add_stuck(
        self,
        since: datetime,
        found: Mapping[str, Sequence[Execution]],
        letters: dict[str, DeadLetter],
    ) -> None:
        """Add to the letters the executions that ended before they could leave one."""
        ended = {
            event: executions[0]
            for event, executions in found.items()
            if event not in letters
            and not {"SUCCEEDED", "RUNNING"} & {execution.status for execution in executions}
        }
        events = {execution.arn: event for event, execution in ended.items()}

        def queued() -> set[str]:
            group = self._flow.catch_errors_log_group
            return marks.queued(self._client("logs"), group, since - CLOCKS)

        found_stuck = stuck.among(self._executions, [*ended.values()], queued, self._progress)
        letters.update({events[execution.arn]: letter for execution, letter in found_stuck})


def _at_once(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(max_workers=10) as pool:
        return list(pool.map(call, items))
