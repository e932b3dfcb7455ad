"""Plans of an environment with other values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tftest

from ops.terraform.environments import Environment
from tests.support.resources import Resource, planned_resources


def plan_with(
    terraform: tftest.TerraformTest, folder: Path, environment: str = "dev", **values: Any
) -> list[Resource]:
    """Return what an environment would have with other values."""
    file = folder / "other.tfvars.json"
    file.write_text(json.dumps({**Environment(environment).variables, **values}))
    plan = terraform.plan(tf_var_file=str(file), output=True)
    return planned_resources(plan)
