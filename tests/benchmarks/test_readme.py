from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import readme, results
from benchmarks.parts import PARTS
from benchmarks.results import Result

MACHINE = {
    "processor": "2 x Example",
    "memory": "8 GB",
    "system": "Linux 6, x86_64",
    "python": "3.13.0",
    "terraform": "1.11.4",
    "load": "0.1",
}


def result(part: str, data: dict[str, Any]) -> Result:
    return Result(part, f"make bench PART={part}", "2026-01-02", 12.3, MACHINE, data)


def test_a_page_shows_what_ran_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PARTS["packaging"], "render", lambda data: f"It took {data['x']} s.")
    result("packaging", {"x": 7}).save(tmp_path)

    readme.write(tmp_path, tmp_path / "README.md")

    page = (tmp_path / "README.md").read_text()
    assert "`make bench PART=packaging`, 2026-01-02, took 12 s on 2 x Example, 8 GB" in page
    assert "It took 7 s." in page
    assert page.count("\n## ") == 1  # nothing of parts that never ran


def test_the_committed_page_is_what_the_committed_results_give(tmp_path: Path) -> None:
    readme.write(results.FOLDER, tmp_path / "README.md")

    assert readme.FILE.read_text() == (tmp_path / "README.md").read_text()
