"""Where the local environment's folder and ports come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.settings import LocalSettings, Ports, load


def test_defaults() -> None:
    settings = load({"FLOWBRIDGE_FOLDER": "does-not-exist"})

    assert settings.ports == Ports(emulator=4566, database=33306)
    assert settings.endpoint == "http://127.0.0.1:4566"


def test_later_commands_find_the_ports_of_the_environment_that_was_started(tmp_path: Path) -> None:
    LocalSettings(tmp_path, Ports(emulator=5001, database=5002)).record_ports()

    assert load({"FLOWBRIDGE_FOLDER": str(tmp_path)}).ports == Ports(5001, 5002)
    assert load(
        {"FLOWBRIDGE_FOLDER": str(tmp_path), "FLOWBRIDGE_EMULATOR_PORT": "6000"}
    ).ports == Ports(6000, 5002)


@pytest.mark.parametrize("text", ["80", "70000", "http", "-1", "4566.0", "²"])
def test_a_port_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(OperationError, match="FLOWBRIDGE_DATABASE_PORT") as caught:
        load({"FLOWBRIDGE_DATABASE_PORT": text})

    assert "1024 to 65535" in caught.value.mend


def test_one_port_for_both_is_refused() -> None:
    with pytest.raises(OperationError, match="cannot both use port 5000"):
        load({"FLOWBRIDGE_DATABASE_PORT": "5000", "FLOWBRIDGE_EMULATOR_PORT": "5000"})


def test_a_broken_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")

    with pytest.raises(OperationError, match=r"ports\.json cannot be read") as caught:
        load({"FLOWBRIDGE_FOLDER": str(tmp_path)})

    assert caught.value.mend == "Delete it."
