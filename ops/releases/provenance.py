"""What a release was made from: a commit, and the files that Terraform read beside the packages.

The packages alone do not say it: they hold no file of Terraform's, and many commits give the same
bytes. With each file's digest, what is checked out is compared without git and without that commit.
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

#: What packages are built from and by, and what Terraform reads.
FOLDERS = ("build", "lambda_src", "requirements", "terraform", "web")
#: What the root module reads outside of its folder.
READ_BESIDE = ("web/**/*", "lambda_src/*/*.json")
#: Folders below Terraform's of which it makes nothing here: what it fetched, what others apply.
NOT_READ = frozenset({".terraform", "bootstrap"})
COMMIT = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True)
class Origin:
    """What a release was made from.

    `commit` is nothing where git could not say; `is_changed` tells whether files differed from it;
    `files` are the digests of the files that Terraform reads, by their paths in the repository, of
    which there is none where nothing is known.
    """

    commit: str | None
    is_changed: bool
    files: Mapping[str, str]

    @classmethod
    def parse(cls, record: bytes | None) -> Origin:
        """Read what was recorded; what is no record, or is not there, tells of nothing."""
        try:
            content = json.loads(record or b"")
            commit, files = content["commit"], dict(content["files"])
            if commit is None or COMMIT.fullmatch(commit):
                return cls(commit, bool(content["changed"]), files)
        except (ValueError, KeyError, TypeError):
            pass
        return UNKNOWN

    def record(self) -> bytes:
        """Return what `parse` reads."""
        content = {"commit": self.commit, "changed": self.is_changed, "files": self.files}
        return json.dumps(content, indent=1).encode()

    def differing(self, other: Origin) -> list[str]:
        """Return the files that Terraform reads and that are not the same in another origin."""
        return sorted(
            path
            for path in self.files.keys() | other.files.keys()
            if self.files.get(path) != other.files.get(path)
        )

    def __str__(self) -> str:
        if self.commit is None:
            return "an unknown commit"
        changes = " with changes that nobody committed" if self.is_changed else ""
        return f"commit {self.commit[:12]}{changes}"


UNKNOWN = Origin(None, is_changed=False, files={})


def here(repository: Path = REPOSITORY) -> Origin:
    """Return what a release would be made from now."""
    commit, is_changed = _commit(repository)
    files = {
        file.relative_to(repository).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(_files(repository))
    }
    return Origin(commit, is_changed, files)


def _files(repository: Path) -> Iterator[Path]:
    """Yield the files that Terraform reads."""
    root = repository / "terraform"
    for file in root.rglob("*"):
        folders = file.relative_to(root).parts[:-1]
        if file.is_file() and file.suffix != ".md" and not NOT_READ.intersection(folders):
            yield file
    for pattern in READ_BESIDE:
        yield from (file for file in repository.glob(pattern) if file.is_file())


def _commit(repository: Path) -> tuple[str | None, bool]:
    """Return the commit that is checked out, and whether files differ from it."""
    # Without it, git would look in the folders above for a repository that is another's.
    if not (repository / ".git").exists():
        return None, False
    git = ["git", "--no-optional-locks", "-C", str(repository)]
    answers = []
    for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", *FOLDERS)):
        try:
            result = subprocess.run([*git, *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            # No git here, or it does not trust this folder: that is what 'unknown' says.
            return None, False
        answers.append(result.stdout.strip())
    return answers[0], bool(answers[1])
