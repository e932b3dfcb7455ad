"""Hostile documents of the CMS, articles of the bus and answers of the targets."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import jsonschema
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug import Response

from article_publishing import receive_webhook
from article_publishing.errors import (
    InvalidArticle,
    OutcomeUnknown,
    TargetBusy,
    TargetRefused,
    TargetStayedBusy,
    TargetUnavailable,
)
from article_publishing.signature import HEADER, sign
from flowbridge.event_detail import MAX_BYTES
from flowbridge.schema import read_schema
from tests.flows.article_publishing.support.targets import NAMES, PASSWORD, TOKENS, Targets
from tests.flows.article_publishing.support.webhook import FIELDS, SECRET, States
from tests.support.functions import LambdaContext, proxy_event
from tests.support.hostile import (
    EXAMPLE,
    attempt,
    bodies,
    cases,
    check_log,
    leaked,
    loose_json,
    objects,
    scalars,
    strict_json,
    texts,
    values,
)

Run = Callable[..., dict[str, Any]]

SCHEMA = read_schema(receive_webhook.__file__, "article.schema.json")
#: Python's $ would let a line end through.
REFERENCE = jsonschema.Draft7Validator(json.loads(json.dumps(SCHEMA).replace('$"', '\\\\Z"')))
GOOD = {name: EXAMPLE[name] for name in SCHEMA["properties"]}
#: The errors that a step may raise. The state machine handles each of them.
TARGET_ERRORS = (
    TargetRefused,
    TargetBusy,
    TargetStayedBusy,
    TargetUnavailable,
    OutcomeUnknown,
)
#: The names that the targets' answers have, to answer nearly what they do.
NAMES_OF_ANSWERS = (
    *("data", "id", "url", "errors", "error", "message", "reason", "type", "extensions", "code"),
    *("publication", "post", "publishPost", "updatePost", "result", "canonical_url"),
)
answers = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES_OF_ANSWERS), inner, max_size=5)
    ),
)


@cases(80)
@given(data=st.data())
def test_what_the_cms_sends(
    data: st.DataObject,
    states: States,
    logs: list[logging.LogRecord],
) -> None:
    states.started.clear()
    text = data.draw(bodies(FIELDS))
    now = time.time_ns() // 1_000_000
    good = f"t={now},v1={sign(now, text.encode('utf-8', 'surrogatepass'), SECRET)}"
    header = data.draw(st.just(good) | st.just(good) | texts | texts.map(lambda t: good + t))
    request = proxy_event(text, headers={"Content-Type": "application/json", HEADER: header})

    response = receive_webhook.handler(request, LambdaContext())

    status, body = response["statusCode"], json.loads(response["body"])
    assert response["headers"]["Content-Type"] == "application/json"
    if header != good:
        assert status in (401, 413)
    assert status in (200, 202, 400, 401, 413)
    assert len(states.started) == (status == 202)
    for name, event in states.started.items():
        assert body == {"execution": name}
        assert re.fullmatch(r"[A-Za-z0-9-]{1,80}", name)
        assert REFERENCE.is_valid(event["detail"])
        strict_json(json.dumps(event, ensure_ascii=False))
        assert len(json.dumps(event, ensure_ascii=False).encode()) <= MAX_BYTES
    # The name of an execution begins with the document's id; a refusal holds nothing of it.
    sent = [] if status == 202 else [text, loose_json(text), header]
    assert leaked(response["body"], *sent) == []
    check_log(logs, *sent)


@cases(60)
# As part of an address these are another one.
@example(name="opensearch", article={**GOOD, "id": ".."}, more={})
@example(name="opensearch", article={**GOOD, "id": "."}, more={})
@given(
    name=st.sampled_from(NAMES),
    article=objects(SCHEMA["properties"]),
    more=st.dictionaries(st.sampled_from(["id", "source", "detail-type"]), values),
)
def test_an_article_of_the_bus(
    name: str,
    article: dict[str, Any],
    more: dict[str, Any],
    run: Run,
    targets: Targets,
    logs: list[logging.LogRecord],
) -> None:
    """A step publishes what is an article and nothing else, at no other address of its target."""
    targets.reset()

    outcome, error = attempt(
        lambda: run(name, {**more, "detail": article}), InvalidArticle, TargetRefused
    )

    targets.server.check_assertions()
    is_asked = name in article.get("targets", [name]) if REFERENCE.is_valid(article) else False
    assert len(targets.posts[name]) == (is_asked and not error)
    if error:
        assert leaked(str(error), article) == []
    else:
        assert REFERENCE.is_valid(article)
        assert outcome["target"] == name
    # An article's id is not secret: readers of the log need it to find the article.
    check_log(logs, {k: v for k, v in article.items() if k != "id"})


@cases(120)
@given(
    name=st.sampled_from(NAMES),
    good=st.integers(0, 2),
    status=st.sampled_from([200, 201, 429]) | st.integers(200, 599),
    text=answers.map(json.dumps) | texts,
    wait=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
    | st.sampled_from(["9" * 5000, "Sat, 21 Nov 2026 09:30:40 +99999999", "1e9", "-0", "\xb2"]),
)
def test_an_answer_of_a_target(
    name: str,
    good: int,
    status: int,
    text: str,
    wait: str,
    run: Run,
    targets: Targets,
    logs: list[logging.LogRecord],
) -> None:
    """Whatever a target answers, the step ends well or with an error that the machine knows."""
    targets.reset()
    body = text.encode("utf-8", "surrogatepass")
    answer = Response(body, status, {"Retry-After": wait}, mimetype="application/json")
    targets.answer_after(name, good, answer)

    outcome, error = attempt(lambda: run(name), *TARGET_ERRORS)

    told = str(error) if error else json.dumps(outcome)
    assert [token for token in (*TOKENS.values(), PASSWORD) if token in told] == []
    if error:
        assert len(told) < 400
    if isinstance(error, TargetBusy):
        assert 1 <= error.seconds <= 3600
    check_log(logs)
