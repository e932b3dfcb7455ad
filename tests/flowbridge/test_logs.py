"""Logs: one JSON object a line, from our formatter or from Lambda's, and nothing said twice."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from flowbridge.errors import BusRejectedEvent, ConfigurationError
from flowbridge.logs import JsonFormatter, describe, get_logger
from flowbridge.secret import read_secret
from ops.settings import REPOSITORY
from tests.support.functions import logged

SCRIPT = """
from flowbridge.logs import get_logger
log = get_logger("one")
get_logger("two")
log.debug("quiet")
log.info("hello %s", "world", extra={"endpoint": "create_client", "is_new": True})
"""


def run(**variables: str) -> str:
    """Run the script in a fresh process, and return what it wrote."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "lambda_src"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stderr


def test_a_record_is_one_line_of_json() -> None:
    [line] = run().splitlines()

    fields = json.loads(line)
    assert fields.pop("timestamp")
    assert fields == {
        "level": "INFO",
        "message": "hello world",
        "logger": "flowbridge.one",
        "endpoint": "create_client",
        "is_new": True,
    }


def test_the_level_is_taken_from_the_environment() -> None:
    assert len(run(LOG_LEVEL="debug").splitlines()) == 2
    assert run(LOG_LEVEL="WARNING") == ""


def test_a_wrong_level_is_named() -> None:
    last = run(LOG_LEVEL="LOUD").splitlines()[-1]

    assert last.endswith("LOG_LEVEL is 'LOUD'. Set DEBUG, INFO, WARNING or ERROR.")


def test_lambdas_own_json_log_is_not_doubled() -> None:
    """There the runtime's handler of the root logger writes the line; here there is none."""
    assert run(AWS_LAMBDA_LOG_FORMAT="JSON") == ""


def test_libraries_do_not_write_secrets_whatever_the_level(
    aws: Callable[[str], Any],
    httpserver: HTTPServer,
    logs: list[logging.LogRecord],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At DEBUG botocore writes what Secrets Manager answered, and urllib3 a webhook's address."""
    # As Lambda's runtime does before it loads a function.
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    log = get_logger("any")
    aws("secretsmanager").create_secret(Name="x", SecretString="hunter2")
    httpserver.expect_request("/services/hunter2").respond_with_data("ok")

    assert read_secret("x") == "hunter2"
    assert requests.post(httpserver.url_for("/services/hunter2"), timeout=5).ok

    the_tests_own = ("werkzeug", "responses")
    written = [record for record in caplog.records if record.name not in the_tests_own]
    assert "hunter2" not in logged(written, above=0)
    log.debug("ours")
    assert "ours" in logged(logs, above=0)


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("told")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), sys.exc_info())

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: told")


def test_an_unexpected_error_is_described_without_its_text() -> None:
    def inner() -> None:
        raise KeyError("csaavedra@micorreo.com")

    with pytest.raises(KeyError) as error:
        inner()

    described = describe(error.value)
    assert described["error"] == "KeyError"
    assert described["stack"][-1].endswith(" inner")
    assert "csaavedra" not in json.dumps(described)


def test_the_number_of_a_database_error_is_kept_and_a_phone_is_not() -> None:
    assert describe(ValueError(1146, "no table"))["code"] == 1146
    assert "code" not in describe(KeyError(56983747263))


@pytest.mark.parametrize("error", [ConfigurationError, BusRejectedEvent])
def test_an_error_of_ours_is_explained(error: type[Exception]) -> None:
    assert describe(error("set HOST"))["reason"] == "set HOST"
