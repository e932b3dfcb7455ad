"""Which release runs in an environment, and whether it may be promoted or rolled back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.releases.artifacts import Artifacts, Release
from ops.terraform.environments import STAGES, Environment
from ops.terraform.runner import Terraform

ALIAS = "live"
DIGEST_LENGTH = 64


@dataclass(frozen=True)
class Deployment:
    """An environment in which releases run."""

    environment: Environment
    aws: Aws
    terraform: Terraform

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    @property
    def artifacts(self) -> Artifacts:
        """Its artifact bucket."""
        return Artifacts(self.aws.client("s3"), self.environment.artifact_bucket)

    def release(self) -> str | None:
        """Return the digest of the running release; None before the first apply."""
        history = self.history()
        return history[-1] if history else None

    def history(self) -> list[str]:
        """Return the digests of all releases in order; the last one is running."""
        client = self.aws.client("ssm")
        name = f"/{self.environment.variables.get('project', 'flowbridge')}/{self.name}/release"
        values: list[str] = []
        try:
            pages = client.get_paginator("get_parameter_history").paginate(Name=name)
            for version in (v for page in pages for v in page["Parameters"]):
                if not values or values[-1] != version["Value"]:
                    values.append(version["Value"])
        except client.exceptions.ParameterNotFound:
            return []
        return values

    def full_digest(self, digest: str) -> str:
        """Return the digest of a release that ran, given its beginning as commands print it.

        Raises
        ------
        OperationError
            When none or several begin with it.
        """
        if len(digest) == DIGEST_LENGTH:
            return digest
        found = {known for known in self.history() if known.startswith(digest)}
        if len(found) != 1:
            raise OperationError(
                f"{len(found) or 'No'} releases that ran in '{self.name}' have a digest that "
                f"begins with '{digest}'.",
                f"Check the environment, or give all {DIGEST_LENGTH} characters.",
            )
        return found.pop()

    def running(self) -> Release:
        """Return the running release.

        Raises
        ------
        OperationError
            When the environment was never applied or the manifest is missing.
        """
        digest = self.release()
        if digest is None:
            raise OperationError(
                f"'{self.name}' does not run a release yet.", self.environment.first_release
            )
        return self.artifacts.release(digest)

    def commit(self) -> str:
        """Return the commit of the running release.

        Raises
        ------
        OperationError
            When it is unknown, or the build had uncommitted changes.
        """
        running = self.running()
        origin = self.artifacts.origin(running.digest)
        if origin.commit is None or origin.is_changed:
            raise OperationError(
                f"The running release {running.short} of '{self.name}' was built from {origin}.",
                "Commit the changes, then release again from a git clone.",
            )
        return origin.commit

    def previous(self) -> str:
        """Return the newest earlier release whose last smoke test here passed.

        Raises
        ------
        OperationError
            When there is none, or the newest has no recorded smoke test.
        """
        name_it = f"make rollback ENV={self.name} RELEASE="
        for digest in reversed(_not_taken_back(self.history())[:-1]):
            test = self.artifacts.smoke_test(digest)
            if test is None:
                raise OperationError(
                    f"The previous release {digest[:12]} of '{self.name}' has no recorded smoke "
                    "test.",
                    f"If it worked, name it: {name_it}{digest}",
                )
            if test["passed"]:
                return digest
        raise OperationError(
            f"'{self.name}' has no earlier release that passed its last smoke test there.",
            f"Deploy a corrected release, or name an older one: {name_it}<digest>",
        )

    def foreign_code(self, release: Release, outputs: dict[str, Any]) -> list[str]:
        """Return a line for each function whose live code is not the release's."""
        client = self.aws.client("lambda")
        found = []
        for flow in outputs["flows"].values():
            for function in flow["functions"].values():
                package = release.packages.get(function["package"])
                live = client.get_function_configuration(
                    FunctionName=function["name"], Qualifier=ALIAS
                )["CodeSha256"]
                if package is None or live != package.sha256_base64:
                    found.append(f"{function['name']} runs code with SHA-256 {live}")
        return found

    def live_versions(self, outputs: dict[str, Any]) -> dict[str, str]:
        """Return the live version of each function, by name."""
        client = self.aws.client("lambda")
        return {
            function["name"]: client.get_alias(FunctionName=function["name"], Name=ALIAS)[
                "FunctionVersion"
            ]
            for flow in outputs["flows"].values()
            for function in flow["functions"].values()
        }

    def alarms(self) -> dict[str, str]:
        """Return the reasons of the environment's firing alarms, by alarm name."""
        pages = (
            self.aws.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{self.environment.prefix}-", StateValue="ALARM")
        )
        return {
            alarm["AlarmName"]: alarm.get("StateReason", "")
            for page in pages
            for alarm in page["MetricAlarms"]
            if alarm["StateValue"] == "ALARM"
        }

    def check_code(self, release: Release, outputs: dict[str, Any]) -> None:
        """Check that every function runs the release's bytes.

        Raises
        ------
        OperationError
            When functions do not; the message names them.
        """
        if foreign := self.foreign_code(release, outputs):
            raise OperationError(
                f"'{self.name}' does not run the bytes of release {release.short}: "
                + "; ".join(foreign)
                + ".",
                f"Apply it again ('make apply ENV={self.name}'). Find out who changed it.",
            )


def _not_taken_back(history: Iterable[str]) -> list[str]:
    """Return the releases that were not rolled back; the last one is running.

    A rollback to a release removes all releases after it, so a second rollback goes further back.
    """
    kept: list[str] = []
    for digest in history:
        if digest in kept:
            del kept[kept.index(digest) + 1 :]
        else:
            kept.append(digest)
    return kept


def check_stages(source: str, target: str) -> None:
    """Check that a promotion goes to the next stage.

    Raises
    ------
    OperationError
        When it skips a stage or goes backwards.
    """
    way = " -> ".join(STAGES)
    for name in (source, target):
        if name not in STAGES:
            raise OperationError(
                f"'{name}' is not a stage of a release ({way}).", "Choose one of these."
            )
    if STAGES.index(target) != STAGES.index(source) + 1:
        raise OperationError(
            f"A release cannot go from {source} to {target}; the stages are {way}.",
            "Promote to the next stage, or go back with 'make rollback'.",
        )


def promotable(source: Deployment) -> Release:
    """Return the source's release if it may be promoted.

    Raises
    ------
    OperationError
        When other bytes run there or its smoke test did not pass.
    """
    release = source.running()
    source.check_code(release, source.terraform.outputs())
    again = f"Type 'make smoke ENV={source.name}'."
    test = source.artifacts.smoke_test(release.digest)
    if test is None:
        raise OperationError(
            f"Release {release.short} had no smoke test in '{source.name}'.", again
        )
    if not test["passed"]:
        raise OperationError(
            f"The smoke test of release {release.short} failed in '{source.name}' at "
            f"{test['at']}: {test['detail']}",
            f"Correct it and release again. If the cause was elsewhere: {again}",
        )
    return release
