"""Plans of an environment with other values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

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


def plan_modules(
    terraform: tftest.TerraformTest, folder: Path, modules: Mapping[str, Mapping[str, Any]]
) -> list[Resource]:
    """Return what a root module in an empty folder would have that calls some modules.

    Parameters
    ----------
    terraform
        Terraform for an environment, of which only the process environment is used.
    folder
        The folder.
    modules
        The arguments of each call, ``source`` among them, by its name.
    """
    written = {"provider": {"aws": {"region": "us-east-1"}}, "module": modules}
    (folder / "main.tf.json").write_text(json.dumps(written))
    new = cast(Any, tftest.TerraformTest)  # it ships no types
    own = new(str(folder), env={**terraform.env, "TF_DATA_DIR": str(folder / "data")})
    own.setup(cleanup_on_exit=False)
    return planned_resources(own.plan(output=True))
