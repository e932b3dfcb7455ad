"""An AWS emulator of a test's own."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.local.environment import EMULATOR
from ops.settings import REPOSITORY, LocalSettings, Ports
from tests.support.platform import free_port, wait_for


@contextmanager
def running_emulator(folder: Path, *options: str, **variables: str) -> Iterator[LocalSettings]:
    """Run the emulator on a free port, with more options and environment variables."""
    settings = LocalSettings(folder, Ports(emulator=free_port(), database=1))
    log = folder / "emulator.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [
                *EMULATOR,
                f"--port={settings.ports.emulator}",
                *options,
            ],
            cwd=REPOSITORY,
            env={**os.environ, "TMPDIR": str(folder), **variables},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: answers(settings), f"the emulator, see {log}", 30)
        yield settings
    finally:
        process.terminate()
        process.wait(20)


def answers(settings: LocalSettings) -> bool:
    """Return whether the emulator is up."""
    try:
        urllib.request.urlopen(f"{settings.endpoint}/_ministack/health", timeout=2).close()
    except (OSError, urllib.error.URLError):
        return False
    return True
