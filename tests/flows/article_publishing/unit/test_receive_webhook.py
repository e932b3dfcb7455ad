"""Who may publish, what becomes of a document, and that a revision starts one execution."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from article_publishing import receive_webhook
from article_publishing.article import execution_name, tags, transform, validator
from article_publishing.errors import InvalidArticle, SignatureRefused
from article_publishing.portable_text import markdown
from article_publishing.signature import MAX_AGE_MS, sign, verify
from flowbridge.errors import SecretUnavailable
from flowbridge.secret import Secret
from tests.flows.article_publishing.support.webhook import DOCUMENT, SECRET, SITE, States, signed
from tests.support.functions import LambdaContext, logged

CONTEXT = LambdaContext()
NAME = execution_name({"id": "b1946ac9-2d1c", "revision": "r1"})


def call(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = receive_webhook.handler(request, CONTEXT)
    return response["statusCode"], json.loads(response["body"])


class TestStart:
    def test_a_document_starts_its_publication(self, states: States) -> None:
        assert call(signed(DOCUMENT)) == (202, {"execution": NAME})

        [event] = states.started.values()
        assert event == {
            "id": NAME,
            "source": "flowbridge.cms",
            "detail-type": "Article Revision",
            "time": "2026-11-21T09:30:00Z",
            "detail": {
                "id": "b1946ac9-2d1c",
                "revision": "r1",
                "title": "Starting workflows from code",
                "description": "Why.",
                "body": "Some work begins with **an event**.",
                "categories": ["AWS", "Go"],
                "slug": "starting-workflows",
                "createdAt": "2026-11-20T16:05:11Z",
                "updatedAt": "2026-11-21T09:30:00Z",
                "canonicalUrl": "https://blog.example.com/starting-workflows",
                "mainImage": "https://images.example.com/a.png",
            },
        }

    def test_the_same_request_again_starts_nothing(self, states: States) -> None:
        request = signed(DOCUMENT)
        call(request)

        assert call(request) == (
            200,
            {"execution": NAME, "message": "This revision was already accepted"},
        )
        assert len(states.started) == 1

    def test_another_revision_is_another_execution(self, states: States) -> None:
        call(signed(DOCUMENT))
        call(signed(DOCUMENT | {"_rev": "r2"}))

        assert len(states.started) == 2

    @pytest.mark.parametrize("name", ["_id", "id"])
    @pytest.mark.parametrize("identity", ["drafts.b1946ac9", "versions.rKJw1.b1946ac9"])
    def test_a_draft_is_not_published(self, states: States, name: str, identity: str) -> None:
        document = {key: value for key, value in DOCUMENT.items() if key != "_id"}

        status, body = call(signed(document | {name: identity}))

        assert (status, body) == (200, {"message": "Drafts are not published"})
        assert states.started == {}

    def test_a_body_in_base64(self, states: States) -> None:
        request = signed(DOCUMENT)
        request |= {
            "body": base64.b64encode(request["body"].encode()).decode(),
            "isBase64Encoded": True,
        }

        assert call(request)[0] == 202

    @given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
    def test_a_name_is_one_that_step_functions_takes(self, identity: str, revision: str) -> None:
        name = execution_name({"id": identity, "revision": revision})

        assert re.fullmatch(r"[A-Za-z0-9-]{1,80}", name)
        assert name == execution_name({"id": identity, "revision": revision})


class TestRefusals:
    # Signed when the test runs: a signature lasts five minutes.
    @pytest.mark.parametrize(
        "request_of",
        [
            lambda: signed(DOCUMENT, secret="another"),
            lambda: signed(DOCUMENT, age_ms=MAX_AGE_MS + 2000),
            lambda: signed(DOCUMENT, age_ms=-MAX_AGE_MS - 60_000),
            lambda: signed(DOCUMENT) | {"body": json.dumps(DOCUMENT | {"title": "Another"})},
            lambda: signed(DOCUMENT) | {"headers": {"content-type": "application/json"}},
            lambda: signed("no JSON", secret="another"),
        ],
        ids=["secret", "old", "future", "other body", "no header", "unsigned nonsense"],
    )
    def test_what_is_not_proven_to_be_the_cms(
        self, request_of: Callable[[], Any], states: States
    ) -> None:
        status, body = call(request_of())

        assert status == 401
        assert states.started == {}
        assert SECRET not in json.dumps(body)

    @pytest.mark.parametrize(
        ("request_of", "status"),
        [
            (lambda: signed("no JSON"), 400),
            (lambda: signed("[]"), 400),
            (lambda: signed(DOCUMENT) | {"body": None}, 400),
            (lambda: signed(DOCUMENT | {"title": ""}), 400),
            (lambda: signed(DOCUMENT | {"body": "x" * 129 * 1024}), 413),
            (lambda: signed(DOCUMENT) | {"headers": {"Content-Type": "text/plain"}}, 415),
        ],
    )
    def test_what_is_no_document(
        self, request_of: Callable[[], Any], status: int, states: States
    ) -> None:
        assert call(request_of())[0] == status
        assert states.started == {}

    def test_the_message_names_the_field_and_the_rule(self, states: States) -> None:
        _, body = call(signed(DOCUMENT | {"title": "x" * 101}))

        assert body["message"].startswith(
            "The request is rejected: the document is not a valid article: title: must have 1 to"
        )


class TestFailures:
    def error(self, code: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "m"}}, "StartExecution")

    @pytest.mark.parametrize("code", ["ThrottlingException", "ExecutionLimitExceeded"])
    def test_what_may_work_later(self, code: str, states: States) -> None:
        states.error = self.error(code)
        assert call(signed(DOCUMENT))[0] == 503

        states.error = ReadTimeoutError(endpoint_url="https://states")
        response = receive_webhook.handler(signed(DOCUMENT), CONTEXT)
        assert (response["statusCode"], response["headers"]["Retry-After"]) == (503, "5")

    def test_what_is_deployed_wrongly(self, states: States, logs: list[logging.LogRecord]) -> None:
        states.error = self.error("AccessDeniedException")

        assert call(signed(DOCUMENT))[0] == 500
        assert '"error": "ClientError"' in logged(logs)

    def test_no_secret_can_be_read_now(
        self, states: States, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(_: str) -> str:
            raise SecretUnavailable("away")

        monkeypatch.setattr("flowbridge.secret.read_secret", away)

        assert call(signed(DOCUMENT))[0] == 503

    def test_a_rotated_secret_is_read_again(self, states: States, secrets: dict[str, str]) -> None:
        call(signed(DOCUMENT))
        secrets["webhook"] = "the-new-one"

        assert call(signed(DOCUMENT | {"_rev": "r2"}, secret="the-new-one"))[0] == 202

    def test_neither_secret_nor_document_is_logged(
        self, states: States, logs: list[logging.LogRecord]
    ) -> None:
        call(signed(DOCUMENT))
        call(signed(DOCUMENT, secret="another"))

        assert "revision accepted" in logged(logs)
        assert SECRET not in logged(logs, above=0)
        assert "Starting workflows" not in logged(logs)


class TestSignature:
    def test_it_covers_time_and_body(self) -> None:
        digest = hmac.digest(b"test", b'1633519811129.{"a":1}', "sha256")

        expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert sign(1633519811129, b'{"a":1}', "test") == expected

    @given(st.text())
    def test_no_other_header_is_good(self, header: str) -> None:
        with pytest.raises(SignatureRefused):
            verify(header, b"{}", SECRET, 1633519811129)

    def test_both_ends_of_the_time_that_is_good(self) -> None:
        header = f"t=1633519811129,v1={sign(1633519811129, b'{}', SECRET)}"

        for shift in (-MAX_AGE_MS, MAX_AGE_MS):
            verify(header, b"{}", SECRET, 1633519811129 + shift)
        with pytest.raises(SignatureRefused, match="5 minutes"):
            verify(header, b"{}", SECRET, 1633519811129 + MAX_AGE_MS + 1)


class TestTransform:
    def test_the_examples_rules_hold(self) -> None:
        validator.check(transform(DOCUMENT, SITE))

    @pytest.mark.parametrize(
        "changes",
        [
            {"_id": None},
            {"_id": "a/b"},
            {"_id": ".."},
            {"_rev": None, "_updatedAt": None},
            {"title": None},
            {"title": ["a"]},
            {"body": None},
            {"body": [{"_type": "image"}]},
            {"body": [{"_type": "block", "children": 1}]},
            {"body": [{"_type": "block", "listItem": "bullet", "level": "x", "children": [1]}]},
            {"body": [{"_type": "block", "children": [{"text": "a", "marks": [[]]}]}]},
            {"categories": [{"_ref": "c1"}]},
            {"categories": "AWS"},
            {"_createdAt": "yesterday"},
            {"slug": {"current": "a b"}},
            {"mainImage": "javascript:alert(1)"},
        ],
        ids=str,
    )
    def test_what_is_no_article(self, changes: dict[str, Any]) -> None:
        with pytest.raises(InvalidArticle):
            transform(DOCUMENT | changes, SITE)

    def test_what_may_be_missing(self) -> None:
        missing = ("description", "slug", "categories", "mainImage")
        document = {name: value for name, value in DOCUMENT.items() if name not in missing}

        article = transform(document, SITE)

        assert article["canonicalUrl"] == "https://blog.example.com/b1946ac9-2d1c"
        assert (article["description"], article["categories"]) == ("", [])
        assert "mainImage" not in article

    @given(
        st.dictionaries(
            st.sampled_from(sorted(DOCUMENT)),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=9),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["title", "asset", "url", "current"]), inner)
                ),
            ),
        )
    )
    def test_whatever_comes_is_an_article_or_refused(self, changes: dict[str, Any]) -> None:
        try:
            article = transform(DOCUMENT | changes, SITE)
        except InvalidArticle:
            return
        validator.check(article)

    def test_the_slugs_of_categories_are_kept_and_become_the_tags(self) -> None:
        slugs = [{"current": "aws"}, "workflows"]
        categories = [
            {"title": title, "slug": slug}
            for title, slug in zip(("Amazon Web Services", "Step Functions"), slugs, strict=True)
        ]

        article = transform(DOCUMENT | {"categories": categories}, SITE)

        assert article["categories"] == ["Amazon Web Services", "Step Functions"]
        assert article["categorySlugs"] == ["aws", "workflows"]
        assert tags(article, 4) == ["aws", "workflows"]

    def test_tags_are_what_every_target_takes(self) -> None:
        article = {"categories": ["C++", "Step Functions", "step  functions", "日本", "Go"]}

        assert tags(article, 4) == ["c", "stepfunctions", "go"]
        assert tags(article, 2, keep_hyphens=True) == ["c", "step-functions"]


def test_portable_text_becomes_markdown() -> None:
    def block(text: str, marks: list[str] | None = None, **more: Any) -> dict[str, Any]:
        return {"_type": "block", "children": [{"text": text, "marks": marks or []}], **more}

    blocks: list[Any] = [
        block("Title", style="h2"),
        {
            "_type": "block",
            "style": "normal",
            "markDefs": [{"_key": "k", "href": "https://example.com"}],
            "children": [
                {"text": "Some ", "marks": []},
                {"text": "strong ", "marks": ["strong"]},
                {"text": "link", "marks": ["k", "em"]},
                {"text": "."},
            ],
        },
        block("one", listItem="bullet", level=1),
        block("two", listItem="bullet", level=2),
        block("said", style="blockquote"),
        {"_type": "code", "language": "python", "code": "print(1)"},
        {"_type": "image", "alt": "A graph", "asset": {"url": "https://images/a.png"}},
        {"_type": "image", "asset": {"_ref": "image-1"}},
        "nothing",
        block(" "),
    ]

    assert markdown(blocks) == (
        "## Title\n\nSome **strong** *[link](https://example.com)*.\n\n- one\n  - two\n\n"
        "> said\n\n```python\nprint(1)\n```\n\n![A graph](https://images/a.png)"
    )


@pytest.mark.parametrize("level", [10**9, 10**400, 1e308])
def test_a_list_is_no_deeper_than_a_page_shows(level: float) -> None:
    item = {"_type": "block", "listItem": "bullet", "children": [{"text": "one"}]}

    assert markdown([item, {**item, "level": level}]) == "- one\n" + " " * 18 + "- one"


def test_secrets_are_kept(states: States) -> None:
    assert isinstance(receive_webhook.webhook_secret(), Secret)
    assert receive_webhook.webhook_secret() is receive_webhook.webhook_secret()
