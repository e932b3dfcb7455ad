"""Functions import heavy libraries, such as boto3, only where they use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.settings import REPOSITORY

SOURCES = REPOSITORY / "lambda_src"
DEAR = ("boto3", "botocore", "pymysql", "requests", "jsonschema", "aws_lambda_powertools")
#: AWS's own, which take longest: loaded when first used.
NEVER = {"boto3", "botocore", "aws_lambda_powertools"}
#: The libraries that functions with a waiting caller may import.
LOADED = {
    "crm_registration.receive_lead": set(),
    "crm_registration.create_client": {"requests"},
    "crm_registration.create_partner": {"requests"},
    "crm_registration.create_benefit": {"requests"},
    "crm_registration.catch_errors": set(),
    "crm.create_client_back": {"pymysql"},
    "crm.create_partner_back": {"pymysql"},
    "crm.create_benefit_back": {"pymysql"},
    "crm.migrate": {"pymysql"},
    "crm.count_rows": {"pymysql"},
    "crm.remove_synthetic": {"pymysql"},
    "api_keys.issue": set(),
    "user_onboarding.sign_up": set(),
    "user_onboarding.receive_signup": set(),
    "user_onboarding.notify_team": {"requests"},
    "user_onboarding.catch_errors": set(),
    "crm_registration.put_lead": set(),
}


def functions() -> list[str]:
    """Return the module of every function."""

    def is_function(file: Path) -> bool:
        text = file.read_text()
        return "\ndef handler(" in text or "\nhandler = " in text

    return sorted(
        f"{file.parent.name}.{file.stem}" for file in SOURCES.glob("*/*.py") if is_function(file)
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
    assert loaded == LOADED.get(module, loaded)


def test_what_is_listed_is_there() -> None:
    assert set(LOADED) <= set(functions())
