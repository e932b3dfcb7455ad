"""NotifyTeam against a webhook that answers as Slack's do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from flowbridge.errors import ConfigurationError
from tests.support.functions import LambdaContext, logged
from tests.support.platform import free_port
from user_onboarding import notify_team
from user_onboarding.errors import WebhookRejected, WebhookUnavailable

SIGNUP = {"tenantId": "acme", "userId": "ada-1", "email": "ada@example.com", "name": "Ada"}
PATH = "/services/T0/B0/secret"


@pytest.fixture
def put_url(
    aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Return what writes the webhook's URL to its secret."""
    secrets = aws("secretsmanager")
    secrets.create_secret(Name="webhook", SecretString="none")
    monkeypatch.setenv("WEBHOOK_SECRET", "webhook")
    notify_team.webhook.cache_clear()
    yield lambda url: secrets.put_secret_value(SecretId="webhook", SecretString=url)
    notify_team.webhook.cache_clear()


def test_the_team_hears_of_the_user_by_ids_only(
    put_url: Callable[[str], None], httpserver: HTTPServer, logs: list[logging.LogRecord]
) -> None:
    text = "New user ada-1 of tenant acme."
    httpserver.expect_oneshot_request(PATH, "POST", json={"text": text}).respond_with_data("ok")
    put_url(httpserver.url_for(PATH) + "\n")

    assert notify_team.handler(SIGNUP, LambdaContext()) == SIGNUP
    httpserver.check_assertions()
    assert "secret" not in logged(logs)
    assert "Ada" not in logged(logs)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, WebhookRejected),
        (403, WebhookRejected),
        (404, WebhookRejected),
        (301, WebhookRejected),
        (408, WebhookUnavailable),
        (429, WebhookUnavailable),
        (500, WebhookUnavailable),
    ],
)
def test_an_answer_says_whether_it_may_work_later(
    put_url: Callable[[str], None], httpserver: HTTPServer, status: int, error: type[Exception]
) -> None:
    httpserver.expect_request(PATH).respond_with_data("no", status=status)
    put_url(httpserver.url_for(PATH))

    with pytest.raises(error, match=str(status)) as told:
        notify_team.handler(SIGNUP, LambdaContext())

    assert PATH not in str(told.value)


def test_a_webhook_that_was_replaced_is_read_again(
    put_url: Callable[[str], None], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/old").respond_with_data("ok")
    httpserver.expect_request("/new").respond_with_data("ok")
    put_url(httpserver.url_for("/old"))
    notify_team.handler(SIGNUP, LambdaContext())
    httpserver.clear()
    httpserver.expect_request("/old").respond_with_data("no_service", status=404)
    httpserver.expect_oneshot_request("/new").respond_with_data("ok")
    put_url(httpserver.url_for("/new"))

    notify_team.handler(SIGNUP, LambdaContext())


def test_nobody_answers(put_url: Callable[[str], None]) -> None:
    put_url(f"http://127.0.0.1:{free_port()}{PATH}")

    with pytest.raises(WebhookUnavailable) as told:
        notify_team.handler(SIGNUP, LambdaContext())

    assert PATH not in str(told.value)


def test_an_answer_that_cannot_be_read_may_be_whole_later(
    put_url: Callable[[str], None], httpserver: HTTPServer
) -> None:
    httpserver.expect_request(PATH).respond_with_data("no gzip", 200, {"Content-Encoding": "gzip"})
    put_url(httpserver.url_for(PATH))

    with pytest.raises(WebhookUnavailable):
        notify_team.handler(SIGNUP, LambdaContext())


@pytest.mark.parametrize("url", ["none", "http://hooks.example.com/x", "https://"])
def test_a_secret_without_an_https_url_can_never_work(
    put_url: Callable[[str], None], url: str
) -> None:
    put_url(url)

    with pytest.raises(ConfigurationError):
        notify_team.handler(SIGNUP, LambdaContext())
