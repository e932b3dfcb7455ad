"""The checks of Terraform's files that need no environment."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops.errors import OperationError

ROOTS = ("", "bootstrap")


def check_terraform(folder: Path, data: Path, environment: Mapping[str, str]) -> None:
    """Check the format of all files, and validate each root module.

    Parameters
    ----------
    folder
        Terraform's folder.
    data
        Where Terraform may keep what it needs for the checks.
    environment
        Environment variables for Terraform.

    Raises
    ------
    OperationError
        With Terraform's own words.
    """
    _run(folder, environment, "Type 'make format'.", "fmt", "-check", "-recursive")
    for name in ROOTS:
        root = folder / name
        variables = {**environment, "TF_DATA_DIR": str(data / (name or "root"))}
        mend = f"Correct the files of {root}."
        _run(root, variables, mend, "init", "-backend=false", "-input=false", "-lockfile=readonly")
        _run(root, variables, mend, "validate")


def scan_terraform(folder: Path, scanner: Path) -> str:
    """Scan the files for insecure settings; return how many checks passed.

    A finding that is meant is suppressed beside it, with the reason.

    Raises
    ------
    OperationError
        With the findings.
    """
    arguments = ["--framework", "terraform", "--quiet", "--compact", "--skip-download"]
    result = subprocess.run(
        [str(scanner), "--directory", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise OperationError(
            f"checkov found in {folder}:\n{result.stdout.strip() or result.stderr.strip()}",
            "Correct it, or put '# checkov:skip=<check>:<reason>' into its block.",
        )
    return next((line for line in result.stdout.splitlines() if "Passed checks" in line), "")


def _run(folder: Path, environment: Mapping[str, str], mend: str, *arguments: str) -> None:
    result = subprocess.run(
        ["terraform", *arguments],  # noqa: S607  wherever the user has it
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise OperationError(
            f"'terraform {arguments[0]}' in {folder}: {result.stderr.strip() or result.stdout}",
            mend,
        )
