"""Pin every library of the project: compile each ``*.in`` to a lock file with hashes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: The oldest supported Python; one lock serves the newer ones too.
PYTHON_VERSION = "3.11"


def lock(source: Path) -> None:
    """Compile one file; what a lock pins already changes only when it must be newer."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade"]
    command += ["--universal", "--python-version", PYTHON_VERSION, "--generate-hashes"]
    # Where the libraries came from and why is not part of what is locked.
    command += ["--no-header", "--no-annotate", "--no-emit-index-url"]
    command += [str(source), "--output-file", str(source.with_suffix(".txt"))]
    subprocess.run(command, check=True, cwd=REPOSITORY)


def main() -> None:
    """Lock everything."""
    files = [
        *sorted((REPOSITORY / "requirements").glob("*.in")),
        *sorted((REPOSITORY / "lambda_src").glob("*/requirements.in")),
    ]
    for file in files:
        print(f"lock {file.relative_to(REPOSITORY)}")
        lock(file)


if __name__ == "__main__":
    main()
