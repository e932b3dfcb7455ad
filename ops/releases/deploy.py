"""Apply, try, promote, take back: what changes an environment, shown step by step."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from ops.aws.clients import AWS_ERRORS, as_operation_error
from ops.cli.terminal import console, heading, step
from ops.errors import OperationError
from ops.releases.artifacts import Release, built
from ops.releases.deployment import Deployment, check_stages, promotable
from ops.releases.provenance import Origin, here
from ops.releases.smoke import smoke_test
from ops.settings import REPOSITORY
from ops.terraform.environments import FOLLOW_THE_BUILD

DIST = REPOSITORY / "build" / "dist"
#: Environment variable that shortens or lengthens a canary once.
CANARY_MINUTES = "CANARY_MINUTES"
ALARM_SECONDS = 15
#: Maximum number of files to name.
NAMED_FILES = 5

#: Called with an environment's name; raises unless its operator agrees to what was shown.
Confirm = Callable[[str], None]


def bootstrap(deployment: Deployment) -> None:
    """Make what an account has before the platform, or change it."""
    with step("Make what the account has before the platform") as current:
        made = deployment.terraform.bootstrap(current.show)
        current.detail = "" if made else "nothing changed"


def release(deployment: Deployment) -> Release:
    """Put what was built here into the environment's artifact bucket, and what it was made from."""
    with step(f"Release to '{deployment.name}'") as current:
        packages, read = built(DIST)
        new = deployment.artifacts.put(packages, read)
        deployment.artifacts.record_origin(packages.digest, here())
        current.detail = f"{packages.short}, {new} new of {len(packages.packages)} packages"
    return packages


def apply(deployment: Deployment, digest: str | None = None) -> None:
    """Apply Terraform with a release.

    Without a digest it is what was built here, where an environment follows that, else the release
    that runs there already.
    """
    digest = deployment.full_digest(digest) if digest else _kept(deployment)
    if digest is None:
        release(deployment)
    else:
        deployment.artifacts.release(digest)
    _apply(deployment, digest)


def plan(deployment: Deployment, digest: str | None = None) -> bool:
    """Show the changes of `apply`; return whether there are any."""
    wanted = deployment.full_digest(digest) if digest else _kept(deployment)
    return deployment.terraform.plan(wanted)


def destroy(deployment: Deployment) -> None:
    """Destroy everything of an environment but what the bootstrap made."""
    with step(f"Destroy '{deployment.name}'") as current:
        current.detail = deployment.terraform.destroy(current.show, deployment.release())


def smoke(deployment: Deployment) -> None:
    """Test the running release and record the result.

    Raises
    ------
    OperationError
        When the release does not do its work, or it could not be seen whether it does.
    """
    running = deployment.running()
    record = partial(deployment.artifacts.record_smoke_test, running.digest)
    heading(f"Smoke test of release {running.short} in '{deployment.name}'")
    # However this one is cut off, that an earlier one passed counts no more.
    record(passed=False, detail="It was begun, and did not come to its end.")
    try:
        detail = smoke_test(deployment.aws, deployment.terraform.outputs())
    except (OperationError, *AWS_ERRORS) as error:
        record(passed=False, detail=as_operation_error(error).problem)
        raise
    record(passed=True, detail=detail)
    console.print(f"[green]✓[/green] Smoke test passed: {detail}")


def promote(
    source: Deployment, target: Deployment, confirm: Confirm, commit: str | None = None
) -> None:
    """Bring the release that runs in one environment to the next; take it back if it fails there.

    Given a commit, a release that was built from another does not go on.

    Raises
    ------
    OperationError
        When the release may not go on, or failed in the next environment.
    """
    check_stages(source.name, target.name)
    with step(f"Check the release of '{source.name}'") as current:
        packages = promotable(source)
        origin = source.artifacts.origin(packages.digest)
        if commit not in (None, origin.commit):
            raise OperationError(
                f"'{source.name}' runs release {packages.short} by now, which was built from "
                f"{origin}, not from commit {commit}.",
                "Start a new promotion if this release is the right one.",
            )
        current.detail = f"{packages.short}, its bytes run there, its smoke test passed"
    before = target.release()
    with step(f"Copy the release from '{source.name}' to '{target.name}'") as current:
        new = target.artifacts.put(packages, source.artifacts.read)
        target.artifacts.record_origin(packages.digest, origin)
        current.detail = f"{packages.short}, {new} new of {len(packages.packages)} packages"
    canary = _canary(target, before, packages)
    with tempfile.TemporaryDirectory(prefix="flowbridge-") as folder:
        file = Path(folder) / "plan"
        heading(f"Changes in '{target.name}'")
        target.terraform.plan(packages.digest, file, **canary.variables)
        _tell_origin(packages, origin)
        confirm(target.name)
        try:
            with step(f"Apply Terraform to '{target.name}'{canary}") as current:
                current.detail = target.terraform.apply_plan(file, current.show)
            if canary.percent:
                _watch(target, canary)
                _apply(target, packages.digest)
            _check_code(target, packages)
            smoke(target)
        except (OperationError, *AWS_ERRORS) as error:
            raise _taken_back(target, packages, before, as_operation_error(error)) from error
        except KeyboardInterrupt:
            # Otherwise some calls could stay with a release that is no longer watched.
            interrupted = OperationError("It was interrupted.", "Promote it again.")
            raise _taken_back(target, packages, before, interrupted) from None
    console.print(f"\n[green]✓[/green] '{target.name}' runs release {packages.short}")


@dataclass(frozen=True)
class Canary:
    """How many calls go to a new release at first, for how long; `percent` 0 means at once."""

    percent: float = 0
    seconds: float = 0
    stable_versions: Mapping[str, str] = field(default_factory=dict)
    #: Raised before it began.
    known_alarms: frozenset[str] = frozenset()

    @property
    def variables(self) -> dict[str, Any]:
        """The root module's variables for it."""
        return {"stable_versions": self.stable_versions} if self.percent else {}

    def __str__(self) -> str:
        return f", {self.percent:g} % of the calls to the new release" if self.percent else ""


def _canary(target: Deployment, before: str | None, packages: Release) -> Canary:
    """Return how a promotion begins: with few calls, if an older release can keep the others."""
    settings = target.environment.variables.get("canary")
    if settings is None or before in (None, packages.digest):
        return Canary()
    return Canary(
        float(settings["percent"]),
        60 * _minutes(os.environ.get(CANARY_MINUTES) or settings["minutes"]),
        target.live_versions(target.terraform.outputs()),
        frozenset(target.alarms()),
    )


def _minutes(text: str | float) -> float:
    """Return a canary's minutes.

    Raises
    ------
    OperationError
        When they are not a finite number of 0 or more.
    """
    with suppress(ValueError):
        if 0 <= (minutes := float(text)) < math.inf:
            return minutes
    raise OperationError(
        f"{CANARY_MINUTES} is '{text}', which is not a number of minutes.",
        "Use one such as 0 or 2.5.",
    )


def _watch(target: Deployment, canary: Canary) -> None:
    """Wait while few calls go to the new release.

    Raises
    ------
    OperationError
        When an alarm is raised that was not before.
    """
    deadline = time.monotonic() + canary.seconds
    with step(f"Watch the alarms of '{target.name}' for {canary.seconds / 60:g} minutes"):
        while True:
            raised = target.alarms()
            if new := [f"{name}: {raised[name]}" for name in raised.keys() - canary.known_alarms]:
                raise OperationError(
                    f"Alarms were raised with {canary.percent:g} % of the calls on the new "
                    f"release: {'; '.join(sorted(new))}.",
                    "Find the cause before the next try.",
                )
            if time.monotonic() >= deadline:
                return
            time.sleep(min(ALARM_SECONDS, max(deadline - time.monotonic(), 0)))


def rollback(deployment: Deployment, confirm: Confirm, digest: str | None = None) -> None:
    """Return to the release before, or to a named one, in one apply and without a build.

    Raises
    ------
    OperationError
        When there is none, or it does not do its work either.
    """
    wanted = deployment.full_digest(digest) if digest else deployment.previous()
    back_to = deployment.artifacts.release(wanted)
    running = deployment.release() or ""
    console.print(f"'{deployment.name}' goes back from {running[:12]} to {back_to.short}")
    _tell_origin(back_to, deployment.artifacts.origin(back_to.digest))
    confirm(deployment.name)
    _apply(deployment, back_to.digest)
    _check_code(deployment, back_to)
    smoke(deployment)


def drift(deployment: Deployment) -> list[str]:
    """Return what differs between the code and the cloud, a line each."""
    with step(f"Look for differences between '{deployment.name}' and its code") as current:
        running = deployment.running()
        found = deployment.terraform.differences(running.digest, current.show)
        found += deployment.foreign_code(running, deployment.terraform.outputs())
        current.detail = f"release {running.short}, {len(found)} found"
    return found


def _kept(deployment: Deployment) -> str | None:
    """Return the release that an environment keeps until another is promoted to it.

    Raises
    ------
    OperationError
        When there is none yet.
    """
    if deployment.name in FOLLOW_THE_BUILD:
        return None
    return deployment.running().digest


def _tell_origin(packages: Release, origin: Origin) -> None:
    """Say what a release was made from, and what of it is not what Terraform has here."""
    console.print(f"Release {packages.short} was built from {origin}")
    differing = origin.differing(here())
    if not origin.files:
        what = "It is not known whether Terraform's files here are those of this release."
    elif differing:
        named = differing[:NAMED_FILES]
        if len(differing) > NAMED_FILES:
            named.append(f"{len(differing) - NAMED_FILES} more")
        what = f"Terraform's files here are not those of this release: {', '.join(named)}."
    else:
        return
    action = f" To have them: git checkout {origin.commit}" if origin.commit else ""
    console.print(f"[yellow]![/yellow] {escape(what + action)}", soft_wrap=True)


def _apply(deployment: Deployment, digest: str | None) -> None:
    with step(f"Apply Terraform to '{deployment.name}'") as current:
        current.detail = deployment.terraform.apply(current.show, digest)


def _check_code(deployment: Deployment, packages: Release) -> None:
    with step("Check that every function runs the release's bytes"):
        deployment.check_code(packages, deployment.terraform.outputs())


def _taken_back(
    deployment: Deployment, packages: Release, before: str | None, error: OperationError
) -> OperationError:
    """Go back to the release before, and return the error that says so."""
    failed = f"Release {packages.short} failed in '{deployment.name}'. {error.problem}"
    if before is None or before == packages.digest:
        return OperationError(f"{failed} There is no other release to go back to.", error.action)
    console.print(f"[red]✗[/red] {error.problem}")
    heading(f"'{deployment.name}' goes back to release {before[:12]}")
    try:
        _apply(deployment, before)
        _check_code(deployment, deployment.artifacts.release(before))
        smoke(deployment)
    except (OperationError, *AWS_ERRORS) as error_of_return:
        second = as_operation_error(error_of_return)
        return OperationError(
            f"{failed} Going back to {before[:12]} failed too: {second.problem}", second.action
        )
    return OperationError(
        f"{failed} It was taken back; '{deployment.name}' runs release {before[:12]} again.",
        error.action,
    )
