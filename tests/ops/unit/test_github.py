"""How a GitHub job signs in, and its comment on a pull request."""

from __future__ import annotations

import configparser
import shutil
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.releases.github import COMMENT_CHARACTERS, _keep, comment_plan, plan_comment

PLAN = """data.aws_region.current: Reading...
aws_sqs_queue.this: Refreshing state... [id=x]

Terraform will perform the following actions:

  # aws_sqs_queue.this will be updated in-place

Plan: 0 to add, 1 to change, 0 to destroy.
"""


def test_the_comment_gives_the_verdict_and_folds_the_plan() -> None:
    comment = plan_comment("dev", PLAN, could_plan=True)

    first, _, rest = comment.partition("\n")
    assert first == (
        "**Plan for `dev`** with its running release: Plan: 0 to add, 1 to change, 0 to destroy."
    )
    assert "<details>" in rest
    assert "will be updated in-place" in rest
    # The refresh is left out.
    assert "Reading..." not in comment


def test_the_comment_says_that_terraform_could_not_plan() -> None:
    comment = plan_comment("dev", "Error: no bucket", could_plan=False)

    assert "Terraform could not plan." in comment
    assert "Error: no bucket" in comment


def test_a_long_plan_is_cut_to_what_github_takes() -> None:
    comment = plan_comment("dev", "Terraform will\n" + "x" * 70_000, could_plan=True)

    assert len(comment) < COMMENT_CHARACTERS + 1000
    assert "see the job's log for the rest" not in plan_comment("dev", PLAN, could_plan=True)
    assert "see the job's log for the rest" in comment


def test_profiles_are_kept_beside_each_other_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / ".aws" / "credentials"

    for profile, key in (("flowbridge-dev", "1"), ("flowbridge-qa", "2"), ("flowbridge-dev", "3")):
        _keep(file, profile, {"aws_access_key_id": key})

    content = configparser.ConfigParser()
    content.read(file)
    assert {name: content[name]["aws_access_key_id"] for name in content.sections()} == {
        "flowbridge-dev": "3",
        "flowbridge-qa": "2",
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_job_without_githubs_command_line_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Plans in no time.
    monkeypatch.setattr("sys.executable", shutil.which("true"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(OperationError, match="comment was not written") as caught:
        comment_plan("dev", None, "7")

    assert "'gh'" in caught.value.action
