"""Static checks of the Terraform files."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OperationError

ROOTS = ("", "bootstrap")


def check_terraform(folder: Path, data: Path, environment: Mapping[str, str]) -> None:
    """Check the format of all files and validate each root module.

    Parameters
    ----------
    folder
        The folder of the Terraform files.
    data
        Working folder for Terraform.
    environment
        Environment variables for Terraform.

    Raises
    ------
    OperationError
        With Terraform's error message.
    """
    _run(folder, environment, "Type 'make format'.", "fmt", "-check", "-recursive")
    for name in ROOTS:
        root = folder / name
        variables = {**environment, "TF_DATA_DIR": str(data / (name or "root"))}
        action = f"Correct the files of {root}."
        _run(
            root, variables, action, "init", "-backend=false", "-input=false", "-lockfile=readonly"
        )
        _run(root, variables, action, "validate")


def scan_terraform(folder: Path, scanner: Path) -> str:
    """Scan the files for insecure settings; return checkov's summary line.

    Intended findings are suppressed in the code, with the reason. Examples are left out: they
    consist of modules that are scanned anyway, and would double the time.

    Raises
    ------
    OperationError
        With the findings.
    """
    arguments = ["--framework", "terraform", "--quiet", "--compact", "--skip-download"]
    arguments += ["--skip-path", r"/modules/\w+/examples/"]
    result = subprocess.run(
        [str(scanner), "--directory", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise OperationError(
            f"checkov found in {folder}:\n{result.stdout.strip() or result.stderr.strip()}",
            "Fix them, or add '# checkov:skip=<check>:<reason>' to the block.",
        )
    return next((line for line in result.stdout.splitlines() if "Passed checks" in line), "")


def _run(folder: Path, environment: Mapping[str, str], action: str, *arguments: str) -> None:
    result = subprocess.run(
        ["terraform", arguments[0], "-no-color", *arguments[1:]],  # noqa: S607  from the PATH
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise OperationError(
            f"'terraform {arguments[0]}' in {folder}: {result.stderr.strip() or result.stdout}",
            action,
        )
