"""Packaging: ``build/package.py`` and ``sam build``, with the same handlers and requirements."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.commands import timed
from benchmarks.figures import median, paired_ratio, seconds, table, verdict
from benchmarks.flows import benchmarks
from ops.settings import REPOSITORY

TITLE = "Packaging"
SAM_ENVIRONMENT = REPOSITORY / ".venv-bench"
REPEATS = 3
#: Required speedup over SAM in each case.
AIMS = {"cold": 5.0, "one file changed": 1.0, "nothing changed": 20.0}
#: The file of a function, with its package.
CHANGED_FILE = next(
    f"{function.package}/{name}.py"
    for flow in benchmarks().values()
    for name, function in flow.functions.items()
)

FUNCTION = """\
  {resource}:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {package}
      Handler: {package}.handler
      Runtime: {runtime}
"""


class Ours:
    """A copy of our sources and of ``build/package.py``."""

    def __init__(self, folder: Path, pip_cache: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "PIP_CACHE_DIR": str(pip_cache)}
        (folder / "build").mkdir(parents=True)
        shutil.copy(REPOSITORY / "build" / "package.py", folder / "build")
        copy(REPOSITORY / "lambda_src", folder / "lambda_src")

    def build(self) -> float:
        """Build the changed packages; return the seconds."""
        return timed([sys.executable, "build/package.py"], self._folder, self._environment)

    def change(self, text: str) -> None:
        """Change one file of one package."""
        append(self._folder / "lambda_src" / CHANGED_FILE, text)

    def sizes(self) -> dict[str, int]:
        """Return the size of each zip in bytes."""
        zips = (self._folder / "build" / "dist").glob("*.zip")
        return {file.stem: file.stat().st_size for file in sorted(zips)}


class Sam:
    """The same sources in SAM's layout: a folder and a function for each package."""

    def __init__(self, folder: Path, pip_cache: Path) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "PATH": f"{SAM_ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
            "PIP_CACHE_DIR": str(pip_cache),
            # Telemetry would take time.
            "SAM_CLI_TELEMETRY": "0",
        }
        sources = REPOSITORY / "lambda_src"
        packages = [file.parent.name for file in sorted(sources.glob("*/package.toml"))]
        for package in packages:
            settings = tomllib.loads((sources / package / "package.toml").read_text())
            for entry in (package, *settings.get("include", ())):
                copy(sources / entry, folder / package / entry)
            for name in ("package.toml", "requirements.in"):
                (folder / package / package / name).unlink()
            own = folder / package / package / "requirements.txt"
            own.rename(folder / package / "requirements.txt")
        (folder / "template.yaml").write_text(template(packages))

    def build(self, *options: str) -> float:
        """Build all packages; return the seconds."""
        command = [str(SAM_ENVIRONMENT / "bin" / "sam"), "build", "--parallel", *options]
        return timed(command, self._folder, self._environment)

    def change(self, text: str) -> None:
        """Change one file of one package."""
        package = CHANGED_FILE.split("/", maxsplit=1)[0]
        append(self._folder / package / CHANGED_FILE, text)

    def sizes(self) -> dict[str, int]:
        """Return the size of each zip in bytes, made of SAM's folders with zlib's best level."""
        built = self._folder / ".aws-sam" / "build"
        folders = sorted(folder for folder in built.iterdir() if folder.is_dir())
        return {package_of(folder.name): zipped_size(folder) for folder in folders}


def template(packages: list[str]) -> str:
    """Return SAM's template with one function for each package."""
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    head = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n"
    functions = [
        FUNCTION.format(resource=resource_of(package), package=package, runtime=runtime)
        for package in packages
    ]
    return f"{head}Resources:\n{''.join(functions)}"


def resource_of(package: str) -> str:
    """Return a package's name in the template, which allows only letters and digits."""
    return "".join(word.capitalize() for word in package.split("_"))


def package_of(resource: str) -> str:
    """Return the package for a name in the template."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in resource).removeprefix("_")


def zipped_size(folder: Path) -> int:
    """Return the size in bytes of a folder's zip, with zlib's best level."""
    with tempfile.TemporaryFile() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(folder))
        return stream.tell()


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, without bytecode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def append(file: Path, text: str) -> None:
    """Append a comment to a file."""
    with file.open("a") as stream:
        stream.write(f"\n# {text}\n")


def measure() -> dict[str, Any]:
    """Measure both tools in turn in each case; each round starts without caches."""
    cases: dict[str, dict[str, list[float]]] = {case: {"sam": [], "ours": []} for case in AIMS}
    sizes: dict[str, dict[str, int]] = {}
    for number in range(REPEATS):
        with tempfile.TemporaryDirectory(prefix="bench-packaging-") as work:
            folder = Path(work)
            sam = Sam(folder / "sam", folder / "pip-of-sam")
            ours = Ours(folder / "ours", folder / "pip-of-ours")
            cases["cold"]["sam"].append(sam.build())
            cases["cold"]["ours"].append(ours.build())
            sizes = {"sam": sam.sizes(), "ours": ours.sizes()}
            # Fill SAM's cache, which the next cases use.
            sam.build("--cached")
            cases["nothing changed"]["sam"].append(sam.build("--cached"))
            cases["nothing changed"]["ours"].append(ours.build())
            for tool in (sam, ours):
                tool.change(f"changed in round {number}")
            cases["one file changed"]["sam"].append(sam.build("--cached"))
            cases["one file changed"]["ours"].append(ours.build())
        print(f"  round {number + 1} of {REPEATS}")
    return {"repeats": REPEATS, "cases": cases, "sizes": sizes}


def render(data: dict[str, Any]) -> str:
    """Return the part's section."""
    rows = []
    for case, times in data["cases"].items():
        ratio = paired_ratio(times["sam"], times["ours"])
        aim = AIMS[case]
        cells = [case, f"{ratio:.1f}", f"{aim:.0f}", verdict(ratio >= aim)]
        rows.append([*cells, seconds(median(times["sam"])), seconds(median(times["ours"]))])
    head = ["case", "speedup", "aim", "", "`sam build`", "ours"]
    sizes = data["sizes"]
    bytes_rows = [
        [
            package,
            f"{ours / sizes['sam'][package]:.3f}",
            verdict(ours <= sizes["sam"][package]),
            f"{sizes['sam'][package]:,}",
            f"{ours:,}",
        ]
        for package, ours in sizes["ours"].items()
    ]
    bytes_head = ["zip", "size, ours / SAM's", "", "SAM's in bytes", "ours in bytes"]
    return "\n\n".join([ABOUT, table(head, rows), table(bytes_head, bytes_rows), TRIED])


ABOUT = f"""\
`build/package.py` compared with `sam build --parallel` (without Docker), in {REPEATS} rounds in
turn. The speedup is the median of the ratios of each pair. "Cold" is without any cache, including
pip's; in the other two cases SAM uses `--cached`. Ours produces zips and a manifest. SAM produces
folders that are zipped later; that time is not counted, and its sizes use zlib's best level."""

TRIED = """\
Where the time goes, and what was tried:

- Cold: one call of pip downloads shared libraries, and each file is compressed once. Most of the
  rest is pip. uv needs a tenth of its time but is not used: it reads other settings (mirrors,
  certificates, proxies) than pip, which SAM and the machine's setup use, and it prefers wheels with
  native code if both kinds exist.
- Nothing changed: half of the time is the start of Python and its standard library. Modules that
  only a build needs are imported during a build; this saved a third.
- Level 10 of libdeflate is used, not 12: half the time for 0.2 % more bytes. Level 9 would save
  little time and add 2.5 %."""
