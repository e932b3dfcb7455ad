"""Interrupt an execution, a branch or a task while it waits.

Each execution runs in a scope, and each branch and each task with a time limit in one within it. A
scope that is stopped stops those within it. Their threads end at their next wait or event; a call
that they are in goes on, and its answer is ignored, as on AWS.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property

Callback = Callable[[], None]


class Stopped(BaseException):
    """The execution, branch or task of this thread has ended elsewhere."""


class Scope:
    """Threads that are stopped together.

    Parameters
    ----------
    is_branch
        Whether it is a part of an execution.
    """

    def __init__(self, *, is_branch: bool = False) -> None:
        self.is_branch = is_branch
        self.is_stopped = False
        self._callbacks: dict[object, Callback] = {}
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Interrupt what runs in the scope."""
        with self._lock:
            self.is_stopped = True
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raise `Stopped` if the scope was stopped."""
        if self.is_stopped:
            raise Stopped

    @contextmanager
    def calling(self, callback: Callback) -> Iterator[None]:
        """Call something when the scope is stopped, now if it was stopped already."""
        key = object()
        with self._lock:
            if not self.is_stopped:
                self._callbacks[key] = callback
        if self.is_stopped:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.pop(key, None)

    @contextmanager
    def part(self) -> Iterator[Scope]:
        """Run the block in a scope within this one, which ends with the block."""
        inner = Scope(is_branch=True)
        with self.calling(inner.stop), entered(inner):
            try:
                yield inner
            finally:
                inner.stop()

    def wait_for(self, event: threading.Event, seconds: float | None = None) -> bool:
        """Wait until an event is set; return whether it was in time.

        Raises
        ------
        Stopped
            When the scope is stopped before.
        """
        with self.calling(event.set):
            is_set = event.wait(seconds)
        self.check()
        return is_set

    def sleep(self, seconds: float) -> None:
        """Wait for some time; raise `Stopped` when the scope is stopped before."""
        self.check()
        if seconds > 0:
            self.wait_for(threading.Event(), seconds)


#: The scope of what runs in no execution. Nothing stops it.
OUTSIDE = Scope()
_current: ContextVar[Scope] = ContextVar("scope", default=OUTSIDE)


def current() -> Scope:
    """Return the scope of this thread."""
    return _current.get()


def enter(scope: Scope) -> None:
    """Make a scope this thread's, for good."""
    _current.set(scope)


@contextmanager
def entered(scope: Scope) -> Iterator[None]:
    """Run the block in a scope."""
    reset = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(reset)


class Clock:
    """Calls back after some time; one thread serves all that wait."""

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True, name="clock").start()
        return loop

    def call(self, seconds: float, callback: Callback) -> Callback:
        """Call something after some time; return a function that cancels it."""
        handles: list[asyncio.TimerHandle] = []
        due = time.monotonic() + seconds

        def begin() -> None:
            handles.append(self._loop.call_later(max(0, due - time.monotonic()), callback))

        def cancel() -> None:
            self._loop.call_soon_threadsafe(lambda: handles[0].cancel())

        self._loop.call_soon_threadsafe(begin)
        return cancel


CLOCK = Clock()


class Time:
    """The module ``time`` for MiniStack's interpreter, whose ``sleep`` can be interrupted."""

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait in the scope of this thread."""
        current().sleep(seconds)
