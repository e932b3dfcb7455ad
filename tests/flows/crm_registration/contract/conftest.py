"""The state machine with scripted functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.terraform.docs import definition
from tests.support.state_machine import StateMachine, running_state_machine


@pytest.fixture(scope="session")
def machine_definition() -> str:
    """The state machine as Terraform renders it."""
    return definition("crm_registration")


@pytest.fixture(scope="session")
def state_machine(
    tmp_path_factory: pytest.TempPathFactory, machine_definition: str
) -> Iterator[StateMachine]:
    """The state machine on an emulator whose waits take no time."""
    folder = tmp_path_factory.mktemp("state_machine")
    with running_state_machine(folder, machine_definition) as machine:
        yield machine
