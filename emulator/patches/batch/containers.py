"""The containers of jobs: processes on this computer.

An image is what a computer with Python has: a shell, the programs of ``/usr/bin``, and the images
of Python itself or of AWS SAM a ``python``, the latter with boto3. Neither sees a library of the
emulator. A job whose image is none of these fails, as one whose image cannot be pulled.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emulator.function_host import link_libraries
from emulator.patches.batch.jobs import OUT_OF_TIME, Ended, exit_code

#: The programs of an image.
PROGRAMS = "/usr/local/bin:/usr/bin:/bin"
#: Images of a distribution, of Python, and of AWS SAM, whose Python has boto3.
PLAIN = re.compile(r"(^|/)(amazonlinux|debian|ubuntu|busybox)(:[\w.-]+)?$")
PYTHON = re.compile(r"(^|/)python(:[\w.-]+)?$")
WITH_BOTO3 = re.compile(r"(^|/)build-python3\.\d+(:[\w.-]+)?$")
#: How long a process may take to end after SIGTERM.
STOP_SECONDS = 5.0


class Images:
    """The images, in a folder that gets their Python.

    Parameters
    ----------
    folder
        An empty folder, which lasts as long as the emulator.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def environment(self, image: str) -> dict[str, str] | None:
        """Return the environment variables of an image; nothing if it is not known."""
        if PLAIN.search(image):
            return {"PATH": PROGRAMS}
        if PYTHON.search(image):
            return {"PATH": f"{self._programs()}:{PROGRAMS}"}
        if WITH_BOTO3.search(image):
            return {
                "PATH": f"{self._programs()}:{PROGRAMS}",
                "PYTHONPATH": str(self._libraries()),
                # Its libraries are read only.
                "PYTHONDONTWRITEBYTECODE": "1",
            }
        return None

    def _programs(self) -> Path:
        """Return a folder with Python, which sees no library of the emulator."""
        folder = self.folder / "bin"
        with self._lock:
            if not folder.exists():
                folder.mkdir()
                for name in ("python", "python3"):
                    program = folder / name
                    # -S: nothing of the emulator's environment is on the path.
                    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -X utf8 "$@"\n')
                    program.chmod(0o755)
        return folder

    def _libraries(self) -> Path:
        """Return a folder with boto3 and what it requires."""
        folder = self.folder / "libraries"
        with self._lock:
            if not folder.exists():
                link_libraries(folder)
        return folder


class Containers:
    """The processes that run, by job."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def run(
        self,
        job: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        seconds: float | None,
        write: Callable[[str], None],
    ) -> Ended:
        """Run a command in a folder of its own, until it ends or is stopped.

        Parameters
        ----------
        job
            The job's id.
        command, environment
            The command, and its environment variables.
        seconds
            The time limit of the attempt; None for none.
        write
            Gets each line that the command prints.
        """
        with tempfile.TemporaryDirectory(prefix="batch-job-", ignore_cleanup_errors=True) as home:
            try:
                with self._lock:
                    if self._is_closed:
                        return Ended(None, reason="The emulator ends")
                    process = self._running[job] = subprocess.Popen(
                        command,
                        env={**environment, "HOME": home, "TMPDIR": home},
                        cwd=home,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        errors="replace",
                        # A stop ends the children of the command too.
                        start_new_session=True,
                    )
            except OSError as error:
                reason = f"CannotStartContainerError: {error.strerror}: {error.filename}"
                return Ended(None, reason, reason)
            is_late = threading.Event()

            def end_late() -> None:
                is_late.set()
                stop(process)

            timer = threading.Timer(seconds, end_late) if seconds else None
            if timer:
                timer.daemon = True
                timer.start()
            try:
                with process:
                    for line in process.stdout or ():
                        write(line.rstrip("\n"))
            finally:
                if timer:
                    timer.cancel()
                with self._lock:
                    self._running.pop(job, None)
        return Ended(exit_code(process.returncode), OUT_OF_TIME if is_late.is_set() else "")

    def stop(self, job: str) -> None:
        """Stop a job's process: SIGTERM, then SIGKILL."""
        with self._lock:
            process = self._running.get(job)
        if process:
            threading.Thread(target=stop, args=(process,), daemon=True).start()

    def close(self) -> None:
        """Kill every process, and start none any more."""
        with self._lock:
            self._is_closed = True
            running = list(self._running.values())
        for process in running:
            send(process, signal.SIGKILL)


def stop(process: subprocess.Popen[str]) -> None:
    """End a process and its children."""
    send(process, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        send(process, signal.SIGKILL)


def send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to a process and its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
