"""Render a flow's templates with Terraform's own ``templatefile``."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.errors import OperationError
from ops.settings import REPOSITORY

FLOWS = REPOSITORY / "terraform" / "flows"
STATE_MACHINE = "state_machine.asl.json.tftpl"
OPENAPI = "openapi.yaml.tftpl"
#: Long expressions of a flow's state machine, which its template gets as ``expressions``.
EXPRESSIONS = "expressions.yaml"


def render(template: Path, variables: Mapping[str, Any]) -> str:
    """Render a template with variables.

    Raises
    ------
    OperationError
        When the template is broken or a variable is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "variables.json").write_text(json.dumps(variables))
        given = 'jsondecode(file("variables.json"))'
        if (file := template.parent / EXPRESSIONS).exists():
            read = f"yamldecode(templatefile({json.dumps(str(file))}, {given}))"
            given = f"merge({given}, {{ expressions = {read} }})"
        # base64 protects the text from the console's quoting.
        expression = f"base64encode(templatefile({json.dumps(str(template))}, {given}))\n"
        result = subprocess.run(
            ["terraform", "console"],  # noqa: S607  from the PATH
            input=expression,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
    if result.returncode != 0:
        raise OperationError(
            f"{template} cannot be rendered: {result.stderr.strip()}", "Correct the template."
        )
    return base64.b64decode(result.stdout.strip().strip('"')).decode()


def flow_names() -> list[str]:
    """Return the names of the flows."""
    return sorted(file.parent.name for file in FLOWS.glob(f"*/{STATE_MACHINE}"))


def definition_templates(flow: str) -> list[Path]:
    """Return the templates of a flow's state machines."""
    return sorted((FLOWS / flow).glob("*.asl.json.tftpl"))
