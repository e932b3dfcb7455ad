"""The engines behind stand-ins, each in an environment of its own that only the emulator imports.

An engine's folder is put at the end of this process's search path, which functions do not inherit.
Setup installs the engines that active flows name in their ``engines.txt``.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".venv-engines"
SQL = "sql"


class EngineMissing(Exception):  # noqa: N818  it says what to do
    """Setup did not install an engine."""


def use(name: str, folder: Path = FOLDER) -> None:
    """Make the libraries of an engine importable.

    Raises
    ------
    EngineMissing
        When setup did not install it.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = folder / name / "lib" / version / "site-packages"
    if not libraries.is_dir():
        raise EngineMissing(
            f"The engine '{name}' is not installed. "
            f"Put it into the engines.txt of the flow and type 'make setup'."
        )
    if str(libraries) not in sys.path:
        sys.path.append(str(libraries))
