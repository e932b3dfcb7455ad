"""The kind of a test follows from its folder: a marker to select by, and the option ``--kind``."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
#: The folder's name, and what its tests do.
KINDS = {
    "unit": "tests a module alone",
    "contract": "tests a definition or a document against its promises",
    "platform": "tests what Terraform plans and makes",
    "end_to_end": "tests a running environment",
    "faults": "breaks parts of a running environment",
    "hostile": "sends hostile input",
}


def kind_of(path: Path) -> str:
    """Return the kind of the tests in a file; without a folder of a kind they are unit tests."""
    parents = path.relative_to(TESTS).parent.parts
    return next((name for name in reversed(parents) if name in KINDS), "unit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--kind``, which may be given more than once."""
    parser.addoption("--kind", action="append", choices=[*KINDS], help="only tests of this kind")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for name, meaning in KINDS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}; set by the folder")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files of other kinds out before they are imported."""
    kinds: list[str] | None = config.getoption("--kind")
    is_test = collection_path.match("test_*.py") and collection_path.is_relative_to(TESTS)
    return True if kinds and is_test and kind_of(collection_path) not in kinds else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test with its kind."""
    if item.path.is_relative_to(TESTS):
        item.add_marker(kind_of(item.path))
