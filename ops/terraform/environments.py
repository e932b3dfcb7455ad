"""Read the files of ``terraform/envs``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import hcl2

from ops.errors import OperationError
from ops.settings import LOCAL, REPOSITORY

#: The stages of a release, in order. `local` is not one: it runs the last local build.
STAGES = ("dev", "qa", "prd")
#: Environments that run the last local build; the others run promoted releases.
FOLLOW_THE_BUILD = (LOCAL, STAGES[0])
FOLDER = REPOSITORY / "terraform" / "envs"


@dataclass(frozen=True)
class Environment:
    """One environment and its two files: variables and state backend."""

    name: str

    @classmethod
    def named(cls, name: str) -> Environment:
        """Return the environment with this name.

        Raises
        ------
        OperationError
            When one of its files is missing.
        """
        environment = cls(name)
        for file in (environment.variables_file, environment.backend_file):
            if not file.exists():
                raise OperationError(
                    f"There is no environment '{name}': {file} is missing.",
                    f"Choose one of: {', '.join(names())}.",
                )
        return environment

    @property
    def variables_file(self) -> Path:
        """The values of the root module's variables."""
        return FOLDER / f"{self.name}.tfvars"

    @property
    def backend_file(self) -> Path:
        """The bucket, key and region of the state."""
        return FOLDER / f"{self.name}.s3.tfbackend"

    @cached_property
    def variables(self) -> dict[str, Any]:
        """The values of the variables file."""
        return read_hcl(self.variables_file)

    @property
    def first_release(self) -> str:
        """The sentence that says how the environment gets its first release."""
        if self.name == LOCAL:
            return "Type 'make demo'."
        if self.name in FOLLOW_THE_BUILD:
            return f"Type 'make apply ENV={self.name}'."
        source = STAGES[STAGES.index(self.name) - 1]
        return f"Type 'make promote FROM={source} TO={self.name}'."

    @property
    def account_id(self) -> str:
        """The AWS account of the environment."""
        return str(self.variables["account_id"])

    @property
    def region(self) -> str:
        """The AWS region."""
        return str(self.variables["region"])

    @property
    def prefix(self) -> str:
        """The prefix of every name, such as ``flowbridge-dev``."""
        return f"{self.variables.get('project', 'flowbridge')}-{self.name}"

    @property
    def state_bucket(self) -> str:
        """The bucket of Terraform's state."""
        return str(read_hcl(self.backend_file)["bucket"])

    @property
    def state_key(self) -> str:
        """The object of Terraform's state in its bucket."""
        return str(read_hcl(self.backend_file)["key"])

    @property
    def tags(self) -> dict[str, str]:
        """The tags that every resource of the environment has, see ``terraform/providers.tf``."""
        return {
            "project": str(self.variables.get("project", "flowbridge")),
            "environment": self.name,
        }

    @property
    def artifact_bucket(self) -> str:
        """The bucket of the releases' packages, named by ``terraform/bootstrap``."""
        return f"{self.prefix}-artifacts-{self.account_id}"


def names() -> list[str]:
    """Return the names of the environments that have a variables file."""
    return sorted(file.stem for file in FOLDER.glob("*.tfvars"))


def read_hcl(file: Path) -> dict[str, Any]:
    """Return the values of a ``.tfvars`` or ``.tfbackend`` file."""
    options = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False)
    with file.open() as stream:
        values: dict[str, Any] = hcl2.load(stream, serialization_options=options)
    return values
