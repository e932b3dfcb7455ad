"""Pin every library: compile each ``*.in`` file to a lock file with hashes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: The oldest supported Python. With --universal, newer versions use the same lock file.
PYTHON_VERSION = "3.11"


#: Tests run the functions' code, so their environment has the libraries of every package.
TESTS = REPOSITORY / "requirements" / "dev.in"


def lock(source: Path, *more: Path) -> None:
    """Compile a file, with more that it includes, to its lock file of the newest versions."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade"]
    command += ["--universal", "--python-version", PYTHON_VERSION, "--generate-hashes"]
    # Lock files must not depend on the index or on the command line.
    command += ["--no-header", "--no-annotate", "--no-emit-index-url"]
    command += [*map(str, (source, *more)), "--output-file", str(source.with_suffix(".txt"))]
    subprocess.run(command, check=True, cwd=REPOSITORY)


def main() -> None:
    """Compile all lock files."""
    packages = sorted((REPOSITORY / "lambda_src").glob("*/requirements.in"))
    for file in [*sorted((REPOSITORY / "requirements").rglob("*.in")), *packages]:
        print(f"lock {file.relative_to(REPOSITORY)}")
        lock(file, *(packages if file == TESTS else ()))


if __name__ == "__main__":
    main()
