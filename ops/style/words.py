"""Find the words that ``words.toml`` rejects, in every text that people read.

These are comments, docstrings, messages and descriptions. Code, quotations, generated files and the
data of tests are exempt.
"""

from __future__ import annotations

import ast
import io
import itertools
import os
import re
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

WORDS_FILE = Path(__file__).with_name("words.toml")

#: Folders without texts of ours: tools' own, builds, and the input that examples and tests quote.
SKIPPED_FOLDERS = frozenset({"__pycache__", "dist", "cache", "plots", "results"})
#: `benchmarks/README.md` is generated from texts that are checked.
SKIPPED = frozenset({"examples", "ops/style/words.toml", "benchmarks/README.md", "LICENSE"})
SUFFIXES = frozenset(
    {".py", ".md", ".tf", ".tfvars", ".tfbackend", ".tftpl", ".toml", ".j2", ".in", ".sql"}
    | {".yml", ".yaml", ".html", ".txt", ".js", ".css", ".asl", ".editorconfig", ".gitignore"}
)
NAMES = frozenset({"Makefile", "CODEOWNERS", "run"})
#: JSON files that hold descriptions, comments and reasons.
JSON_SUFFIXES = (".schema.json", ".asl.json", "deploy_rights.json", "quotas.json")

LEADER = re.compile(r"^[ \t]*(?:#+|//+|--+|/\*+|\*|<!--)(?=\s|$)", re.MULTILINE)
FENCE = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.MULTILINE | re.DOTALL)
#: Parts that `make docs` writes from texts that are checked, and recorded output.
GENERATED = re.compile(r"<!-- ([a-z]+)\b[^>]*-->\n.*?<!-- end of \1\b[^>]*-->", re.DOTALL)
QUOTE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
#: Between backticks is code, over one end of a line at most.
CODE = re.compile(r"(`+)(?!`)[^`\n]+\n?[^`\n]*\1")
TARGET = re.compile(r"\]\([^)\s]*\)")


class Word(NamedTuple):
    """A rejected word."""

    rejected: str
    pattern: re.Pattern[str]
    use: str
    bad: list[str]
    good: list[str]


class Text(NamedTuple):
    """Some prose and the lines on which it stands."""

    content: str
    first_line: int
    last_line: int


class Finding(NamedTuple):
    """A rejected word in a file."""

    file: Path
    line: int
    found: str
    use: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: '{self.found}': use {self.use}"


@cache
def rejected_words() -> tuple[Word, ...]:
    """Return the words of ``words.toml``."""
    content = tomllib.loads(WORDS_FILE.read_text(encoding="utf-8"))
    return tuple(
        Word(
            entry["rejected"],
            # A line may end within a phrase.
            re.compile(entry["pattern"].replace(" ", r"\s+"), re.IGNORECASE),
            entry["use"],
            entry["bad"],
            entry["good"],
        )
        for entry in content["words"]
    )


def find_words(root: Path, paths: Iterable[Path] = ()) -> list[Finding]:
    """Return the rejected words in the files below a folder.

    Parameters
    ----------
    root
        The repository.
    paths
        Files and folders of it; all of it where there are none.
    """
    return [
        finding
        for file in text_files(root, paths or [root])
        for finding in check(file.read_text(encoding="utf-8"), file.relative_to(root))
    ]


def count_by_folder(findings: Iterable[Finding]) -> Counter[str]:
    """Return how many words each folder holds, two levels deep."""
    return Counter("/".join(finding.file.parent.parts[:2]) or "." for finding in findings)


def words_table() -> str:
    """Return the rejected words and their replacements as a Markdown table."""
    rows = [f"| `{word.rejected}` | {word.use} | `{word.bad[0]}` |" for word in rejected_words()]
    return "\n".join(["| rejected | use | rejected in |", "| --- | --- | --- |", *rows]) + "\n"


def check(source: str, file: Path) -> Iterator[Finding]:
    """Yield the rejected words in the content of a file."""
    lines = source.splitlines()
    found = {
        Finding(file, _line(lines, text, match), " ".join(match[0].split()), word.use)
        for text in texts(source, file)
        for content in [_without_code(text.content)]
        for word in rejected_words()
        for match in word.pattern.finditer(content)
    }
    yield from sorted(found)


def texts(source: str, file: Path) -> Iterator[Text]:
    """Yield the prose in the content of a file."""
    if file.suffix == ".py":
        # The strings of tests are data, and messages that the code under test holds too.
        yield from _python_texts(source, only_docstrings="tests" in file.parts)
        return
    if file.suffix == ".md":
        source = _blank(TARGET, _blank(QUOTE, _blank(FENCE, _blank(GENERATED, source))))
    yield Text(_blank(LEADER, source), 1, source.count("\n") + 1)


def text_files(root: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that hold prose, in order."""
    for path in paths:
        if path.is_file():
            yield path
            continue
        for folder, names, files in os.walk(path):
            here = Path(folder)
            names[:] = sorted(name for name in names if _is_ours(here / name, root))
            for name in sorted(files):
                file = here / name
                if _holds_prose(file) and file.relative_to(root).as_posix() not in SKIPPED:
                    yield file


def _is_ours(folder: Path, root: Path) -> bool:
    hidden = folder.name.startswith(".") and folder.name not in (".github", ".ci")
    skipped = folder.relative_to(root).as_posix() in SKIPPED
    return not (hidden or skipped or folder.name in SKIPPED_FOLDERS)


def _holds_prose(file: Path) -> bool:
    if file.suffix == ".txt" and file.with_suffix(".in").exists():
        return False  # a lock file
    return (
        file.suffix in SUFFIXES
        or file.name in NAMES | {".editorconfig", ".gitignore"}
        or file.name.endswith(JSON_SUFFIXES)
    )


def _python_texts(source: str, *, only_docstrings: bool) -> Iterator[Text]:
    comments = [
        (token.start[0], token.string.lstrip("#: "))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    # Comments on lines that follow each other are one text.
    for _, group in itertools.groupby(enumerate(comments), lambda item: item[1][0] - item[0]):
        block = [comment for _, comment in group]
        yield Text("\n".join(text for _, text in block), block[0][0], block[-1][0])
    yield from _strings(ast.parse(source), only_docstrings=only_docstrings)


def _strings(tree: ast.AST, *, only_docstrings: bool) -> Iterator[Text]:
    docstrings: set[int] = set()
    of_others: set[int] = set()
    strings: list[ast.Constant | ast.JoinedStr] = []
    # Once: the walk is most of the time of all files.
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.add(id(node.value))
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            strings.append(node)
            if isinstance(node, ast.JoinedStr):
                of_others |= {id(part) for part in node.values}
    for node in strings:
        if id(node) in of_others:
            continue
        content = _content(node)
        # One word alone is a name or a value.
        if (id(node) in docstrings or not only_docstrings) and len(content.split()) > 1:
            yield Text(content, node.lineno, node.end_lineno or node.lineno)


def _content(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
    )


def _without_code(text: str) -> str:
    return _blank(CODE, text)


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Return a text of the same length, with blanks in place of what matches."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _line(lines: list[str], text: Text, match: re.Match[str]) -> int:
    """Return the line of a match: the first of the text's that holds its first word."""
    within = match.string.count("\n", 0, match.start())
    if match.string.count("\n") == text.last_line - text.first_line:
        return text.first_line + within
    first = re.escape(match[0].split()[0])
    for number in range(text.first_line, text.last_line + 1):
        if re.search(rf"\b{first}\b", lines[number - 1]):
            return number
    return text.first_line
