"""Each step's request to its target, and its outcome for each answer."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from werkzeug import Response

from article_publishing import (
    publish_to_hashnode,
)
from article_publishing.errors import (
    InvalidArticle,
    OutcomeUnknown,
    TargetBusy,
    TargetRefused,
    TargetStayedBusy,
    TargetUnavailable,
)
from article_publishing.target import retry_after
from flowbridge.errors import ConfigurationError
from tests.flows.article_publishing.support.steps import ARTICLE, HANDLERS, event
from tests.flows.article_publishing.support.targets import (
    NAMES,
    Targets,
    answer,
    failed,
)
from tests.support.functions import LambdaContext, logged
from tests.support.platform import free_port

KEYS = {
    "medium": "https://blog.example.com/workflows",
    "devto": "https://blog.example.com/workflows",
    "hashnode": "workflows",
    "opensearch": "b1946ac9",
}
CONTEXT = LambdaContext()

every_target = pytest.mark.parametrize("name", NAMES)


@every_target
class TestEveryTarget:
    def test_an_article_is_published(self, name: str, run: Any, targets: Targets) -> None:
        outcome = run(name)

        assert (outcome["target"], outcome["outcome"]) == (name, "published")
        assert list(targets.posts[name]) == [KEYS[name]]

    def test_the_same_article_again_is_found(self, name: str, run: Any, targets: Targets) -> None:
        run(name)
        outcome = run(name)

        assert outcome["outcome"] == ("found" if name == "medium" else "updated")
        assert list(targets.posts[name]) == [KEYS[name]]
        assert targets.writes[name] == (1 if name == "medium" else 2)

    def test_a_newer_revision_changes_what_is_there(
        self, name: str, run: Any, targets: Targets
    ) -> None:
        run(name)
        run(name, event(revision="r2", title="New", updatedAt="2026-11-22T00:00:00Z"))

        [post] = targets.posts[name].values()
        assert post["title"] == (ARTICLE["title"] if name == "medium" else "New")

    def test_a_target_that_is_not_asked_hears_nothing(
        self, name: str, run: Any, targets: Targets
    ) -> None:
        others = [other for other in NAMES if other != name]

        outcome = run(name, event(targets=others))

        assert outcome == {"target": name, "outcome": "not asked"}
        assert targets.calls[name] == 0

    @pytest.mark.parametrize("status", [400, 404, 422, 301])
    def test_a_refusal_is_for_good(
        self, name: str, status: int, run: Any, targets: Targets
    ) -> None:
        targets.answer_next(name, status)

        with pytest.raises(TargetRefused, match=f"^{name} returned {status}: .* says {status}$"):
            run(name)

    @pytest.mark.parametrize("status", [408, 500, 502, 503])
    def test_a_failure_may_pass(self, name: str, status: int, run: Any, targets: Targets) -> None:
        targets.answer_next(name, status)

        with pytest.raises(TargetUnavailable, match=f"^{name} returned {status}"):
            run(name)
        assert run(name)["outcome"] == "published"

    def test_something_else_answers_in_its_place(
        self, name: str, run: Any, targets: Targets
    ) -> None:
        targets.answer_after(name, 0, answer({"status": "ok"}))

        with pytest.raises(TargetUnavailable, match=r"200 with unexpected JSON$"):
            run(name)

    def test_a_busy_target_says_how_long(self, name: str, run: Any, targets: Targets) -> None:
        targets.answer_next(name, 429, {"Retry-After": "17"})

        with pytest.raises(TargetBusy, match=f"^{name} is busy, wait 17 s$"):
            run(name)

    def test_a_target_is_not_waited_for_for_ever(
        self, name: str, run: Any, targets: Targets
    ) -> None:
        targets.answer_next(name, 429, {"Retry-After": "17"})
        with pytest.raises(TargetStayedBusy):
            run(name, waits=5)
        targets.answer_next(name, 429, {"Retry-After": "86400"})
        with pytest.raises(TargetStayedBusy):
            run(name)

    def test_nobody_listens(
        self, name: str, run: Any, targets: Targets, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(targets, "url", lambda _: f"http://127.0.0.1:{free_port()}")

        with pytest.raises(TargetUnavailable, match="did not respond: ConnectionError"):
            run(name)

    def test_a_wrong_token_is_read_once_more(
        self, name: str, run: Any, targets: Targets, secrets: dict[str, str]
    ) -> None:
        good = secrets[name]
        secrets[name] = good.replace("token", "old").replace("key", "old").replace("-pass", "-old")
        with pytest.raises(TargetRefused):
            run(name)
        secrets[name] = good

        if name == "hashnode":
            # Its refusals come with status 200; the next execution has the new token.
            publish_to_hashnode.hashnode.cache_clear()
        assert run(name)["outcome"] == "published"

    @pytest.mark.parametrize("given", [{}, {"detail": {}}, {"detail": {**ARTICLE, "title": 1}}, []])
    def test_what_is_no_article_is_refused(self, name: str, given: Any, run: Any) -> None:
        with pytest.raises(InvalidArticle):
            HANDLERS[name](given, CONTEXT)

    def test_no_token_is_logged_or_raised(
        self,
        name: str,
        run: Any,
        targets: Targets,
        secrets: dict[str, str],
        logs: list[logging.LogRecord],
    ) -> None:
        targets.answer_next(name, 500)
        with pytest.raises(TargetUnavailable) as error:
            run(name)
        run(name)

        assert '"message": "article published"' in logged(logs)
        text = logged(logs, above=0) + str(error.value)
        assert "token" not in text
        assert "devto-key" not in text
        assert "opensearch-password" not in text

    def test_a_token_that_is_none_says_what_to_mend(
        self, name: str, run: Any, secrets: dict[str, str]
    ) -> None:
        secrets[name] = "two\nlines-of-token"

        with pytest.raises(ConfigurationError) as error:
            run(name)
        assert "lines-of" not in str(error.value)


class TestMedium:
    def test_what_is_posted(self, run: Any, targets: Targets) -> None:
        run("medium")

        [post] = targets.posts["medium"].values()
        assert post["publishStatus"] == "public"
        assert post["contentFormat"] == "markdown"
        assert post["tags"] == ["AWS", "Step Functions", "step functions"]
        assert post["content"].startswith(f"# {ARTICLE['title']}\n\n![](https://images")
        assert f"[{ARTICLE['canonicalUrl']}]" in post["content"]

    @pytest.mark.parametrize("error", [requests.ReadTimeout, requests.ConnectionError])
    def test_a_post_without_an_answer_is_not_sent_again(
        self, error: type[Exception], run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.break_posts(monkeypatch, error())

        with pytest.raises(OutcomeUnknown, match="Check on Medium whether the post exists"):
            run("medium")

    @pytest.mark.parametrize("status", [201, 502, 504])
    def test_a_post_whose_answer_is_not_mediums_is_not_sent_again(
        self, status: int, run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = requests.Session.request

        def lose(session: requests.Session, method: str, url: str, **more: Any) -> Any:
            response = request(session, method, url, **more)
            if method == "POST":
                response.status_code, response._content = status, b"proxy"
            return response

        monkeypatch.setattr(requests.Session, "request", lose)

        with pytest.raises(OutcomeUnknown, match=f"returned {status}"):
            run("medium")

    def test_a_post_that_could_not_be_sent_is_repeated(
        self, run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.break_posts(monkeypatch, requests.ConnectTimeout())

        with pytest.raises(TargetUnavailable):
            run("medium")

    def break_posts(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        request = requests.Session.request

        def broken(session: requests.Session, method: str, url: str, **more: Any) -> Any:
            if method == "POST":
                raise error
            return request(session, method, url, **more)

        monkeypatch.setattr(requests.Session, "request", broken)


class TestDevto:
    def test_what_is_posted(self, run: Any, targets: Targets) -> None:
        run("devto")

        [post] = targets.posts["devto"].values()
        assert post["tags"] == ["aws", "stepfunctions", "c", "go"]
        assert post["published"] is True
        assert post["main_image"] == ARTICLE["mainImage"]


class TestHashnode:
    def test_what_is_posted(self, run: Any, targets: Targets) -> None:
        run("hashnode")

        [post] = targets.posts["hashnode"].values()
        assert [tag["slug"] for tag in post["tags"]] == ["aws", "step-functions", "c", "go", "rust"]
        assert post["originalArticleURL"] == ARTICLE["canonicalUrl"]
        assert post["publicationId"] == "publication-1"

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("UNAUTHENTICATED", TargetRefused),
            ("FORBIDDEN", TargetRefused),
            ("NOT_FOUND", TargetRefused),
            ("BAD_USER_INPUT", TargetRefused),
            ("INTERNAL_SERVER_ERROR", TargetUnavailable),
        ],
    )
    def test_an_error_in_a_good_answer(
        self, code: str, error: type[Exception], run: Any, targets: Targets
    ) -> None:
        targets._next["hashnode"].append(failed(code, "no"))

        with pytest.raises(error, match=f"^hashnode returned {code}: no$"):
            run("hashnode")

    def test_something_answers_in_its_place(self, run: Any, targets: Targets) -> None:
        targets._next["hashnode"].append(Response("<html>moved</html>", 200))

        with pytest.raises(TargetUnavailable, match="without JSON"):
            run("hashnode")


class TestOpenSearch:
    def test_what_is_written(self, run: Any, targets: Targets) -> None:
        run("opensearch", event(targets=["opensearch"]))

        [post] = targets.posts["opensearch"].values()
        assert post == ARTICLE | {"_version": 1795253400125}

    def test_an_older_revision_stays_away(self, run: Any, targets: Targets) -> None:
        run("opensearch")
        outcome = run("opensearch", event(title="Old", updatedAt="2026-11-20T00:00:00Z"))

        assert outcome["outcome"] == "newer there"
        assert targets.posts["opensearch"]["b1946ac9"]["title"] == ARTICLE["title"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12", 12),
        ("0", 1),
        ("", 30),
        ("soon", 30),
        ("-5", 30),
        ("9" * 5000, 30),
        ("Sat, 21 Nov 2026 09:30:40 GMT", 40),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 1),
    ],
)
def test_how_long_a_busy_target_asks_to_wait(text: str, seconds: int) -> None:
    response = requests.Response()
    response.headers["Retry-After"] = text

    assert retry_after(response, datetime(2026, 11, 21, 9, 30, tzinfo=UTC)) == seconds
