"""The modules' examples, applied by pytest-terraform on an emulator, as its root modules.

An example by itself takes 20 s of processor time, most of it to start Terraform's provider four
times. Included in one root module, the examples share that, and Terraform waits for all of them at
once. pytest-terraform's fixtures would wait for one example after another, so its runner is used.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from unittest import mock

import hcl2
from pytest_terraform.tf import TerraformRunner

from ops.aws.clients import Aws
from ops.local.prepare import terraform_cli_config
from ops.settings import LOCAL
from ops.terraform.runner import FASTER, ROOT, differences
from tests.support.emulator import running_emulator

FOLDER = ROOT / "modules"
MODULES = sorted(folder.name for folder in FOLDER.iterdir() if (folder / "main.tf").exists())
EXAMPLE = Path("examples", "basic")
#: Terraform waits 50 s for two queues when it creates, and 45 s for CloudFront when it destroys.
#: Each group has its own root module, so that two processes of pytest wait for both at once.
SITES, OTHERS = "sites", "others"
GROUPS = {module: SITES if module == "web_site" else OTHERS for module in MODULES}

#: Most resources only wait.
PARALLELISM = "-parallelism=60"
#: The exit code of a plan with -detailed-exitcode.
PLAN_HAS_CHANGES = 2
#: The example's whole configuration of the provider.
PROVIDER = 'provider "aws" {}\n'
HCL_OPTIONS = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False)


class Examples:
    """The examples of some modules, in one root module.

    Parameters
    ----------
    folder
        An empty folder for copies of the modules and the root module.
    aws
        The emulator's account.
    """

    def __init__(self, folder: Path, aws: Aws) -> None:
        self.aws = aws
        self._folder = folder
        self._outputs: dict[str, Any] = {}
        self._runner = self._new_runner(folder / "terraform.tfstate")

    def apply(self, modules: Iterable[str]) -> None:
        """Apply the examples; pytest-terraform destroys what was created if that fails."""
        write_root(modules, self._folder, self.aws.variables()["AWS_ENDPOINT_URL"])
        with self._environment():
            self._runner.init()
            self._outputs = self._runner.apply().outputs

    def outputs(self, module: str) -> dict[str, Any]:
        """Return the outputs of a module's example."""
        values: dict[str, Any] = self._outputs[module]["value"]
        return values

    @cached_property
    def planned_changes(self) -> list[str]:
        """The changes of a new plan, one a line."""
        plan = self._folder / "new.tfplan"
        try:
            with self._environment(plan="-detailed-exitcode"):
                self._runner.plan(output=str(plan))
        except subprocess.CalledProcessError as error:
            if error.returncode != PLAN_HAS_CHANGES:
                raise
        else:
            return []
        # The runner reads a plan as it reads a state.
        with self._environment():
            return differences(self._new_runner(plan).show())

    def destroy(self) -> None:
        """Destroy the examples."""
        with self._environment():
            self._runner.destroy()

    def _new_runner(self, state: Path) -> Any:  # it ships no types
        return cast(Any, TerraformRunner)(
            str(self._folder / "work"),
            state_path=str(state),
            module_dir=str(self._folder / "root"),
            tf_bin=shutil.which("terraform"),
        )

    @contextmanager
    def _environment(self, plan: str = "") -> Iterator[None]:
        """Set Terraform's environment variables, which the runner takes from this process.

        `plan` is one more argument of that command.
        """
        variables = {
            **FASTER,
            **self.aws.variables(),
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_ARGS_plan": f"{PARALLELISM} {plan}",
            "TF_CLI_ARGS_apply": PARALLELISM,
            "TF_CLI_ARGS_destroy": PARALLELISM,
        }
        if (configuration := terraform_cli_config()) is not None:
            variables["TF_CLI_CONFIG_FILE"] = str(configuration)
        with mock.patch.dict(os.environ, variables):
            yield


@contextmanager
def applied(modules: Iterable[str], folder: Path) -> Iterator[Examples]:
    """Apply the examples on an emulator of their own, which takes along what is left."""
    with running_emulator(folder) as settings:
        examples = Examples(folder, Aws(LOCAL, settings))
        examples.apply(modules)
        yield examples


def write_root(modules: Iterable[str], folder: Path, endpoint: str) -> None:
    """Copy the modules, prepare their examples, and write the root module that includes them."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.zip")
    shutil.copytree(FOLDER, folder / "modules", ignore=ignored)
    # Named, because Terraform only finds it so for an example that hands it on under another name.
    blocks = [PROVIDER]
    for module in modules:
        example = folder / "modules" / module / EXAMPLE
        inherit_provider(example / "main.tf")
        build_packages(example)
        override_emulator(example, endpoint)
        blocks.append(
            f'module "{module}" {{\n  source    = "../modules/{module}/{EXAMPLE}"\n'
            f"  providers = {{ aws = aws }}\n}}\n\n"
            f'output "{module}" {{\n  value     = module.{module}\n  sensitive = true\n}}\n'
        )
    root = folder / "root"
    root.mkdir()
    shutil.copy(ROOT / ".terraform.lock.hcl", root)
    (root / "main.tf").write_text("\n".join(blocks))


def inherit_provider(file: Path) -> None:
    """Remove an example's provider, so that all examples share one process of it."""
    text = file.read_text()
    assert text.count(PROVIDER) == 1, f"{file} has no line '{PROVIDER.strip()}'."
    file.write_text(text.replace(PROVIDER, ""))


def build_packages(example: Path) -> None:
    """Run the commands that build an example's packages, as its comments give them."""
    for line in (example / "main.tf").read_text().splitlines():
        if match := re.search(r"# Build .*: python3 (-m zipfile .+)$", line):
            command = [sys.executable, *shlex.split(match[1])]
            subprocess.run(command, cwd=example, check=True)


def override_emulator(example: Path, endpoint: str) -> None:
    """Give the emulator to the modules of an example, which otherwise refuse plain HTTP."""
    emulator = f'{{ endpoint = "{endpoint}" }}'
    blocks = []
    for name, body in blocks_of(example / "main.tf", "module").items():
        variables = blocks_of(example / body["source"] / "variables.tf", "variable")
        if "emulator" in variables:
            blocks.append(f'module "{name}" {{\n  emulator = {emulator}\n}}\n')
        elif isinstance(body.get("platform"), str):
            platform = body["platform"].removeprefix("${").removesuffix("}")
            merged = f"merge({platform}, {{ emulator = {emulator} }})"
            blocks.append(f'module "{name}" {{\n  platform = {merged}\n}}\n')
    # Terraform merges a file of this name into the others.
    (example / "emulator_override.tf").write_text("\n".join(blocks))


def blocks_of(file: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Return a file's blocks of one kind with one label, such as variables, by name."""
    with file.open() as stream:
        content = hcl2.load(stream, serialization_options=HCL_OPTIONS)
    return {name: body for block in content.get(kind, []) for name, body in block.items()}
