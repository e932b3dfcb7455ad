"""Fixtures that the flow's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from article_publishing import receive_webhook
from tests.flows.article_publishing.support.publishing import FLOW, Publishing
from tests.flows.article_publishing.support.steps import HANDLERS, MAKERS, event
from tests.flows.article_publishing.support.targets import HOST, TOKENS, Targets, running_targets
from tests.flows.article_publishing.support.webhook import SECRET, SITE, States
from tests.support.functions import LambdaContext
from tests.support.running import RunningFlow

CONTEXT = LambdaContext()


@pytest.fixture(scope="session")
def publishing(own_environment: Callable[[str], RunningFlow]) -> Publishing:
    """The flow in an environment of its own, once for all tests."""
    found = own_environment(FLOW)
    assert isinstance(found, Publishing)
    return found


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]) -> States:
    states = States()
    secrets["webhook"] = SECRET
    monkeypatch.setattr(receive_webhook, "client", {"stepfunctions": states}.__getitem__)
    monkeypatch.setenv("SITE_URL", SITE)
    monkeypatch.setenv("STATE_MACHINE_ARN", "arn:live")
    monkeypatch.setenv("WEBHOOK_SECRET", "webhook")
    receive_webhook.webhook_secret.cache_clear()
    return states


@pytest.fixture(scope="module")
def servers() -> Iterator[Targets]:
    with running_targets() as targets:
        yield targets


@pytest.fixture
def targets(servers: Targets, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]) -> Targets:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for maker in MAKERS:
        maker.cache_clear()
    secrets |= TOKENS
    servers.reset()
    return servers


@pytest.fixture
def run(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run a target's step as Step Functions does."""

    def run(name: str, given: Any = None, **more: Any) -> dict[str, Any]:
        monkeypatch.setenv("TARGET_URL", targets.url(name))
        monkeypatch.setenv("TARGET_SECRET", name)
        monkeypatch.setenv("MEDIUM_FEED_URL", targets.url("feed"))
        monkeypatch.setenv("HASHNODE_HOST", HOST)
        monkeypatch.setenv("OPENSEARCH_INDEX", "articles")
        return HANDLERS[name]({**(given or event()), **more}, CONTEXT)

    return run
