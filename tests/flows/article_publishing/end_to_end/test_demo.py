"""``make demo FLOW=article_publishing`` publishes articles on the emulator's platforms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.flows import DeployedFlow
from ops.flows.article_publishing import demo
from ops.settings import LOCAL
from ops.terraform.environments import Environment
from tests.flows.article_publishing.support.publishing import FLOW, Publishing


@pytest.fixture
def on_the_emulator(publishing: Publishing) -> Iterator[Publishing]:
    """The flow with the platforms of the local environment, in place of the tests' own."""
    settings = Environment.named(LOCAL).variables["flows"][FLOW]

    def url(target: str, name: str = "url") -> str:
        return str(settings[target][name]).replace("{emulator}", publishing.settings.endpoint)

    variables = {
        "PublishToMedium": {
            "TARGET_URL": url("medium"),
            "MEDIUM_FEED_URL": url("medium", "feed_url"),
        },
        "PublishToDevto": {"TARGET_URL": url("devto")},
        "PublishToHashnode": {
            "TARGET_URL": url("hashnode"),
            "HASHNODE_HOST": settings["hashnode"]["host"],
        },
        "IndexInOpenSearch": {"TARGET_URL": url("opensearch")},
        "receive_webhook": {"CMS_QUERY_URL": url("cms", "query_url")},
    }
    publishing.targets.reset()
    with publishing.configured(variables):
        yield publishing
    publishing.put_secrets()
    publishing.forget_failures()


def test_the_demo_publishes_an_article_and_keeps_what_a_platform_refused(
    on_the_emulator: Publishing, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = on_the_emulator

    demo(DeployedFlow(FLOW, LOCAL, flow.aws.client, flow.outputs))

    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "POST /webhook: 202",
        "the same revision: 200",
        "a forgery: 401",
        "FAILED TargetRefused",
        '"targets": [ "devto" ]',
    ):
        assert part in text
    # The tests' own platforms got nothing.
    assert not any(flow.targets.calls.values())
