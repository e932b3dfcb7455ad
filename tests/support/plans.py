"""Plans of an environment with other values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import tftest

from ops.terraform.environments import Environment
from ops.terraform.links import link_with_flows
from tests.support.resources import Resource, planned_resources


def first_flow(environment: str = "dev") -> dict[str, Any]:
    """Return the settings of the first flow, for what is about the platform and no flow."""
    flows = Environment(environment).variables["flows"]
    return dict([next(iter(flows.items()))])


def plan_with(
    terraform: tftest.TerraformTest, folder: Path, environment: str = "dev", **values: Any
) -> list[Resource]:
    """Return what an environment would have with other values."""
    terraform, file = given(terraform, folder, {**Environment(environment).variables, **values})
    return planned_resources(terraform.plan(tf_var_file=str(file), output=True))


def given(
    terraform: tftest.TerraformTest, folder: Path, values: Mapping[str, Any]
) -> tuple[tftest.TerraformTest, Path]:
    """Return Terraform for these values, and their file.

    The root module has the blocks of their flows alone: Terraform examines the modules of every
    block, two seconds for each flow and plan.
    """
    file = folder / "other.tfvars.json"
    file.write_text(json.dumps(values))
    copy = folder / "root" / "terraform"
    link_with_flows(Path(terraform.tfdir), copy, values["flows"])
    new = cast(Any, tftest.TerraformTest)  # it ships no types
    return new(str(copy), env=terraform.env), file


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
