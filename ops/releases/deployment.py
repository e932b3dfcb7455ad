"""Which release runs where, and how it gets from one environment to the next and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.releases.artifacts import Artifacts, Release
from ops.settings import LOCAL
from ops.terraform.environments import Environment
from ops.terraform.runner import Terraform

#: The way of a release. `local` stands beside it: it runs what was built here.
STAGES = ("dev", "qa", "prd")
#: Environments that run what was built here; the others run what was promoted to them.
FOLLOW_THE_BUILD = (LOCAL, STAGES[0])
ALIAS = "live"


@dataclass(frozen=True)
class Deployment:
    """An environment as releases see it."""

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
        """Return the digest of the release that runs, or nothing before the first apply."""
        history = self.history()
        return history[-1] if history else None

    def history(self) -> list[str]:
        """Return the releases that ran, the one that runs last; each change once."""
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

    def running(self) -> Release:
        """Return the release that runs.

        Raises
        ------
        OperationError
            When the environment was never applied, or its release's manifest is gone.
        """
        digest = self.release()
        if digest is None:
            raise OperationError(
                f"'{self.name}' runs no release yet.", f"Type 'make apply ENV={self.name}'."
            )
        return self.artifacts.release(digest)

    def commit(self) -> str:
        """Return the commit that the release that runs was built from.

        Raises
        ------
        OperationError
            When that is not known, or it was built from more than a commit.
        """
        running = self.running()
        origin = self.artifacts.origin(running.digest)
        if origin.commit is None or origin.is_changed:
            raise OperationError(
                f"Release {running.short}, which runs in '{self.name}', was built from {origin}.",
                "Release again what is committed, from a clone of the repository.",
            )
        return origin.commit

    def previous(self) -> str:
        """Return the newest release before the one that runs whose last smoke test here passed.

        Raises
        ------
        OperationError
            When there is none, or it is not known of the newest whether it passed.
        """
        name_it = f"make rollback ENV={self.name} RELEASE="
        for digest in reversed(_not_taken_back(self.history())[:-1]):
            test = self.artifacts.smoke_test(digest)
            if test is None:
                raise OperationError(
                    f"Release {digest[:12]} ran in '{self.name}' before, and no smoke test of it "
                    "is on record there.",
                    f"If it did its work, name it: {name_it}{digest}",
                )
            if test["passed"]:
                return digest
        raise OperationError(
            f"'{self.name}' has no release to go back to: none that ran before, and was not taken "
            "back, passed its last smoke test there.",
            f"Put a corrected release there, or name an older one: {name_it}<digest>",
        )

    def foreign_code(self, release: Release, outputs: dict[str, Any]) -> list[str]:
        """Return the functions whose live code is not the release's, a line each."""
        client = self.aws.client("lambda")
        found = []
        for flow in outputs["functions"].values():
            for function in flow.values():
                package = release.packages.get(function["package"])
                live = client.get_function_configuration(
                    FunctionName=function["name"], Qualifier=ALIAS
                )["CodeSha256"]
                if package is None or live != package.sha256_base64:
                    found.append(f"{function['name']} runs code with SHA-256 {live}")
        return found

    def live_versions(self, outputs: dict[str, Any]) -> dict[str, str]:
        """Return the version of each function, by name, that has the calls now."""
        client = self.aws.client("lambda")
        return {
            function["name"]: client.get_alias(FunctionName=function["name"], Name=ALIAS)[
                "FunctionVersion"
            ]
            for flow in outputs["functions"].values()
            for function in flow.values()
        }

    def alarms(self) -> dict[str, str]:
        """Return the environment's alarms that are raised, with the reason of each by its name."""
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
        """Refuse when a function runs other bytes than the release's.

        Raises
        ------
        OperationError
            Naming the functions.
        """
        if foreign := self.foreign_code(release, outputs):
            raise OperationError(
                f"'{self.name}' does not run the bytes of release {release.short}: "
                + "; ".join(foreign)
                + ".",
                f"Apply it again ('make apply ENV={self.name}'), and find out who changed it.",
            )


def _not_taken_back(history: Iterable[str]) -> list[str]:
    """Return the releases that led to the one that runs, which is the last.

    A return to a release takes back whatever ran after it, so that a second return goes on to what
    was before, and not forth again.
    """
    kept: list[str] = []
    for digest in history:
        if digest in kept:
            del kept[kept.index(digest) + 1 :]
        else:
            kept.append(digest)
    return kept


def check_stages(source: str, target: str) -> None:
    """Refuse a promotion that leaves a stage out or goes backwards.

    Raises
    ------
    OperationError
        Naming the way.
    """
    way = " -> ".join(STAGES)
    for name in (source, target):
        if name not in STAGES:
            raise OperationError(
                f"'{name}' is not on the way of a release, {way}.", "Choose one of these."
            )
    if STAGES.index(target) != STAGES.index(source) + 1:
        raise OperationError(
            f"A release goes {way}, one stage at a time, not from {source} to {target}.",
            "Promote to the next stage, or take back with 'make rollback'.",
        )


def promotable(source: Deployment) -> Release:
    """Return the source's release, when it may go on.

    Raises
    ------
    OperationError
        When other bytes run there, or its smoke test did not pass.
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
            f"Correct it and release again. When the cause was elsewhere: {again}",
        )
    return release
