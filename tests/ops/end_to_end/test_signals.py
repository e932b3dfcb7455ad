"""An interruption reaches Terraform as one signal, and Terraform has time to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ops.interrupts import started
from ops.settings import REPOSITORY
from tests.support.platform import wait_for

#: Notes its signals; as Terraform does, it exits at once on the second.
PROGRAM = f"""#!{sys.executable}
import json, os, signal, sys, time
from pathlib import Path
if sys.argv[1] == "init":
    sys.exit()
log = Path(__file__).with_name("log")
signals = []
def take(number, _):
    signals.append(number)
    if len(signals) == 2:
        os._exit(1)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, take)
log.write_text("started")
while not signals:
    time.sleep(0.01)
time.sleep(0.2)
cut = {{"severity": "error", "summary": "a queue", "detail": "cut off"}}
if sys.argv[1] == "apply":
    print(json.dumps({{"type": "diagnostic", "diagnostic": cut}}))
# More than fits into a pipe that nobody reads.
print("x" * 1_000_000)
log.write_text(f"ended after {{len(signals)}} of {{signal.Signals(signals[0]).name}}")
"""
OPERATOR = """
import sys
from pathlib import Path
from ops.cli import main as cli
from ops.aws.clients import Aws
from ops.settings import LocalSettings, Ports
from ops.terraform.runner import Terraform
settings = LocalSettings(Path(sys.argv[1]), Ports(4566, 13306))
terraform = Terraform("local", settings, Aws("local", settings))
calls = {"apply": lambda: terraform.apply(print), "plan": terraform.plan, "show": terraform.outputs}
cli.app = calls[sys.argv[2]]
cli.main()
"""


def twice_to_the_terminal(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGINT)


def to_the_command(process: subprocess.Popen[str]) -> None:
    process.terminate()


@pytest.mark.parametrize(
    ("command", "interrupt"),
    [
        ("apply", twice_to_the_terminal),
        ("plan", twice_to_the_terminal),
        ("show", to_the_command),
        ("plan", to_the_command),
    ],
)
def test_terraform_gets_one_signal_and_is_waited_for(
    tmp_path: Path, command: str, interrupt: Callable[[subprocess.Popen[str]], None]
) -> None:
    program, log = tmp_path / "bin" / "terraform", tmp_path / "bin" / "log"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    operator = subprocess.Popen(
        [sys.executable, "-c", OPERATOR, str(tmp_path), command],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # As in a terminal; what a shell starts in the background ignores Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(log.exists, "Terraform's start", 20)

    interrupt(operator)

    output, _ = operator.communicate(timeout=30)
    assert log.read_text() == "ended after 1 of SIGINT"
    assert operator.returncode == 130
    assert "Terraform stops in good order" in output
    # What was cut off may be there without its knowing of it.
    assert ("a queue: cut off" in output) is (command == "apply")


def test_a_command_in_the_background_passes_on_that_it_is_ended(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            started(["sleep", "60"], cwd=tmp_path) as process,
        ):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)

    assert process.returncode == -signal.SIGINT


def test_an_error_while_a_program_runs_does_not_leave_it_behind(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="unforeseen"),
        started(["sleep", "60"], cwd=tmp_path) as process,
    ):
        raise ValueError("unforeseen")

    assert process.returncode == -signal.SIGINT
