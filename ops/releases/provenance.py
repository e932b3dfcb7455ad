"""The provenance of a release: its commit and the digests of the files that Terraform reads.

The packages alone do not show it: they contain no Terraform file, and many commits give the same
bytes. The digests allow a comparison with the working folder without git and without that commit.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.settings import REPOSITORY

#: Folders with the sources of packages, their build, and the files that Terraform reads.
FOLDERS = ("build", "lambda_src", "requirements", "terraform", "web")
#: Files that the root module reads outside its folder.
READ_BESIDE = ("web/**/*", "lambda_src/*/*.json")
#: Folders below `terraform` that the root module does not read.
NOT_READ = frozenset({".terraform", "bootstrap"})
COMMIT = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True)
class Origin:
    """The provenance of a release.

    `commit` is None when git does not know it. `is_changed` is true when files differed from the
    commit. `files` are the digests of the files that Terraform reads, by repository path; empty
    when the provenance is unknown.
    """

    commit: str | None
    is_changed: bool
    files: Mapping[str, str]

    @classmethod
    def parse(cls, record: bytes | None) -> Origin:
        """Parse a record; a missing or broken record means UNKNOWN."""
        try:
            content = json.loads(record or b"")
            commit, files = content["commit"], dict(content["files"])
            if commit is None or COMMIT.fullmatch(commit):
                return cls(commit, bool(content["changed"]), files)
        except (ValueError, KeyError, TypeError):
            pass
        return UNKNOWN

    def record(self) -> bytes:
        """Return the record that `parse` reads."""
        content = {"commit": self.commit, "changed": self.is_changed, "files": self.files}
        return json.dumps(content, indent=1).encode()

    def differing(self, other: Origin) -> list[str]:
        """Return the paths of the files that differ from another provenance."""
        return sorted(
            path
            for path in self.files.keys() | other.files.keys()
            if self.files.get(path) != other.files.get(path)
        )

    def __str__(self) -> str:
        if self.commit is None:
            return "an unknown commit"
        changes = " with uncommitted changes" if self.is_changed else ""
        return f"commit {self.commit[:12]}{changes}"


UNKNOWN = Origin(None, is_changed=False, files={})


def here(repository: Path = REPOSITORY) -> Origin:
    """Return the provenance of a release built now."""
    commit, is_changed = _commit(repository)
    files = {
        file.relative_to(repository).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(_files(repository))
    }
    return Origin(commit, is_changed, files)


def _files(repository: Path) -> Iterator[Path]:
    """Yield the files that the root module reads."""
    root = repository / "terraform"
    for file in root.rglob("*"):
        folders = file.relative_to(root).parts[:-1]
        if file.is_file() and file.suffix != ".md" and not NOT_READ.intersection(folders):
            yield file
    for pattern in READ_BESIDE:
        yield from (file for file in repository.glob(pattern) if file.is_file())


def _commit(repository: Path) -> tuple[str | None, bool]:
    """Return the checked-out commit, and whether files differ from it."""
    # Otherwise git would search the parent folders and find another repository.
    if not (repository / ".git").exists():
        return None, False
    git = ["git", "--no-optional-locks", "-C", str(repository)]
    answers = []
    for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", *FOLDERS)):
        try:
            result = subprocess.run([*git, *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            # git is missing, or does not trust this folder.
            return None, False
        answers.append(result.stdout.strip())
    return answers[0], bool(answers[1])
