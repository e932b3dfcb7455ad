"""An article goes from the CMS's webhook to every target, and again to those that failed.

The flow is applied to an environment of its own: its servers' addresses are known here only.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ops.recovery.dead_letters import FAILED, DeadLetter, look
from tests.flows.article_publishing.support.publishing import FLOW, Publishing, document
from tests.flows.article_publishing.support.targets import NAMES
from tests.support.browser import DESK, running_browser
from tests.support.documents import commands_of
from tests.support.platform import wait_for


@pytest.fixture(autouse=True)
def fresh(publishing: Publishing) -> None:
    publishing.targets.reset()


def test_a_revision_is_published_everywhere_once(publishing: Publishing) -> None:
    article = document()

    execution = publishing.published(article)
    again = publishing.call(article)

    assert execution.status == "SUCCEEDED"
    assert publishing.outcome(execution) == dict.fromkeys(NAMES, "published")
    assert (again.status_code, again.json()["execution"]) == (200, execution.name)
    assert publishing.targets.writes == dict.fromkeys(NAMES, 1)


def test_categories_come_from_the_cms_when_the_webhook_has_none(publishing: Publishing) -> None:
    article = document(categories=None)

    execution = publishing.published(article)

    assert execution.status == "SUCCEEDED"
    detail = (execution.event or {})["detail"]
    assert detail["categories"] == ["Amazon Web Services"]
    assert (detail["categorySlugs"], detail["slug"]) == (["aws"], article["slug"])
    [post] = publishing.targets.posts["devto"].values()
    assert post["tags"] == ["aws"]


def test_the_next_revision_changes_what_is_there(publishing: Publishing) -> None:
    article = document()
    publishing.published(article)

    newer = article | {"_rev": "r2", "_updatedAt": "2026-11-22T09:30:00Z", "title": "Better"}
    outcome = publishing.outcome(publishing.published(newer))

    assert outcome == dict.fromkeys(NAMES, "updated") | {"medium": "found"}
    assert all(len(publishing.targets.posts[name]) == 1 for name in NAMES)


def test_nobody_but_the_cms_publishes(publishing: Publishing) -> None:
    assert publishing.call(document(), secret="another").status_code == 401
    assert publishing.targets.calls == dict.fromkeys(NAMES, 0)


def test_a_busy_and_a_broken_target_are_asked_again(publishing: Publishing) -> None:
    publishing.targets.answer_next("devto", 429, {"Retry-After": "1"})
    publishing.targets.answer_next("hashnode", 503)

    execution = publishing.published(document())

    assert publishing.outcome(execution) == dict.fromkeys(NAMES, "published")
    assert publishing.targets.writes == dict.fromkeys(NAMES, 1)


def failed(publishing: Publishing, execution: str) -> list[DeadLetter]:
    """Return the dead letters of one execution; other tests leave theirs."""
    letters = look(publishing.aws.client("sqs"), FAILED, publishing.flow.failed_queue_url)
    return [letter for letter in letters if letter.execution == execution]


def test_what_failed_in_one_place_is_sent_there_again_alone(publishing: Publishing) -> None:
    targets = publishing.targets
    targets.answer_always("devto", 422)

    execution = publishing.published(document())

    assert (execution.status, execution.error) == ("FAILED", "TargetRefused")
    assert targets.writes == dict.fromkeys(NAMES, 1) | {"devto": 0}
    [letter] = failed(publishing, execution.arn)
    assert (letter.state, letter.error) == ("PublishToDevto", "TargetRefused")
    assert "devto: TargetRefused, devto returned 422: Dev.to says 422" in letter.cause
    assert "medium: published" in letter.cause
    assert letter.event is not None
    assert letter.event["detail"]["targets"] == ["devto"]

    targets.answer_always("devto", None)
    before = dict(targets.calls)
    redrive = publishing.make("redrive", f"FLOW={FLOW}", f"MESSAGE={letter.message_id}")
    assert redrive.code == 0, redrive.text
    wait_for(lambda: targets.writes["devto"] == 1, "the post on Dev.to")

    assert targets.calls | {"devto": 0} == before | {"devto": 0}
    assert failed(publishing, execution.arn) == []


def test_operators_see_what_became_of_each_branch(publishing: Publishing, tmp_path: Path) -> None:
    publishing.targets.answer_next("devto", 429, {"Retry-After": "1"})
    publishing.targets.answer_next("hashnode", 401)
    execution = publishing.published(document())
    file = tmp_path / "report.html"

    watched = publishing.make("watch", f"FLOW={FLOW}", f"EXECUTION={execution.name}")
    written = publishing.make("report", f"OUT={file}")

    assert (watched.code, written.code) == (0, 0), watched.text + written.text
    lines = watched.text.splitlines()
    seen = [(len(line) - len(line.lstrip()), line.split()[:2]) for line in lines]
    assert (2, ["✓", "Publish"]) in seen
    assert seen.count((4, ["✗", "PublishToDevto"])) == 1
    assert seen.count((4, ["✓", "PublishToDevto"])) == 1
    assert (4, ["✓", "WaitForDevto"]) in seen
    assert (4, ["·", "DevtoFailed"]) in seen
    assert (4, ["✗", "PublishToHashnode"]) in seen
    assert (4, ["✓", "HashnodeFailed"]) in seen
    assert (2, ["✗", "PublicationFailed"]) in seen
    with running_browser() as browser:
        page = browser.new_page(viewport={"width": DESK, "height": 900})
        page.goto(file.as_uri())
        shown = page.locator("details", has_text=execution.name).first
        shown.locator("summary").first.click()
        boxes = shown.locator("svg text").all_text_contents()
        outcome = dict(zip(boxes[::2], boxes[1::2], strict=True))
    assert outcome["WaitForDevto"] == outcome["PublishToDevto"] == "succeeded"
    assert outcome["MediumFailed"] == "not visited"
    assert outcome["HashnodeFailed"] == "succeeded"
    assert outcome["PublishToHashnode"] == "failed, caught"


def test_the_commands_of_the_flows_document_work(publishing: Publishing) -> None:
    commands = commands_of(FLOW)

    runs = {command: publishing.run(*shlex.split(command)) for command in commands}

    assert commands
    assert {command: run.text for command, run in runs.items() if run.code} == {}


def test_the_second_plan_is_empty(publishing: Publishing) -> None:
    _, changes = publishing.second_plan

    assert not changes
