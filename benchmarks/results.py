"""Save the result of each part, so that the README can show parts that ran at different times."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Result:
    """One run of one part.

    `machine` comes from `benchmarks.machine`; the part defines `data`.
    """

    part: str
    command: str
    date: str
    took_seconds: float
    machine: dict[str, str]
    data: dict[str, Any]

    def save(self, folder: Path = FOLDER) -> None:
        """Replace the part's last result atomically."""
        folder.mkdir(exist_ok=True)
        partial = folder / f"{self.part}.partial"
        partial.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
        os.replace(partial, folder / f"{self.part}.json")


def load(part: str, folder: Path = FOLDER) -> Result | None:
    """Return the part's last result, None if it never ran."""
    file = folder / f"{part}.json"
    return Result(**json.loads(file.read_text())) if file.exists() else None
