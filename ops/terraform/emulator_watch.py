"""End Terraform when the emulator ends: its provider would retry for five minutes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from typing import Self

from ops.settings import LOOPBACK

SECONDS = 1.0
REFUSALS = 3


class EmulatorWatch:
    """Kills Terraform when nothing listens on the emulator's port any more.

    Parameters
    ----------
    process
        Terraform, which leads a session.
    port
        The emulator's port; without one, nothing is watched.
    """

    def __init__(self, process: subprocess.Popen[str], port: int | None) -> None:
        self.found_none = False
        self._process = process
        self._port = port
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start to watch."""
        if self._port is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._end.set()
        if self._port is not None:
            self._thread.join()

    def _watch(self) -> None:
        refusals = 0
        while refusals < REFUSALS:
            if self._end.wait(SECONDS):
                return
            refusals = refusals + 1 if self._is_refused() else 0
        self.found_none = True
        # Neither Terraform's state nor its lock is of use without the emulator.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _is_refused(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self._port), timeout=SECONDS).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False
