"""Rejected words are found in texts, and nowhere else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import settings
from ops.cli import main as cli
from ops.style.words import (
    Finding,
    Word,
    check,
    count_by_folder,
    find_words,
    rejected_words,
    text_files,
)


def found(source: str, file: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.found) for finding in check(source, Path(file))]


@pytest.mark.parametrize("word", rejected_words(), ids=lambda word: word.rejected)
def test_a_word_is_rejected_where_it_is_bad(word: Word) -> None:
    assert word.bad
    assert word.good
    for sentence in word.bad:
        assert word.pattern.search(sentence), sentence
    for sentence in word.good:
        assert not word.pattern.search(sentence), sentence


def test_python_is_read_in_comments_docstrings_and_messages() -> None:
    source = '''"""Mend it."""

mend = 1  # nobody
anew = "anew"
raise Error(
    f"Type {anew} anew. "
    "Then tell."
)
#: A phrase is
#: no one line's.
'''

    assert found(source, "ops/one.py") == [
        (1, "Mend"),
        (3, "nobody"),
        (6, "anew"),
        (7, "tell"),
        (9, "is no one"),
    ]


def test_the_strings_of_tests_are_data_and_their_docstrings_are_not() -> None:
    source = '"""Mend it."""\n\ndata = "nobody is told"\n'

    assert found(source, "tests/unit/test_one.py") == [(1, "Mend")]


def test_code_and_quotations_of_documents_are_exempt() -> None:
    source = (
        "# Mend\n\n`anew` and ``told: it\nis told`` is code; a [link](besides.md) is not.\n\n"
        "> Nobody knows.\n\n```console\n$ make anew\n```\n\nIt can be sent\nagain.\n"
    )

    assert found(source, "docs/one.md") == [(1, "Mend"), (12, "sent again")]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("main.tf", '# It is\n# no queue.\nvariable "a" {\n  description = "Mends it."\n}\n'),
        ("a.asl.json.tftpl", '{\n"is": 1,\n"No": "Who hears",\n"Comment": "mends"}\n'),
        ("Makefile", "it: # It is\n# no file.\n\t@mends ## Mends it\n"),
        ("001.sql", "-- It is\n-- no table.\n\n-- It mends.\n"),
    ],
)
def test_other_files_are_read_over_the_ends_of_comment_lines(file: str, source: str) -> None:
    assert any(line < 4 and " " in word for line, word in found(source, file))
    assert any(line >= 3 and word.lower() == "mends" for line, word in found(source, file))


def test_generated_parts_of_documents_are_exempt() -> None:
    source = "<!-- inputs -->\nmend\n<!-- end of inputs -->\n\nmend\n\n<!-- commands -->\nanew\n"

    assert found(source, "docs/one.md") == [(5, "mend"), (8, "anew")]


def make_tree(root: Path) -> None:
    for name in (
        "README.md",
        "docs/a.md",
        "ops/local/deep/b.tf",
        "examples/c.md",
        ".venv/lib/d.py",
        ".github/workflows/e.yml",
        "LICENSE",
        "requirements/f.in",
        "requirements/f.txt",
        "build/dist/g.md",
        "h.png",
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("# Mend\n")


def test_generated_files_and_those_of_others_are_exempt(tmp_path: Path) -> None:
    make_tree(tmp_path)

    findings = find_words(tmp_path)

    assert sorted(str(finding.file) for finding in findings) == [
        ".github/workflows/e.yml",
        "README.md",
        "docs/a.md",
        "ops/local/deep/b.tf",
        "requirements/f.in",
    ]
    assert count_by_folder(findings) == {
        ".": 1,
        "docs": 1,
        "ops/local": 1,
        ".github/workflows": 1,
        "requirements": 1,
    }
    assert [str(f.file) for f in find_words(tmp_path, [tmp_path / "docs"])] == ["docs/a.md"]


def test_a_finding_names_the_place_and_the_replacement() -> None:
    finding = Finding(Path("docs/a.md"), 3, "mend", "fix")

    assert str(finding) == "docs/a.md:3: 'mend': use fix"


def test_the_command_lists_counts_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path)
    monkeypatch.setattr(settings, "REPOSITORY", tmp_path)

    listed = CliRunner().invoke(cli.app, ["words"])
    counted = CliRunner().invoke(cli.app, ["words", "--count"])
    (tmp_path / "good").mkdir()
    good = CliRunner().invoke(cli.app, ["words", str(tmp_path / "good")])

    assert "docs/a.md:1: 'Mend': use fix" in listed.stdout
    assert "    1  ops/local" in counted.stdout
    assert isinstance(listed.exception, Exception)
    assert "words were found: 5." in str(counted.exception)
    assert good.exit_code == 0


def test_lint_rejects_a_word_with_its_place_and_the_replacement(tmp_path: Path) -> None:
    shutil.copytree(settings.REPOSITORY / "ops", tmp_path / "ops")
    (tmp_path / "README.md").write_text("# Fix\n\nMend the message.\n")

    lint = subprocess.run(
        [sys.executable, "-m", "ops", "lint"],
        cwd=tmp_path,
        # Has the other folders that `ops` imports from.
        env={**os.environ, "PYTHONPATH": str(settings.REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.returncode == 1, lint.stdout + lint.stderr
    assert "README.md:3: 'Mend': use fix, correct, repair\n" in lint.stdout
    assert lint.stderr == "Rejected words were found: 1.\nReplace them as docs/style.md says.\n"


#: Tracked files without sentences of ours.
WITHOUT_PROSE = re.compile(
    r"LICENSE|ops/style/words\.toml|examples/.*|benchmarks/(README\.md|plots/.*|results/.*)"
    r"|.*requirements(/\w+)*\.txt|.*/engines\.txt|.*\.(terraform\.lock\.hcl|pem|vtl)"
    r"|.*service_errors\.json"
    r"|tests/platform/(last_release|provider_6)\.json|ops/costs/resources\.json"
)


def test_every_tracked_file_is_read() -> None:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=settings.REPOSITORY, capture_output=True, check=True)
    tracked = {name for name in listed.stdout.decode().split("\0") if name}
    root = settings.REPOSITORY

    read = {file.relative_to(root).as_posix() for file in text_files(root, [root])}

    assert tracked
    assert {name for name in tracked - read if not WITHOUT_PROSE.fullmatch(name)} == set()
