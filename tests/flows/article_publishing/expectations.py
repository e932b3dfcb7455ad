"""Expectations of the article publishing in the tests of every flow."""

from __future__ import annotations

import json
import secrets

from article_publishing.article import execution_name, transform
from tests.flows.article_publishing.support.publishing import (
    SECRET,
    SITE,
    Publishing,
    document,
    running_publishing,
    signed_headers,
)
from tests.flows.article_publishing.support.targets import PASSWORD, TOKENS
from tests.support.expectations import FAILURE, Expectations, Marks, Rights, Settings
from tests.support.functions import proxy_event
from tests.support.running import RunningFlow

WEBHOOK = "flowbridge-local-article-publishing-receive-webhook"
STEPS = ("PublishToMedium", "PublishToDevto", "PublishToHashnode", "IndexInOpenSearch")


def publishing(running: RunningFlow) -> Publishing:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Publishing)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right; in the end the revision is published."""
    # Without categories, which the CMS is asked for with its token.
    flow, sent = publishing(running), document(categories=None)
    flow.targets.reset()
    article = transform(document(), SITE)

    webhook = proxy_event(sent, headers=signed_headers(json.dumps(sent).encode()))

    def first_call() -> str | None:
        # The function reads two secrets, and keeps both.
        client, name = flow.aws.client("lambda"), flow.function("receive_webhook")
        variables = client.get_function_configuration(FunctionName=name)["Environment"]
        client.update_function_configuration(FunctionName=name, Environment=variables)
        return flow.error_of(name, webhook)

    def after() -> None:
        name = execution_name({"id": sent["_id"], "revision": sent["_rev"]})
        assert flow.finished(name).status == "SUCCEEDED"

    return Rights(
        {
            **{key: {"detail": article} for key in STEPS},
            "CatchErrors": FAILURE,
            "receive_webhook": webhook,
        },
        {(WEBHOOK, name): first_call for name in ("ReadCmsSecret", "ReadWebhookSecret")},
        after=after,
    )


def marks(running: RunningFlow) -> Marks:
    """Use, refuse and leave out tokens; authors' data of the CMS is dropped."""
    flow = publishing(running)
    flow.targets.reset()
    flow.targets.answer_next("devto", 401)
    author = f"author{secrets.token_hex(6)}@example.com"
    assert flow.published(document(author={"email": author})).error == "TargetRefused"
    assert flow.call(document(), secret="another").status_code == 401
    tokens = {name: TOKENS[name] for name in ("cms", "medium", "devto", "hashnode")}
    return Marks(
        people={"the author": author},
        secrets={**tokens, "opensearch": PASSWORD, "webhook": SECRET},
    )


EXPECTATIONS = Expectations(
    running=Publishing,
    # Only its targets know their addresses.
    own_environment=running_publishing,
    libraries={
        "article_publishing.receive_webhook": set(),
        "article_publishing.publish_to_medium": {"requests"},
        "article_publishing.publish_to_devto": {"requests"},
        "article_publishing.publish_to_hashnode": {"requests"},
        "article_publishing.index_in_opensearch": {"requests"},
        "article_publishing.catch_errors": set(),
    },
    public_apis={
        "article-publishing-api": "the CMS signs its requests instead, which the function checks"
    },
    rights=rights,
    # The webhook starts it. An event has what failed published again, as its own tests show.
    events=None,
    send=lambda running: publishing(running).published(document()),
    marks=marks,
    settings=Settings(
        wrong={"site_url": "http://blog.example.com", "burst": 0},
        sentences=[
            "Every address of article_publishing begins with https://",
            "article_publishing.rate is above 0 and burst is 1 or more",
        ],
        required="medium",
    ),
)
