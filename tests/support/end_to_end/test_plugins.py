"""The plugins of the test run: the kinds of tests, and where the time goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from tests.support import flows as tested_flows
from tests.support.expectations import Expectations, expectations_of
from tests.support.flows import CHOSEN_VARIABLE, active, all_expectations, parts, shared
from tests.support.plugins import flows as flows_plugin
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
    assert request.node.get_closest_marker("end_to_end") is not None


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


def tables(file: Path) -> dict[str, dict[str, list[str]]]:
    """Return the cells of each row by its name, by the title of its table."""
    found: dict[str, dict[str, list[str]]] = {}
    for part in file.read_text().split("## ")[1:]:
        title, *lines = part.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
        found[title] = {row[0]: row[1:] for row in rows[2:]}
    return found


def test_the_tables_say_where_the_time_went(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(EXAMPLE)
    plugin = ["-p", "tests.support.plugins.times", "-o", f"pythonpath={REPOSITORY}"]
    run(*plugin, f"--rootdir={tmp_path}", "-n", "1", "--times=out/times.md", cwd=tmp_path)

    found = tables(tmp_path / "out" / "times.md")

    # A test's seconds are those of its phases; a test that waits has no CPU seconds.
    waits, computes = (
        [float(cell) for cell in found["Slowest 20"][f"test_example.py::test_that_{name}"]]
        for name in ("waits", "computes")
    )
    tests, seconds, setup, call, teardown, cpu = waits
    assert tests == 1
    assert setup >= 1.2
    assert 0.2 <= call < setup
    assert seconds == pytest.approx(setup + call + teardown, abs=0.2)
    assert cpu < 0.3 <= computes[-1]
    # A shared fixture's are its own, without those of the fixtures that it asks for.
    shared = {name: float(cells[1]) for name, cells in found["Shared fixtures"].items()}
    assert set(shared) == {"shared", "sharing"}
    assert 0.6 <= shared["shared"] < 1.2
    assert 0.7 <= shared["sharing"] < 1.2
    # The sums.
    assert found["Folders"]["all"][0] == found["Folders"]["."][0] == "2"
    assert found["Files"]["test_example.py"][0] == "2"
    assert list(found["Processes"]) == ["gw0"]


DEAR = """
import pytest

def note(text):
    with open("setups", "a") as file:
        file.write(f"{text}\\n")

@pytest.fixture(scope="session")
def platform():
    note("platform")
"""
SHARING = """
import pytest
from conftest import note

@pytest.fixture(scope="module")
def database(request):
    note(request.module.__name__)

@pytest.mark.parametrize("number", range(6))
def test_of_the_platform(platform, number):
    pass

@pytest.mark.parametrize("number", range(6))
def test_of_the_database(database, number):
    pass

@pytest.mark.parametrize("number", range(6))
def test_that_runs_anywhere(number):
    pass

def test_destroy_leaves_nothing(platform):
    note("destroyed")

def test_of_the_platform_at_the_end_of_the_file(platform):
    note("used")
"""


def test_what_is_dear_is_set_up_in_one_process_and_destroyed_last(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(DEAR)
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(SHARING)
    plugin = ["-p", "tests.support.plugins.groups", "-o", f"pythonpath={REPOSITORY}"]
    run(*plugin, f"--rootdir={tmp_path}", "-n", "3", "--dist", "loadgroup", cwd=tmp_path)

    noted = (tmp_path / "setups").read_text().splitlines()

    assert sorted(noted) == sorted(
        ["platform", "test_one", "test_two", "used", "used", "destroyed", "destroyed"]
    )
    assert [word for word in noted if word in ("used", "destroyed")][2:] == ["destroyed"] * 2


class Chosen:
    """The configuration of a run with ``--flow``."""

    def __init__(self, flow: str) -> None:
        self.flow = flow

    def getoption(self, name: str) -> str:
        assert name == "--flow"
        return self.flow


def test_a_flow_that_does_not_exist_is_refused_in_two_sentences() -> None:
    with pytest.raises(pytest.UsageError) as refused:
        flows_plugin.pytest_configure(cast(pytest.Config, Chosen("order_intake")))

    flows = ", ".join(sorted(flow_folders(REPOSITORY)))
    assert str(refused.value) == f"There is no flow 'order_intake'. Choose one of: {flows}."


def test_one_flow_is_tested_by_its_own_tests_and_those_of_every_flow() -> None:
    def is_ignored(flow: str, path: str) -> bool:
        config = cast(pytest.Config, Chosen(flow))
        return bool(flows_plugin.pytest_ignore_collect(TESTS / path, config))

    for path in (
        "",
        "flows",
        "flows/orders",
        "flows/orders/unit/test_a.py",
        "every_flow/test_a.py",
    ):
        assert not is_ignored("orders", path)
    for path in ("flows/returns", "flows/orders_again", "ops", "platform/test_a.py"):
        assert is_ignored("orders", path)
        assert not is_ignored("", path)


def test_the_environment_of_one_flow_has_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    [first, *_] = active()
    assert set(shared()) == {f for f in active() if not expectations_of(f).own_environment}

    monkeypatch.setenv(CHOSEN_VARIABLE, first)
    assert list(shared()) == list(all_expectations()) == [first]
    assert parts() == {"local-0": shared()}
    # Its settings are those of the local environment; a flow that is not active there has none.
    assert shared()[first]
    monkeypatch.setenv(CHOSEN_VARIABLE, "order_intake")
    assert shared() == {"order_intake": {}}


def test_a_flow_without_expectations_has_the_strict_defaults() -> None:
    assert expectations_of("order_intake") == Expectations()
    strict = Expectations()
    assert not {*strict.wide, *strict.unasked, *strict.public_apis}


def test_every_flow_runs_in_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOSEN_VARIABLE, raising=False)
    running = {
        *(name for flows in parts().values() for name in flows),
        *tested_flows.with_own_environment(),
    }

    assert running == set(flow_folders(REPOSITORY))


def test_each_flow_runs_in_one_shared_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOSEN_VARIABLE, raising=False)
    found = [name for flows in parts().values() for name in flows]

    assert sorted(found) == sorted(shared())
    assert all(flow in parts()[tested_flows.part_of(flow)] for flow in shared())
    first = next(iter(shared()))
    assert tested_flows.part_of("") == tested_flows.part_of(first) == "local-0"
