"""Which release runs in an environment, and whether it may be promoted or rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.flow import Workflow, state_machines_of
from ops.releases import code
from ops.releases.artifacts import Artifacts, Release
from ops.releases.canary import Canaries, Versions, ask_guard
from ops.terraform.environments import STAGES, Environment
from ops.terraform.runner import Terraform

DIGEST_LENGTH = 64
#: The attributes of a queue that count its messages: visible, and being read.
DEPTH = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


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
        name = self._parameter("release")
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
        """Return the digest of a stored release, given its beginning as commands print it.

        Raises
        ------
        OperationError
            When none or several begin with it.
        """
        if len(digest) == DIGEST_LENGTH:
            return digest
        found = self.artifacts.digests(digest)
        if len(found) != 1:
            raise OperationError(
                f"{len(found) or 'No'} releases of '{self.name}' have a digest that begins with "
                f"'{digest}'.",
                f"Check the environment, or give all {DIGEST_LENGTH} characters.",
            )
        return found[0]

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

    def foreign_code(self, release: Release, outputs: Mapping[str, Any]) -> list[str]:
        """Return a line for each function that has other code than the release's."""
        return code.foreign(self._codes(outputs), release)

    def put_back_code(self, outputs: Mapping[str, Any], *releases: Release) -> list[str]:
        """Replace code that is in none of the releases by the last one's; return its functions."""
        bucket = self.environment.artifact_bucket
        return code.put_back(self.aws.client("lambda"), self._codes(outputs), bucket, *releases)

    @property
    def canaries(self) -> Canaries:
        """Its canary record."""
        return Canaries(
            self.aws.client("ssm"), self.name, self._parameter("canary"), self.environment.tags
        )

    def stable_versions(self, outputs: Mapping[str, Any]) -> Versions:
        """Return the versions of functions and state machines that have most calls now."""
        functions = self.aws.client("lambda")
        machines = self.aws.client("stepfunctions")
        found = {}
        for arn in state_machines_of(outputs):
            routes = machines.describe_state_machine_alias(
                stateMachineAliasArn=f"{arn}:{code.ALIAS}"
            )["routingConfiguration"]
            main = max(routes, key=lambda route: route["weight"])["stateMachineVersionArn"]
            found[arn.rpartition(":")[2]] = main.rpartition(":")[2]
        return Versions(
            functions={
                name: functions.get_alias(FunctionName=name, Name=code.ALIAS)["FunctionVersion"]
                for name in self.technical_errors(outputs)
            },
            state_machines=found,
        )

    def technical_errors(self, outputs: Mapping[str, Any]) -> dict[str, str]:
        """Return the pattern that finds a function's technical errors in its log, by function."""
        return {
            function["name"]: function["technical_errors"]
            for flow in outputs["flows"].values()
            for function in flow["functions"].values()
        }

    def ask_guard(self, outputs: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Have the guard look at the canary, if the running release has a guard.

        Raises
        ------
        OperationError
            When the guard reverted the release, or fails.
        """
        if guard := outputs.get("canary_guard"):
            ask_guard(self.aws.client("lambda"), guard["name"], event)

    def waiting(self, outputs: Mapping[str, Any]) -> dict[str, int]:
        """Return the number of messages in each queue that is not empty, by the queue's name."""
        client = self.aws.client("sqs")
        workflows = Workflow.chosen(outputs, "")
        urls = {url for workflow in workflows for _, url in workflow.queues}
        urls.add(outputs["event_audit"]["queue_url"])
        found = {}
        for url in sorted(urls):
            attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(DEPTH))
            if count := sum(int(number) for number in attributes["Attributes"].values()):
                found[url.rpartition("/")[2]] = count
        return found

    def check_code(self, release: Release, outputs: Mapping[str, Any]) -> None:
        """Check that every function has the release's bytes, published or not.

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
                f"Find out who changed it. 'make apply ENV={self.name}' puts the release's bytes "
                "back.",
            )

    def _parameter(self, name: str) -> str:
        """Return the name of one of the environment's parameters."""
        return f"/{self.environment.variables.get('project', 'flowbridge')}/{self.name}/{name}"

    def _codes(self, outputs: Mapping[str, Any]) -> list[code.Code]:
        return code.codes(self.aws.client("lambda"), code.functions_of(outputs))


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
