"""Where the local environment's folder and ports come from."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from ops.cli import main as cli
from ops.errors import OperationError
from ops.local.environment import LocalEnvironment
from ops.settings import LocalSettings, Ports, go_around_proxies, load


def test_defaults() -> None:
    settings = load({"FLOWBRIDGE_FOLDER": "does-not-exist"})

    assert settings.ports == Ports(emulator=4566, database=13306)
    assert settings.endpoint == "http://127.0.0.1:4566"
    # Linux takes the ports of outgoing connections from 32768 on, macOS from 49152 on.
    assert max(settings.ports.emulator, settings.ports.database) < 32768


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

    assert "1024 to 65535" in caught.value.action


@pytest.mark.parametrize("text", ["aws", "aws:0.1"])
def test_the_emulator_may_have_the_quotas_of_aws(text: str) -> None:
    assert load({}).quotas == ""
    assert load({"FLOWBRIDGE_QUOTAS": text}).quotas == text


def test_later_commands_stay_within_the_quotas_of_the_environment(tmp_path: Path) -> None:
    started = load({"FLOWBRIDGE_FOLDER": str(tmp_path), "FLOWBRIDGE_QUOTAS": "aws"})
    started.record_quotas()

    assert load({"FLOWBRIDGE_FOLDER": str(tmp_path)}).quotas == "aws"
    started.forget_emulator()
    assert load({"FLOWBRIDGE_FOLDER": str(tmp_path)}).quotas == ""


def test_later_commands_have_the_flows_that_were_shown(tmp_path: Path) -> None:
    started = load({"FLOWBRIDGE_FOLDER": str(tmp_path)})
    assert started.shown == frozenset()
    started.record_shown(["orders", "bills"])

    assert load({"FLOWBRIDGE_FOLDER": str(tmp_path)}).shown == {"orders", "bills"}
    started.forget_emulator()
    assert load({"FLOWBRIDGE_FOLDER": str(tmp_path)}).shown == frozenset()


def test_a_record_of_shown_flows_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "flows.json").write_text("[", encoding="utf-8")

    with pytest.raises(OperationError, match=r"flows\.json cannot be read"):
        load({"FLOWBRIDGE_FOLDER": str(tmp_path)})


@pytest.mark.parametrize("text", ["yes", "aws:0", "aws:much"])
def test_quotas_that_are_none_are_refused_by_name(text: str) -> None:
    with pytest.raises(OperationError, match=f"FLOWBRIDGE_QUOTAS is '{text}'") as caught:
        load({"FLOWBRIDGE_QUOTAS": text})

    assert "aws:0.1" in caught.value.action


def test_one_port_for_both_is_refused() -> None:
    with pytest.raises(OperationError, match="cannot both use port 5000"):
        load({"FLOWBRIDGE_DATABASE_PORT": "5000", "FLOWBRIDGE_EMULATOR_PORT": "5000"})


def test_a_broken_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")

    with pytest.raises(OperationError, match=r"ports\.json cannot be read") as caught:
        load({"FLOWBRIDGE_FOLDER": str(tmp_path)})

    assert caught.value.action == "Delete it."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": ".corp, localhost"}, ".corp,localhost,127.0.0.1"),
        ({"no_proxy": ".corp"}, ".corp,127.0.0.1,localhost"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_a_proxy_is_not_asked_for_this_computer(before: dict[str, str], after: str) -> None:
    environment = {"HTTP_PROXY": "http://proxy:3128", **before}

    go_around_proxies(environment)

    for name in ("no_proxy", "NO_PROXY"):
        assert environment.get(name) == (None if after == "*" and name not in before else after)


def test_without_a_proxy_nothing_changes() -> None:
    environment = {"NO_PROXY": ".corp"}

    go_around_proxies(environment)

    assert environment == {"NO_PROXY": ".corp"}


def test_the_emulator_is_reached_behind_a_proxy(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        # Set first, so that it is taken back.
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    # It keeps the proxies that there were at its first call.
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    httpserver.expect_request("/_ministack/health").respond_with_data("")
    local = LocalEnvironment(LocalSettings(tmp_path, Ports(httpserver.port, 1)))
    found: list[bool] = []
    monkeypatch.setattr(cli, "app", lambda: found.append(local.status()["emulator"]))

    assert not local.status()["emulator"]
    cli.main()

    assert found == [True]
