"""A command that cannot go on ends with a sentence or silently, never with a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from ops.settings import REPOSITORY

#: A module that presses Ctrl-C while it is imported, and takes long.
INTERRUPTED = """
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(30)
"""


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        # As in a terminal. In the background, a shell would let the command ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["-m", "ops", "status"], "typer"),
        (["-m", "ops", "status"], "boto3"),
        (["build/package.py"], "tomllib"),
        (["ops/local/prepare.py", "ops"], "platform"),
    ],
)
def test_ctrl_c_during_the_imports_prints_nothing(
    tmp_path: Path, command: list[str], module: str
) -> None:
    (tmp_path / f"{module}.py").write_text(INTERRUPTED)

    result = run(*command, PYTHONPATH=str(tmp_path))

    assert result.returncode == -signal.SIGINT
    assert (result.stdout, result.stderr) == ("", "")


def test_ctrl_c_during_the_build_is_a_sentence(tmp_path: Path) -> None:
    program = "import runpy, pathlib, os, signal; "
    program += "pathlib.Path.glob = lambda *_: os.kill(os.getpid(), signal.SIGINT); "
    program += "runpy.run_path('build/package.py', run_name='__main__')"

    result = run("-c", program)

    assert result.returncode == 130
    assert result.stderr == "The build was interrupted. Type the command again.\n"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    result = run("-m", "ops", "up", FLOWBRIDGE_FOLDER=str(file / "folder"))

    assert result.returncode == 1
    assert str(file) in result.stderr
    assert "cannot be written: Not a directory" in result.stderr
    assert "set FLOWBRIDGE_FOLDER to another folder" in result.stderr
    assert "Traceback" not in result.stderr
