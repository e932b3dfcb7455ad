"""The output of commands: progress of steps, problems and what to do about them."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from ops.errors import OperationError

#: When a step first shows that it is alive, and then how often, where no live line can.
FIRST_BEAT_SECONDS = 2.0
HEARTBEAT_SECONDS = 5.0

#: Columns of a file or a pipe: nothing wraps there, because a program or `grep` reads it.
UNLIMITED = 1_000_000
#: Rich pads every row of a table to the widest one.
PADDING = re.compile(r" +$", re.MULTILINE)


class Unpadded(io.TextIOBase):
    """Standard output without the blanks at the end of lines."""

    def write(self, text: str) -> int:
        """Write some lines."""
        return sys.stdout.write(PADDING.sub("", text))

    def flush(self) -> None:
        """Write everything out."""
        sys.stdout.flush()


def new_console() -> Console:
    """Return the console of standard output, which is a terminal, a file or a pipe."""
    # Rich would replace ':secret:' in an ARN by an emoji.
    on_terminal = Console(highlight=False, emoji=False)
    if on_terminal.is_terminal:
        return on_terminal
    return Console(file=cast(IO[str], Unpadded()), width=UNLIMITED, highlight=False, emoji=False)


console = new_console()
errors = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


class Step:
    """A step under way; `detail` is what it is doing just now."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""
        self.started = time.monotonic()

    def show(self, detail: str) -> None:
        """Show what the step does now."""
        self.detail = detail

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.title}{detail} ({self.seconds:.0f} s)"

    def __rich__(self) -> Text:
        """Let the terminal's live line show the step as it is at each refresh."""
        return Text(str(self), no_wrap=True, overflow="ellipsis")

    @property
    def seconds(self) -> float:
        """The time since the step began."""
        return time.monotonic() - self.started


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show a step: a live line on a terminal, else a line every few seconds."""
    current = Step(title)
    alive = console.status(current) if console.is_terminal else _heartbeat(current, console)
    try:
        with alive:
            yield current
    except BaseException:
        console.print(f"[red]✗[/red] {escape(title)} [dim]({current.seconds:.1f} s)[/dim]")
        raise
    detail = f": {current.detail}" if current.detail else ""
    console.print(f"[green]✓[/green] {escape(title + detail)} [dim]({current.seconds:.1f} s)[/dim]")


@contextmanager
def working(title: str) -> Iterator[Step]:
    """Show on standard error that something is under way, and nothing when it has ended."""
    current = Step(title)
    with errors.status(current) if errors.is_terminal else _heartbeat(current, errors):
        yield current


def heading(text: str) -> None:
    """Print the title of a part of a longer command."""
    console.print(f"\n[bold]{escape(text)}[/bold]")


def calls(summary: str) -> None:
    """Print how many calls a command made, on standard error."""
    if summary:
        errors.print(f"[dim]{escape(summary)}[/dim]")


def problem(error: OperationError) -> None:
    """Print what is wrong and what to do."""
    errors.print(f"[red]{escape(error.problem)}[/red]\n{escape(error.action)}")


@contextmanager
def _heartbeat(current: Step, to: Console) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        wait = FIRST_BEAT_SECONDS
        while not stop.wait(wait):
            to.print(f"  … {escape(str(current))}", soft_wrap=True)
            wait = HEARTBEAT_SECONDS

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
