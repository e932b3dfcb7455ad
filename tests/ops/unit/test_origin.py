"""The provenance of a release: the commit, if git knows it, and Terraform's files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.releases.github import OUTPUT_VARIABLE, hand_on_commit
from ops.releases.provenance import UNKNOWN, Origin, here

FILES = {
    ".gitignore": ".terraform\n",
    "docs/operations.md": "",
    "lambda_src/flow/event.schema.json": "{}",
    "lambda_src/flow/handler.py": "",
    "terraform/README.md": "",
    "terraform/bootstrap/main.tf": "",
    "terraform/envs/qa.tfvars": "",
    "terraform/main.tf": "",
    "web/order_intake/index.html": "",
}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    result = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The files without git, as an archive has them."""
    root = tmp_path / "flowbridge"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture
def clone(archive: Path) -> Path:
    """The files, committed."""
    git(archive, "init", "-q")
    git(archive, "add", "-A")
    git(archive, "commit", "-q", "-m", "First")
    return archive


def test_a_clone_knows_its_commit(clone: Path) -> None:
    origin = here(clone)

    assert origin.commit == git(clone, "rev-parse", "HEAD")
    assert not origin.is_changed
    assert str(origin) == f"commit {origin.commit[:12]}"


@pytest.mark.parametrize("path", ["lambda_src/flow/handler.py", "terraform/new.tf"])
def test_what_is_not_committed_is_told(clone: Path, path: str) -> None:
    (clone / path).write_text("other")

    assert str(here(clone)).endswith(" with uncommitted changes")


def test_what_no_release_is_made_from_is_no_change(clone: Path) -> None:
    (clone / "docs" / "operations.md").write_text("other")
    (clone / "notes.txt").write_text("new")

    assert not here(clone).is_changed


def test_without_git_the_commit_is_unknown_and_the_files_are_not(archive: Path) -> None:
    # The clone around it is another's.
    git(archive.parent, "init", "-q")
    git(archive.parent, "add", "-A")
    git(archive.parent, "commit", "-q", "-m", "Somebody else's")

    origin = here(archive)

    assert (origin.commit, origin.is_changed) == (None, False)
    assert str(origin) == "an unknown commit"
    assert "terraform/main.tf" in origin.files


def test_where_git_is_not_installed_or_refuses_the_commit_is_unknown(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / ".git" / "HEAD").write_text("broken")
    assert (here(clone).commit, here(clone).is_changed) == (None, False)

    monkeypatch.setenv("PATH", "")
    assert (here(clone).commit, here(clone).is_changed) == (None, False)


def test_the_files_that_terraform_reads_are_compared(archive: Path) -> None:
    before = here(archive)
    (archive / "terraform" / ".terraform").mkdir()
    for path in (
        "docs/operations.md",
        "lambda_src/flow/handler.py",
        "terraform/.terraform/modules.json",
        "terraform/README.md",
        "terraform/bootstrap/main.tf",
    ):
        (archive / path).write_text("other")
    assert here(archive).differing(before) == []

    for path in ("lambda_src/flow/event.schema.json", "terraform/new.tf"):
        (archive / path).write_text("other")
    (archive / "web" / "order_intake" / "index.html").unlink()

    wanted = [
        "lambda_src/flow/event.schema.json",
        "terraform/new.tf",
        "web/order_intake/index.html",
    ]
    assert here(archive).differing(before) == wanted
    assert before.differing(here(archive)) == wanted


def test_what_is_recorded_is_read(clone: Path) -> None:
    (clone / "terraform" / "main.tf").write_text("other")
    origin = here(clone)

    assert Origin.parse(origin.record()) == origin
    assert Origin.parse(UNKNOWN.record()) == UNKNOWN


@pytest.mark.parametrize(
    "record",
    [
        None,
        b"",
        b"[]",
        b'{"commit": null}',
        b'{"commit": "--upload-pack=x", "changed": false, "files": {}}',
        b'{"commit": "main\\nx=1", "changed": false, "files": {}}',
        b'{"commit": 7, "changed": false, "files": {}}',
    ],
)
def test_what_is_no_record_tells_of_nothing(record: bytes | None) -> None:
    assert Origin.parse(record) == UNKNOWN


def test_a_job_hands_on_a_commit_of_its_branch_only(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.releases.github.REPOSITORY", clone)
    first = git(clone, "rev-parse", "HEAD")
    git(clone, "checkout", "-q", "-b", "other")
    git(clone, "commit", "-q", "--allow-empty", "-m", "Not taken in")
    other = git(clone, "rev-parse", "HEAD")
    git(clone, "checkout", "-q", "-")
    git(clone, "commit", "-q", "--allow-empty", "-m", "Second")
    output = tmp_path / "output"

    hand_on_commit(first, {OUTPUT_VARIABLE: str(output)})
    for commit in (other, 40 * "0"):
        with pytest.raises(OperationError, match=f"Commit {commit} is not on this job's branch"):
            hand_on_commit(commit, {OUTPUT_VARIABLE: str(output)})

    assert output.read_text() == f"commit={first}\n"


def test_outside_of_a_job_nothing_is_handed_on() -> None:
    hand_on_commit(40 * "0", {})
