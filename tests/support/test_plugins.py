"""The plugins of the test run: the kinds of tests, and where the time goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from ops.settings import REPOSITORY
from tests.support.plugins.kinds import TESTS, kind_of, pytest_ignore_collect

EXAMPLE = """
import time, pytest

@pytest.fixture(scope="session")
def shared():
    time.sleep(0.6)

@pytest.fixture(scope="session")
def sharing(shared):
    time.sleep(0.7)

def test_that_waits(sharing):
    time.sleep(0.2)

def test_that_computes():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
"""


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("flows/a_flow/faults/test_a.py", "faults"),
        ("every_flow/contract/test_a.py", "contract"),
        ("platform/test_a.py", "platform"),
        ("ops/end_to_end/deeper/test_a.py", "end_to_end"),
        ("flowbridge/test_unit.py", "unit"),
    ],
)
def test_the_folder_decides_the_kind(file: str, kind: str) -> None:
    assert kind_of(TESTS / file) == kind


def test_a_test_has_the_marker_of_its_kind(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("unit") is not None


def run(*arguments: str, cwd: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    result = subprocess.run(
        [*command, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_files_of_other_kinds_are_not_even_imported() -> None:
    class Config:
        def getoption(self, name: str) -> list[str]:
            assert name == "--kind"
            return ["faults"]

    def is_ignored(file: str) -> bool:
        return bool(pytest_ignore_collect(TESTS / file, cast(pytest.Config, Config())))

    assert is_ignored("flows/a_flow/unit/test_a.py")
    assert not is_ignored("flows/a_flow/faults/test_a.py")
    assert not is_ignored("flows/a_flow")


@pytest.fixture(scope="module", params=["0", "2"], ids=["one process", "two processes"])
def tables(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[str]]]:
    """The tables of a run of two tests: the cells of each row by its name, by the title."""
    folder = tmp_path_factory.mktemp("times")
    (folder / "test_example.py").write_text(EXAMPLE)
    plugin = ["-p", "tests.support.plugins.times", "-o", f"pythonpath={REPOSITORY}"]
    run(*plugin, f"--rootdir={folder}", "-n", request.param, "--times", "out/times.md", cwd=folder)
    found: dict[str, dict[str, list[str]]] = {}
    for part in (folder / "out" / "times.md").read_text().split("## ")[1:]:
        title, *lines = part.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
        found[title] = {row[0]: row[1:] for row in rows[2:]}
    return found


def test_a_tests_seconds_are_those_of_its_phases(tables: dict[str, dict[str, list[str]]]) -> None:
    waits = tables["Slowest 20"]["test_example.py::test_that_waits"]
    tests, seconds, setup, call, teardown, _ = map(float, waits)

    assert tests == 1
    assert setup >= 1.2
    assert 0.2 <= call < setup
    assert seconds == pytest.approx(setup + call + teardown, abs=0.2)


def test_who_waits_has_no_cpu_seconds(tables: dict[str, dict[str, list[str]]]) -> None:
    slowest = tables["Slowest 20"]

    assert float(slowest["test_example.py::test_that_waits"][-1]) < 0.3
    assert float(slowest["test_example.py::test_that_computes"][-1]) >= 0.3


def test_a_shared_fixture_is_less_what_it_asks_for(
    tables: dict[str, dict[str, list[str]]],
) -> None:
    shared = {name: float(cells[1]) for name, cells in tables["Shared fixtures"].items()}

    assert set(shared) == {"shared", "sharing"}
    assert 0.6 <= shared["shared"] < 1.2
    assert 0.7 <= shared["sharing"] < 1.2


def test_folders_and_files_are_summed_up(tables: dict[str, dict[str, list[str]]]) -> None:
    assert tables["Folders"]["all"][0] == tables["Folders"]["."][0] == "2"
    assert tables["Files"]["test_example.py"][0] == "2"
    assert tables["Processes"]
