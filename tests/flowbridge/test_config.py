"""Environment variables: their values, and errors that name them."""

from __future__ import annotations

import pytest

from flowbridge import config
from flowbridge.database import Location
from flowbridge.errors import ConfigurationError


def test_a_required_variable_is_returned() -> None:
    assert config.required("NAME", {"NAME": "value"}) == "value"


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}, {"OTHER": "value"}])
def test_a_missing_variable_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="The environment variable NAME is not set"):
        config.required("NAME", variables)


@pytest.mark.parametrize(("text", "seconds"), [("", 3.0), ("2", 2.0), ("0.5", 0.5), (" 7 ", 7.0)])
def test_seconds_are_read(text: str, seconds: float) -> None:
    assert config.seconds("TIMEOUT", 3, {"TIMEOUT": text}) == seconds
    assert config.seconds("TIMEOUT", 3, {}) == 3


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan", "1s"])
def test_seconds_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TIMEOUT is '{text}'. Set a positive number"):
        config.seconds("TIMEOUT", 3, {"TIMEOUT": text})


@pytest.mark.parametrize("port", ["x", "0", "-1", "65536", "33.06", ""])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_HOST", "db.example.cl")
    monkeypatch.setenv("DATABASE_PORT", port)
    monkeypatch.setenv("DATABASE_NAME", "crm")

    with pytest.raises(ConfigurationError, match="DATABASE_PORT is "):
        Location.from_environment()


def test_the_location_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_HOST", "db.example.cl")
    monkeypatch.setenv("DATABASE_PORT", "3306")
    monkeypatch.setenv("DATABASE_NAME", "crm")

    assert Location.from_environment() == Location("db.example.cl", 3306, "crm")
