"""Functions import heavy libraries, such as boto3, only where they use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from ops.settings import REPOSITORY
from tests.support.flows import all_expectations, chosen

SOURCES = REPOSITORY / "lambda_src"
DEAR = ("boto3", "botocore", "pymysql", "requests", "jsonschema", "aws_lambda_powertools")
#: AWS's own, which take longest: loaded when first used.
NEVER = {"boto3", "botocore", "aws_lambda_powertools"}
#: The libraries that functions of no flow may import; those of flows are in their expectations.
OF_NO_FLOW: dict[str, Collection[str]] = {"api_keys.issue": ()}


def listed() -> dict[str, set[str]]:
    """Return the libraries that modules may import, as far as they are listed."""
    of_flows = [expected.libraries for expected in all_expectations().values()]
    found = of_flows if chosen() else [OF_NO_FLOW, *of_flows]
    return {module: set(libraries) for part in found for module, libraries in part.items()}


def functions() -> list[str]:
    """Return the module of every function that is tested."""
    packages = {module.partition(".")[0] for module in listed()} | {*all_expectations()}

    def is_function(file: Path) -> bool:
        text = file.read_text()
        return "\ndef handler(" in text or "\nhandler = " in text

    return sorted(
        f"{file.parent.name}.{file.stem}"
        for file in SOURCES.glob("*/*.py")
        if is_function(file) and (not chosen() or file.parent.name in packages)
    )


@pytest.mark.parametrize("module", functions())
def test_a_function_loads_what_it_uses_and_asks_for_nothing(module: str) -> None:
    """It is imported without any of its variables, as nothing may be read or opened by then."""
    script = (
        f"import json, sys, {module}\n"
        f"assert callable({module}.handler)\n"
        f"print(json.dumps([name for name in {DEAR} if name in sys.modules]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.defpath, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    loaded = set(json.loads(result.stdout))
    assert not loaded & NEVER
    assert loaded == listed().get(module, loaded)


def test_what_is_listed_is_there() -> None:
    assert set(listed()) <= set(functions())
