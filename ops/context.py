"""The objects that commands work with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ops import settings
from ops.aws.clients import Aws
from ops.local.environment import LocalEnvironment
from ops.releases.deployment import Deployment
from ops.terraform.environments import Environment
from ops.terraform.runner import Terraform


@dataclass(frozen=True)
class Context:
    """The parts of one environment, each created on first use."""

    environment: str

    @cached_property
    def local(self) -> LocalEnvironment:
        """The local environment."""
        return LocalEnvironment(settings.load())

    @cached_property
    def aws(self) -> Aws:
        """The environment's AWS clients."""
        return Aws(self.environment, self.local.settings)

    @cached_property
    def terraform(self) -> Terraform:
        """The environment's Terraform."""
        return Terraform(self.environment, self.local.settings, self.aws)

    @cached_property
    def deployment(self) -> Deployment:
        """The environment's releases."""
        return Deployment(Environment.named(self.environment), self.aws, self.terraform)

    @classmethod
    def reachable(cls, environment: str) -> Context:
        """Return the context of an environment after checking that it is reachable.

        Raises
        ------
        OperationError
            When the emulator is down or the credentials belong to another account.
        """
        context = cls(environment)
        if context.aws.emulated:
            context.local.require_up()
        context.aws.require_account()
        return context
