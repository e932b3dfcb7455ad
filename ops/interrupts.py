"""Run Terraform, or what runs it: an interruption reaches it once, and then it has time to end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

#: Ctrl-C, the end that another program asks for, and a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STANDARD_ERROR = 2
WAIT = b"  Terraform stops in good order and gives its lock back; wait for it.\n"


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a program and wait for its end; the first signal to this process goes on to it, once.

    The program is in a session of its own, since a terminal sends Ctrl-C to all that is in its
    own. Terraform takes a second signal for the wish to exit at once, and leaves its lock behind.

    Parameters
    ----------
    command
        The program and its arguments.
    options
        Further arguments of `subprocess.Popen`.

    Raises
    ------
    KeyboardInterrupt
        After a signal, when the program has ended.
    """
    process: subprocess.Popen[str] | None = None
    asked = passed_on = False

    def pass_on() -> None:
        nonlocal passed_on
        if process is not None and not passed_on:
            passed_on = True
            process.send_signal(signal.SIGINT)

    def interrupt(*_: object) -> None:
        nonlocal asked
        if asked:
            return
        asked = True
        pass_on()
        # A handler may come in the middle of a print, which takes no other within it. The terminal
        # may be what has gone.
        with suppress(OSError):
            os.write(STANDARD_ERROR, WAIT)

    with _handled_by(interrupt):
        process = subprocess.Popen(command, start_new_session=True, text=True, **options)
        if asked:
            pass_on()
        try:
            yield process
        except BaseException:
            pass_on()
            # Not wait(): the process cannot end while its output pipe is full.
            process.communicate()
            raise
        process.wait()
    if asked:
        raise KeyboardInterrupt


@contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    """Handle the signals, but those that this process is to ignore, as under nohup."""
    # Python lets the main thread alone have handlers, and no other is interrupted.
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (SIGNALS if is_main else ())}
    for number, old in before.items():
        # The program would be born ignoring what is ignored here, but not what is handled.
        signal.signal(number, _ignore if old is signal.SIG_IGN else handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _ignore(*_: object) -> None:
    """Do nothing."""
