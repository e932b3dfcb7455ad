"""Tests by flow: ``--flow`` chooses one, and the generic tests go through every tested flow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.environments import STAGES
from tests.support.expectations import Events, expectations_of
from tests.support.flows import (
    CHOSEN_VARIABLE,
    OWN,
    flow_in,
    flow_of_path,
    part_of,
    parts,
    shared,
    with_own_environment,
)
from tests.support.platform import Platform
from tests.support.running import RunningFlow

TESTS = Path(__file__).resolve().parents[2]
#: The tests of one flow: those of every flow, and its own.
GENERIC = TESTS / "every_flow"
#: Fixtures whose tests share an environment, which therefore run in one process.
SHARED, SHARED_BY_NAME = "platform", "shared_environment"
OWN_ENVIRONMENT, PLANS = "own_environment", "terraform_of"
#: Fixtures that go through flows or environments; their parameter is a flow or the name of a shared
#: environment, and for the resources that are found also an environment of AWS.
RUNNING, ENVIRONMENT, FOUND = "running", "environment", "found"
#: A fixture that goes through the shared environments.
EACH = "each_platform"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--flow``."""
    parser.addoption("--flow", default="", help="test one flow, in an environment with it alone")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the flow for all processes, or refuse it."""
    flow, flows = config.getoption("--flow"), sorted(flow_folders(REPOSITORY))
    if flow and flow not in flows:
        raise pytest.UsageError(f"There is no flow '{flow}'. Choose one of: {', '.join(flows)}.")
    if flow:
        os.environ[CHOSEN_VARIABLE] = flow
        # Of 'make test FLOW=name'; the commands that tests type choose for themselves.
        os.environ.pop("FLOW", None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what is not about the chosen flow, before it is imported."""
    flow = config.getoption("--flow")
    if not flow or not collection_path.is_relative_to(TESTS):
        return None
    kept = (GENERIC, OWN / flow)
    is_about = any(
        collection_path.is_relative_to(folder) or folder.is_relative_to(collection_path)
        for folder in kept
    )
    return None if is_about else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Go through the flows, or through the environments that have any."""
    if EACH in metafunc.fixturenames:
        # No wider scope, by which pytest would order the tests: the one that destroys is the last.
        metafunc.parametrize(EACH, parts(), indirect=True)
    if not metafunc.definition.path.is_relative_to(GENERIC):
        return
    own = with_own_environment()
    flows = [*shared(), *own]
    if "events" in metafunc.fixturenames:
        flows = [flow for flow in flows if expectations_of(flow).events]
    values = {RUNNING: flows, ENVIRONMENT: [*parts(), *own]}
    for name, found in values.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, indirect=True, scope="session")


def environment_of(item: pytest.Item) -> str:
    """Return what a test runs with, if that is not among its fixtures: an environment, or plans."""
    names = getattr(item, "fixturenames", ())
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    for name in {RUNNING, ENVIRONMENT, FOUND, EACH} & parameters.keys():
        value = parameters[name]
        if value in with_own_environment():
            return str(value)
        if value in STAGES:
            return PLANS
        return f"{SHARED}-{value if value in parts() else part_of(value)}"
    if OWN_ENVIRONMENT in names:
        return flow_of_path(item.path)
    return f"{SHARED}-{part_of(flow_of_path(item.path))}" if SHARED in names else ""


@pytest.fixture(scope="session")
def own_environment() -> Iterator[Callable[[str], RunningFlow]]:
    """Return a flow in an environment of its own, started once for all tests."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "test")
    with ExitStack() as stack:

        @cache
        def running(flow: str) -> RunningFlow:
            start = expectations_of(flow).own_environment
            assert start, f"{flow} has no environment of its own"
            folder = REPOSITORY / ".local" / f"test-{worker}-{flow}"
            return stack.enter_context(start(folder))

        yield running


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> RunningFlow:
    """Each tested flow in turn, where it runs."""
    return flow_of(request, request.param)


@pytest.fixture
def events(running: RunningFlow) -> Events:
    """The events that start the flow."""
    found = expectations_of(running.name).events
    assert found
    return found


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> list[RunningFlow]:
    """Each environment in turn: its flows."""
    return [flow_of(request, flow) for flow in parts().get(request.param, [request.param])]


@pytest.fixture
def each_platform(
    request: pytest.FixtureRequest, shared_environment: Callable[[str], Platform]
) -> Platform:
    """Each shared environment in turn."""
    return shared_environment(request.param)


def flow_of(request: pytest.FixtureRequest, flow: str) -> RunningFlow:
    """Return a flow where it runs."""
    if expectations_of(flow).own_environment:
        start: Callable[[str], RunningFlow] = request.getfixturevalue(OWN_ENVIRONMENT)
        return start(flow)
    return flow_in(request.getfixturevalue(SHARED_BY_NAME)(part_of(flow)), flow)
