"""Targets fail in every way that a publisher can see; no article is lost or posted twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.flows.article_publishing.support.publishing import Publishing, document
from tests.flows.article_publishing.support.targets import NAMES
from tests.support.fault_proxy import Fault
from tests.support.stream import Stream

#: The beginning, or a part, of the request that writes an article to each target.
WRITES = {
    "medium": b"POST /medium/",
    "devto": b"POST /devto/articles",
    "hashnode": b"publishPost",
    "opensearch": b"PUT /opensearch/",
}
FAULTS: dict[str, Callable[[bytes], Fault]] = {
    "500": lambda write: Fault(write, status=500, delivered=False),
    "504-after-the-post-was-made": lambda write: Fault(write, status=504),
    "reset-before-the-request-arrived": lambda write: Fault(write, delivered=False),
    "reset-after-the-post-was-made": lambda write: Fault(write, cut=0),
    "reset-in-the-answer": lambda write: Fault(write, cut=60),
}
TIMES = [5, *(pytest.param(times, marks=pytest.mark.long) for times in (2, 3, 4))]


@dataclass
class Articles(Stream[dict[str, Any]]):
    """First revisions of articles, as the CMS sends them."""

    publishing: Publishing = field(kw_only=True)

    def new(self) -> dict[str, Any]:
        """Return the next document, not sent yet."""
        self.items.append(document())
        return self.items[-1]

    def put(self, *items: dict[str, Any]) -> list[str]:
        """Send documents at once; return the names of their executions, which are their events."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self._taken, items))

    def _taken(self, item: dict[str, Any]) -> str:
        """Send a document, as often as the webhook is throttled, as the CMS does."""
        deadline = time.monotonic() + 30
        while (answer := self.publishing.call(item)).status_code == 429:
            assert time.monotonic() < deadline, "the webhook stays throttled"
            time.sleep(0.5)
        assert answer.status_code in (200, 202), answer.text
        execution: str = answer.json()["execution"]
        return execution

    def is_there_once(self, item: dict[str, Any]) -> bool:
        """Return whether every target has the article, and was asked once to create it."""
        keys = dict.fromkeys(NAMES, f"https://blog.example.com/{item['slug']}")
        keys |= {"hashnode": item["slug"], "opensearch": item["_id"]}
        targets = self.publishing.targets
        return all(
            key in targets.posts[name] and targets.made[name][key] == 1
            for name, key in keys.items()
        )


@pytest.fixture
def articles(publishing: Publishing) -> Articles:
    publishing.targets.reset()
    return Articles(publishing, publishing=publishing)


def test_every_target_fails_at_once(publishing: Publishing, articles: Articles) -> None:
    """Among them answers that are lost after the post was made."""
    proxy, targets = publishing.proxy, publishing.targets
    for name in NAMES:
        targets.answer_next(name, 429, {"Retry-After": "1"})
    faults = [
        Fault(**{**vars(FAULTS[kind](write)), "times": 1})
        for kind in ("500", "reset-after-the-post-was-made")
        for write in WRITES.values()
    ]
    hits = proxy.hits
    with proxy.fault(*faults):
        with articles.flowing(3):
            pass
        articles.ended()
    with proxy.refusing():
        articles.send()
        time.sleep(0.5)

    reasons = articles.settle()

    assert proxy.hits - hits == len(faults)
    # Only later can one see whether Medium created a post whose answer was lost.
    assert any("OutcomeUnknown in PublishToMedium" in reason for reason in reasons), reasons
    articles.check_with_the_command()


def test_what_is_missing_alone_is_published_by_a_redrive(
    publishing: Publishing, articles: Articles
) -> None:
    targets = publishing.targets
    targets.answer_always("devto", 422)
    articles.send(2)
    waiting = articles.waiting(articles.ended())
    before = dict(targets.calls)
    targets.answer_always("devto", None)

    articles.settle()

    assert waiting == ["failed: TargetRefused in PublishToDevto"] * 2
    assert targets.calls | {"devto": 0} == before | {"devto": 0}
    assert targets.writes == dict.fromkeys(NAMES, 2)


@pytest.mark.parametrize("times", TIMES)
def test_the_same_revision_several_times_at_once(
    publishing: Publishing, articles: Articles, times: int
) -> None:
    events = articles.send(count=2, times=times)

    reasons = articles.settle()

    assert len(set(events)) == 2
    assert not reasons
    assert publishing.targets.writes == dict.fromkeys(NAMES, 2)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_a_target_fails_for_a_while(
    publishing: Publishing, articles: Articles, name: str, kind: Callable[[bytes], Fault]
) -> None:
    with publishing.proxy.fault(kind(WRITES[name])), articles.flowing(4):
        time.sleep(4)

    articles.settle()


@pytest.mark.long
def test_a_target_is_busy_for_longer_than_anybody_waits(
    publishing: Publishing, articles: Articles
) -> None:
    publishing.targets.answer_next("devto", 429, {"Retry-After": "1"}, times=6)
    articles.send()

    assert list(articles.settle()) == ["failed: TargetStayedBusy in PublishToDevto"]
