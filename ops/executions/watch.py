"""``make watch``: executions as they run, and one of them in detail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from rich.console import RenderableType
from rich.live import Live

from ops.cli import screens
from ops.cli.terminal import console
from ops.errors import OperationError
from ops.executions.executions import Execution, Executions, StateRun, find

REFRESH_SECONDS = 1.0
SHOWN = 15


class ExecutionsView:
    """The newest executions of flows; the history of an ended one is read once.

    Parameters
    ----------
    flows
        The executions of each flow, by its name.
    """

    def __init__(self, flows: Mapping[str, Executions]) -> None:
        self._flows = flows
        self._ended: dict[str, list[StateRun]] = {}

    def render(self) -> RenderableType:
        """Return the table as it is now."""
        found = [(e, name) for name, flow in self._flows.items() for e in flow.newest(SHOWN + 1)]
        newest = sorted(found, key=lambda pair: pair[0].started, reverse=True)[:SHOWN]
        rows = [(name, e, self._runs(self._flows[name], e)) for e, name in newest]
        return screens.executions_table(rows, len(self._flows) > 1, is_cut=len(found) > SHOWN)

    def _runs(self, flow: Executions, execution: Execution) -> list[StateRun]:
        if execution.arn in self._ended:
            return self._ended[execution.arn]
        runs = flow.history(execution.arn)
        if execution.is_over:
            self._ended[execution.arn] = runs
        return runs


def watch_all(flows: Mapping[str, Executions], once: bool) -> None:
    """Show the newest executions, until Ctrl-C; once when not on a terminal."""
    view = ExecutionsView(flows)
    _show(view.render, until=lambda: once)


def watch_one(flows: Iterable[Executions], name: str, once: bool) -> None:
    """Show the graph of one execution until it ends."""
    executions, current = find(flows, name)
    definition = executions.definition()

    def render() -> RenderableType:
        nonlocal current
        current = executions.describe(current.arn)
        return screens.graph(current, definition, executions.history(current.arn))

    _show(render, until=lambda: once or current.is_over)


def show_state(flows: Iterable[Executions], name: str, state: str) -> None:
    """Show every visit of one execution to a state, with input and output.

    Raises
    ------
    OperationError
        When the execution was never in that state.
    """
    executions, execution = find(flows, name)
    runs = executions.history(execution.arn)
    found = [run for run in runs if run.name == state]
    if not found:
        raise OperationError(
            f"Execution {execution.name} was never in a state '{state}'.",
            f"It was in: {', '.join(dict.fromkeys(run.name for run in runs))}.",
        )
    for run in found:
        console.print(screens.state_details(run))


def _show(render: Callable[[], RenderableType], until: Callable[[], bool]) -> None:
    """Print once, or on a terminal keep what is shown fresh until `until` or Ctrl-C."""
    if not console.is_terminal:
        console.print(render())
        return
    with Live(render(), console=console, auto_refresh=False) as live:
        try:
            while not until():
                time.sleep(REFRESH_SECONDS)
                live.update(render(), refresh=True)
        except KeyboardInterrupt:
            pass
