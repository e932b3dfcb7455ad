"""Hostile requests to the running webhook: what its document promises, and nothing unsigned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st

from article_publishing.signature import HEADER
from tests.flows.article_publishing.support.publishing import (
    FLOW,
    SECRET,
    Publishing,
    signed_headers,
)
from tests.flows.article_publishing.support.webhook import FIELDS
from tests.support.hostile import bodies, cases
from tests.support.public_api import CHECKS, PublicApi


@pytest.fixture(scope="module")
def webhook(publishing: Publishing) -> Iterator[PublicApi]:
    """``POST /webhook``."""
    publishing.targets.reset()
    url = publishing.outputs["flows"][FLOW]["apis"]["webhook"]["url"]
    webhook = PublicApi(url, publishing.api_document(FLOW, "webhook"))
    yield webhook
    webhook.session.close()


@pytest.fixture(scope="module")
def started(publishing: Publishing) -> Iterator[set[str]]:
    """The executions that were started; each of them ends as that of any other article."""
    started: set[str] = set()
    yield started
    # InvalidArticle: a time that has the form of one, and that there is not.
    ends = {publishing.finished(name).error for name in started}
    assert ends <= {None, "InvalidArticle"}


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_its_own_document(
    mode: schemathesis.GenerationMode,
    webhook: PublicApi,
    started: set[str],
    publishing: Publishing,
) -> None:
    """Signed or not, what the document describes comes back; nothing unsigned is taken."""

    @cases(10)
    @given(
        case=webhook.operation.as_strategy(generation_mode=mode),
        secret=st.sampled_from([SECRET, "another"]) | st.none(),
    )
    def run(case: Any, secret: str | None) -> None:
        asked = requests.Request(**case.as_transport_kwargs(base_url=webhook.url))
        prepared = webhook.session.prepare_request(asked)
        if secret:
            body = prepared.body or b""
            body = body if isinstance(body, bytes) else body.encode()
            prepared.headers[HEADER] = signed_headers(body, secret)[HEADER]
        response = webhook.session.send(prepared, timeout=60)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code >= 400 or secret == SECRET
        if response.status_code == 202:
            started.add(response.json()["execution"])

    run()


def test_any_signed_body(webhook: PublicApi, started: set[str], publishing: Publishing) -> None:
    @cases(10)
    @given(text=bodies(FIELDS))
    def run(text: str) -> None:
        body = text.encode("utf-8", "surrogatepass")
        response = webhook.post(body, signed_headers(body))
        # API Gateway hands on text: bytes that are none do not arrive as they were signed.
        is_text = body.decode(errors="ignore").encode() == body
        assert response.status_code in ((200, 202, 400, 413) if is_text else (401, 413))
        if response.status_code == 202:
            started.add(response.json()["execution"])

    run()
    assert started
