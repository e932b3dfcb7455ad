"""Tables of executions and dead letters, and the graph of one execution."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape as escape_markup
from rich.table import Table
from rich.text import Text

from ops.executions.executions import Execution, StateRun, Status
from ops.recovery.dead_letters import DeadLetter
from ops.recovery.reconcile import Fate, Report
from ops.terraform.definition import State, inner

MARKS = {
    Status.WAITING: ("·", "dim"),
    Status.RUNNING: ("▶", "cyan"),
    Status.SUCCEEDED: ("✓", "green"),
    Status.CAUGHT: ("✗", "yellow"),
    Status.FAILED: ("✗", "red"),
}
#: The beginning of a name is enough to find an execution by, and leaves room for the rest.
NAME_LENGTH = 13
#: Characters that move a terminal's cursor, or worse. A line break is allowed.
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
COLORS = {"RUNNING": "cyan", "SUCCEEDED": "green"}


def executions_table(
    rows: Sequence[tuple[str, Execution, Sequence[StateRun]]],
    with_flow: bool,
    is_cut: bool = False,
) -> Table:
    """Return a table of executions: flow, execution, and the state that it is in or ended in.

    `is_cut`: there are older executions that the table does not have.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("execution", "status", "started (UTC)", "seconds", "state", "error")
    for column in ("flow", *columns) if with_flow else columns:
        table.add_column(column, justify="right" if column == "seconds" else "left", no_wrap=True)
    for flow, execution, runs in rows:
        color = COLORS.get(execution.status, "red")
        table.add_row(
            *([flow] if with_flow else []),
            escape(execution.name[:NAME_LENGTH]),
            f"[{color}]{execution.status}[/{color}]",
            f"{execution.started:%H:%M:%S}",
            seconds(execution.seconds),
            escape(_place(runs)),
            escape(_error(runs) or execution.error or ""),
        )
    if not rows:
        table.add_row("[dim]no executions yet[/dim]")
    if is_cut:
        table.caption, table.caption_justify = "older executions: make report", "left"
    return table


def graph(execution: Execution, machine: State, runs: Sequence[StateRun]) -> RenderableType:
    """Return the graph of one execution: its states in order, each with how it went.

    The states of each branch of a Parallel are below it, further to the right.
    """
    color = COLORS.get(execution.status, "red")
    took = f" in {seconds(execution.seconds)} s" if execution.is_over else ""
    title = Text.assemble(
        execution.name, "  ", (execution.status, color), (took, "dim"), overflow="fold"
    )
    return Group(title, *_state_lines(machine, runs, 0))


def _state_lines(machine: State, runs: Sequence[StateRun], depth: int) -> Iterator[Text]:
    """Yield the lines of the visits to a machine's states; then of those that were not visited."""
    visits = [place for place, run in enumerate(runs) if run.name in machine["States"]]
    for place, following in zip(visits, [*visits[1:], len(runs)], strict=True):
        run = runs[place]
        yield state_line(run, depth)
        for branch in inner(machine["States"][run.name]):
            yield from _state_lines(branch, runs[place + 1 : following], depth + 1)
    visited = {runs[place].name for place in visits}
    for name, state in machine["States"].items():
        if name not in visited:
            yield state_line_waiting(name, depth)
            for branch in inner(state):
                yield from _state_lines(branch, (), depth + 1)


def state_line(run: StateRun, depth: int = 0) -> Text:
    """Return one state's line: mark, name, duration, tries, error; `depth` machines further in."""
    mark, style = MARKS[run.status]
    indent = "  " * (depth + 1)
    line = Text.assemble((f"{indent}{mark} ", style), f"{run.name:<{24 - len(indent)}}")
    line.append(f"{seconds(run.seconds):>7} s" if run.exited else "       …", "dim")
    if run.attempts > 1:
        line.append(f"  {run.attempts} tries", "yellow")
    if run.error:
        line.append(f"  {printable(run.error)}", style)
    return line


def state_line_waiting(name: str, depth: int = 0) -> Text:
    """Return the line of a state that was not visited."""
    mark, style = MARKS[Status.WAITING]
    return Text(f"{'  ' * (depth + 1)}{mark} {name}", style)


def state_details(run: StateRun) -> Group:
    """Return everything about one visit to a state, its input and output in full."""
    parts: list[RenderableType] = [state_line(run)]
    for title, value in (("input", run.input), ("output", run.output), ("cause", run.cause)):
        if value:
            parts.append(Text(f"{title}:", "bold"))
            parts.append(Text(indented_json(value)))
    return Group(*parts)


def escape(text: str) -> str:
    """Return text from elsewhere as the terminal should show it, without an effect of its own."""
    return escape_markup(printable(text))


def printable(text: str) -> str:
    """Return text whose control characters are seen and not obeyed."""
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def indented_json(text: str) -> str:
    """Return JSON indented; other text as it is, but its control characters."""
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return printable(text)


def seconds(value: float | None) -> str:
    """Return a duration with one digit, or a sign that there is none yet."""
    return "…" if value is None else f"{value:.1f}"


def _place(runs: Sequence[StateRun]) -> str:
    return runs[-1].name if runs else ""


def _error(runs: Sequence[StateRun]) -> str | None:
    return next((run.error for run in reversed(runs) if run.error), None)


def dead_letters_table(letters: Sequence[DeadLetter], now: datetime) -> Table:
    """Return a table of dead letters, the oldest first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("message", "queue", "waits", "tries", "state", "error"):
        table.add_column(column, justify="right" if column == "tries" else "left", no_wrap=True)
    table.add_column("cause", overflow="fold")
    for letter in sorted(letters, key=lambda letter: letter.since):
        table.add_row(
            letter.message_id[:NAME_LENGTH],
            letter.queue,
            age((now - letter.since).total_seconds()),
            str(letter.attempts),
            escape(letter.state),
            escape(letter.error),
            escape(letter.cause),
        )
    if not letters:
        table.add_row("[dim]nothing waits[/dim]")
    return table


FATES = {
    Fate.ARRIVED: "green",
    Fate.WAITING: "yellow",
    Fate.IN_FLIGHT: "cyan",
    Fate.REDRIVEN: "dim",
    Fate.DISCARDED: "dim",
    Fate.LOST: "bold red",
}


def of_no_flow(reports: Sequence[Report], flows: Iterable[str]) -> list[str]:
    """Return a sentence for each kind of accepted event that none of the flows takes.

    Flows announce failures on the bus under their own names; those events are for others.
    """
    announcements = {f"flowbridge.{flow}" for flow in flows}
    others = [{event.id: event for event in report.others} for report in reports]
    common = set.intersection(*map(set, others)) if others else set()
    kinds = Counter(
        (event.source, event.detail_type)
        for event in (others[0][event_id] for event_id in common)
        if event.source not in announcements
    )
    return [
        f"[yellow]![/yellow] {count:,} accepted events of source '{escape(source)}' and "
        f"detail-type '{escape(detail_type)}' are taken by no flow."
        for (source, detail_type), count in sorted(kinds.items())
    ]


def reconciliation(report: Report, everything: bool) -> RenderableType:
    """Return a table of the events, those that arrived only when asked for, and a summary."""
    shown = [v for v in report.verdicts if everything or v.fate is not Fate.ARRIVED]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("event", "accepted (UTC)", "fate", "since (UTC)"):
        table.add_column(column, no_wrap=True)
    for column in ("where", "why"):
        table.add_column(column, overflow="fold")
    for verdict in shown:
        table.add_row(
            verdict.event.id,
            f"{verdict.event.at:%Y-%m-%d %H:%M:%S}",
            f"[{FATES[verdict.fate]}]{verdict.fate.value}[/]",
            f"{verdict.since:%Y-%m-%d %H:%M:%S}",
            escape(verdict.place),
            escape(verdict.reason),
        )
    notes = [f"{rows} rows of {', '.join(key)} in {name}" for name, key, rows in report.duplicated]
    if not report.knows_rows:
        notes.append("The flow's results cannot be read: an execution's success is the proof.")
    if report.busy:
        notes.append(
            f"{report.busy} messages are read by another process, such as 'make redrive'. "
            "A LOST event may be among them: look again in two minutes."
        )
    if report.unreadable:
        notes.append(f"{report.unreadable} lines of the audit log could not be read.")
    mark = "[green]✓[/green]" if report.is_whole else "[red]✗[/red]"
    return Group(*([table] if shown else []), *map(escape, notes), f"{mark} {report.summary}")


def age(seconds: float) -> str:
    """Return a duration in its largest unit, such as ``3 h``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
