"""ExecuteRules against an engine that answers in every way."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from business_rules import execute_rules
from business_rules.engine import Engine
from business_rules.errors import (
    EngineAnswerInvalid,
    EngineRejected,
    EngineUnavailable,
    InvalidRequest,
)
from flowbridge.errors import ConfigurationError
from tests.flows.business_rules.support.rules import HIGH
from tests.support.functions import LambdaContext, logged
from tests.support.platform import free_port

PATH = "/policy/premium"
POLICY = {"id": "1231231", "premium": "360", "rule": "High Risk"}


@pytest.fixture
def engine(
    httpserver: HTTPServer, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[HTTPServer]:
    """The engine, whose token is in a secret."""
    aws("secretsmanager").create_secret(Name="token", SecretString="first")
    monkeypatch.setenv("ENGINE_URL", httpserver.url_for(""))
    monkeypatch.setenv("ENGINE_TOKEN_SECRET", "token")
    execute_rules.engine.cache_clear()
    yield httpserver
    execute_rules.engine.cache_clear()


def run(detail: Any = HIGH) -> dict[str, str]:
    return execute_rules.handler(detail, LambdaContext())


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the example with a changed field, or without it."""
    detail = copy.deepcopy(dict(HIGH))
    *parents, last = path.split(".")
    target: Any = detail
    for name in parents:
        target = target[name]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return detail


def test_the_engine_gets_numbers_and_no_name(
    engine: HTTPServer, logs: list[logging.LogRecord]
) -> None:
    request = HIGH["request"]
    asked = {"driver": {"age": 18}, "car": request["car"], "policy": request["policy"]}
    headers = {"Authorization": "Bearer first"}
    engine.expect_oneshot_request(PATH, "POST", json=asked, headers=headers).respond_with_json(
        {"policy": {**POLICY, "more": 1}}
    )

    assert run() == POLICY
    engine.check_assertions()
    assert "Brian" not in logged(logs)
    assert "REQ-99999" in logged(logs)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, EngineRejected),
        (404, EngineRejected),
        (422, EngineRejected),
        (302, EngineRejected),
        (408, EngineUnavailable),
        (429, EngineUnavailable),
        (500, EngineUnavailable),
        (503, EngineUnavailable),
        (401, ConfigurationError),
        (403, ConfigurationError),
    ],
)
def test_a_status_is_an_error_of_its_kind(
    engine: HTTPServer, status: int, error: type[Exception]
) -> None:
    engine.expect_request(PATH).respond_with_data("no", status=status)

    with pytest.raises(error, match=str(status)):
        run()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "{",
        '{"policy": {"id": "1231231"}}',
        '{"policy": {"id": "1231231", "premium": 360}}',
        '{"policy": {"id": "1231231", "premium": "-1"}}',
        '{"policy": {"id": "1231231", "premium": "NaN"}}',
        '{"policy": {"id": "another", "premium": "360"}}',
        "[" * 100_000,
    ],
)
def test_an_answer_that_is_not_the_policy_is_refused(engine: HTTPServer, answer: str) -> None:
    engine.expect_request(PATH).respond_with_data(answer)

    with pytest.raises(EngineAnswerInvalid):
        run()


def test_a_replaced_token_is_read_again(engine: HTTPServer, aws: Callable[[str], Any]) -> None:
    def answers(token: str) -> None:
        engine.clear()
        right = {"Authorization": f"Bearer {token}"}
        engine.expect_request(PATH, headers=right).respond_with_json({"policy": POLICY})
        engine.expect_request(PATH).respond_with_data("no", status=401)

    answers("first")
    assert run() == POLICY
    answers("second")
    aws("secretsmanager").put_secret_value(SecretId="token", SecretString="second")
    assert run() == POLICY


def test_an_engine_without_a_token_gets_none(
    engine: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENGINE_TOKEN_SECRET")
    seen = []

    def answer(request: Any) -> Any:
        from werkzeug import Response

        seen.append(request.headers.get("Authorization"))
        return Response('{"policy": {"id": "1231231", "premium": "300"}}')

    engine.expect_request(PATH).respond_with_handler(answer)

    assert run() == {"id": "1231231", "premium": "300"}
    assert seen == [None]


def test_no_engine_may_be_there_later(engine: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_URL", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(EngineUnavailable, match="did not respond: ConnectionError"):
        run()


def test_plain_http_is_for_this_computer_only() -> None:
    import requests

    with pytest.raises(ConfigurationError, match="https"):
        Engine("http://rules.example.com", None, requests.Session())


@pytest.mark.parametrize("age", ["-1", "121", "x", "", "1.5", " 18", "018", 18, None, "١٨"])
def test_an_age_that_is_none_is_refused(age: Any) -> None:
    with pytest.raises(InvalidRequest, match="request is not valid"):
        run(changed("request.driver.age", age))


@pytest.mark.parametrize("premium", ["-1", "1e3", "1.234", "NaN", "", 300, None])
def test_a_premium_that_is_none_is_refused(premium: Any) -> None:
    with pytest.raises(InvalidRequest):
        run(changed("request.policy.premium", premium))


@pytest.mark.parametrize("value", [None, "", "a b", "../x", "x" * 65, "a\n"])
def test_an_id_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="request is not valid"):
        run(changed("context.request_id", value))
