"""Apply, test, promote, roll back: the changes of an environment, shown step by step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from ops.aws.clients import AWS_ERRORS, as_operation_error
from ops.cli.terminal import console, heading, step
from ops.errors import OperationError
from ops.releases import summary
from ops.releases.artifacts import Release, built
from ops.releases.canary import (
    Hold,
    Versions,
    record_of,
    returning,
    settling,
    watch,
    who,
)
from ops.releases.deployment import Deployment, check_stages, promotable
from ops.releases.provenance import here
from ops.releases.smoke import smoke_test
from ops.settings import REPOSITORY
from ops.terraform.environments import FOLLOW_THE_BUILD, STAGES

DIST = REPOSITORY / "build" / "dist"
#: Environment variable that shortens or lengthens a canary once.
CANARY_MINUTES = "CANARY_MINUTES"
#: As the root module's variable `canary` has it. The pipeline's session outlasts it.
MOST_MINUTES = 60
#: The package of the guard; a release of before has none.
GUARD = "canary_guard"
JUDGE = {"action": "judge"}
TEMPORARY = "flowbridge-"
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


def apply(deployment: Deployment, confirm: Confirm, digest: str | None = None) -> None:
    """Apply Terraform with a release; in prd, show a summary first and ask.

    Without a digest it is what was built here, where an environment follows that, else the release
    that runs there already.
    """
    digest = deployment.full_digest(digest) if digest else _kept(deployment)
    deployment.canaries.require_ended(digest)
    if digest is None:
        packages = release(deployment)
        _put_code_back(deployment, packages)
        _apply(deployment, None)
    else:
        packages = deployment.artifacts.release(digest)
        _put_code_back(deployment, packages)
        if deployment.name == STAGES[-1]:
            with _planned(deployment, packages) as file:
                confirm(deployment.name)
                _apply_plan(deployment, file)
        else:
            _apply(deployment, digest)
    _compare_code(deployment, packages, digest)


def plan(deployment: Deployment, digest: str | None = None) -> bool:
    """Show the changes of `apply`; return whether there are any."""
    wanted = deployment.full_digest(digest) if digest else _kept(deployment)
    return deployment.terraform.plan(wanted)


def destroy(deployment: Deployment, confirm: Confirm) -> None:
    """Destroy everything of an environment but what the bootstrap made.

    Raises
    ------
    OperationError
        When something is protected from it; nothing is destroyed then.
    """
    deployment.canaries.require_unlocked()
    with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        file = Path(folder) / "plan"
        with step(f"Plan to destroy '{deployment.name}'") as current:
            changes = deployment.terraform.plan_destroy(current.show, file, deployment.release())
            if found := summary.protected(changes):
                raise OperationError(
                    f"'{deployment.name}' has resources with deletion protection: "
                    f"{', '.join(found)}. Nothing was destroyed.",
                    "Remove their protection first; docs/operations.md says how.",
                )
        console.print(f"  {summary.counts(changes)['delete']} resources to destroy")
        # An environment without resources has no outputs.
        if summary.counts(changes)["delete"]:
            waiting = deployment.waiting(deployment.terraform.outputs())
            for name, count in waiting.items():
                _warn(f"Messages in {name}: {count}. They are deleted with it.")
        confirm(deployment.name)
        with step(f"Destroy '{deployment.name}'") as current:
            current.detail = deployment.terraform.destroy(file, current.show)
    deployment.canaries.remove()


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
        if origin.is_changed:
            raise OperationError(
                f"Release {packages.short} was built from {origin}, so it stops at "
                f"'{source.name}'.",
                "Commit the changes, and release again: 'make apply' and 'make smoke'.",
            )
        if commit not in (None, origin.commit):
            raise OperationError(
                f"'{source.name}' runs release {packages.short} by now, which was built from "
                f"{origin}, not from commit {commit}.",
                "Start a new promotion if this release is the right one.",
            )
        current.detail = f"{packages.short}, its bytes run there, its smoke test passed"
    target.canaries.require_ended()
    before = target.release()
    with step(f"Copy the release from '{source.name}' to '{target.name}'") as current:
        new = target.artifacts.put(packages, source.artifacts.read)
        target.artifacts.record_origin(packages.digest, origin)
        current.detail = f"{packages.short}, {new} new of {len(packages.packages)} packages"
    canary = _canary(target, before, packages)
    _put_code_back(target, packages)
    with _planned(target, packages, **canary.variables) as file:
        confirm(target.name)
        with _held(target, packages, before, canary) as hold:
            try:
                _apply_plan(target, file, str(canary))
                if canary.percent:
                    _watch(target, canary)
                    _apply(target, packages.digest)
                _compare_code(target, packages, packages.digest)
                smoke(target)
                if hold is not None:
                    target.ask_guard(target.terraform.outputs(), JUDGE)
                    hold.change(**settling())
            except (OperationError, *AWS_ERRORS) as error:
                refusal = as_operation_error(error)
                raise _taken_back(target, packages, before, refusal, hold, canary) from error
            except KeyboardInterrupt:
                # A release that is not watched must not keep some of the calls.
                interrupted = OperationError("It was interrupted.", "Promote it again.")
                raise _taken_back(target, packages, before, interrupted, hold, canary) from None
    console.print(f"\n[green]✓[/green] '{target.name}' runs release {packages.short}")


@dataclass(frozen=True)
class Canary:
    """How many calls go to a new release at first, for how long; `percent` 0 means at once."""

    percent: float = 0
    seconds: float = 0
    stable: Versions = field(default_factory=Versions)

    @property
    def variables(self) -> dict[str, Any]:
        """The root module's variables for it."""
        return {"stable_versions": self.stable.variable()} if self.percent else {}

    @property
    def kept(self) -> dict[str, Any]:
        """The root module's variables after it failed.

        Terraform's files here define the state machines of the new release.
        """
        return {"stable_versions": self.stable.kept()} if self.percent else {}

    def __str__(self) -> str:
        return f", {self.percent:g} % of the calls to the new release" if self.percent else ""


def _canary(target: Deployment, before: str | None, packages: Release) -> Canary:
    """Return how a promotion begins: with few calls, if an older release can keep the others."""
    settings = target.environment.variables.get("canary")
    if settings is None or before in (None, packages.digest) or GUARD not in packages.packages:
        return Canary()
    return Canary(
        float(settings["percent"]),
        60 * _minutes(os.environ.get(CANARY_MINUTES) or settings["minutes"]),
        target.stable_versions(target.terraform.outputs()),
    )


def _minutes(text: str | float) -> float:
    """Return a canary's minutes.

    Raises
    ------
    OperationError
        When they are not a number from 0 to 60.
    """
    with suppress(ValueError):
        if 0 <= (minutes := float(text)) <= MOST_MINUTES:
            return minutes
    raise OperationError(
        f"{CANARY_MINUTES} is '{text}', which is not a number of minutes up to {MOST_MINUTES}.",
        "Use one such as 0 or 2.5.",
    )


def _held(
    target: Deployment, packages: Release, before: str | None, canary: Canary
) -> AbstractContextManager[Hold | None]:
    """Return what holds the canary record during a promotion; nothing without a canary."""
    if not canary.percent or before is None:
        return nullcontext()
    content = record_of(
        release=packages.digest,
        before=before,
        seconds=canary.seconds,
        prefix=f"{target.environment.prefix}-",
        stable=canary.stable,
        patterns=target.technical_errors(target.terraform.outputs()),
    )
    return target.canaries.held(content)


def _watch(target: Deployment, canary: Canary) -> None:
    """Wait while few calls go to the new release.

    Raises
    ------
    OperationError
        When the guard reverted it.
    """
    outputs = target.terraform.outputs()
    with step(f"Watch the new release in '{target.name}' for {canary.seconds / 60:g} minutes"):
        watch(lambda: target.ask_guard(outputs, JUDGE), canary.seconds)


def rollback(deployment: Deployment, confirm: Confirm, digest: str | None = None) -> None:
    """Return to the release before, or to a named one, in one apply and without a build.

    Raises
    ------
    OperationError
        When there is none, or it does not do its work either.
    """
    record = deployment.canaries.require_unlocked()
    is_cut_off = record is not None and record.is_cut_off
    if digest:
        wanted = deployment.full_digest(digest)
    else:
        wanted = record.before if record and is_cut_off else deployment.previous()
    back_to = deployment.artifacts.release(wanted)
    running = deployment.release() or ""
    if wanted == running and not is_cut_off:
        outputs = deployment.terraform.outputs()
        if not deployment.foreign_code(back_to, outputs):
            console.print(
                f"'{deployment.name}' runs release {back_to.short} already. Nothing to do."
            )
            return
    if record and is_cut_off:
        _warn(f"This ends a promotion that was cut off or reverted: {record}. {record.reason}")
    console.print(f"'{deployment.name}' goes back from {running[:12]} to {back_to.short}")
    _put_code_back(deployment, back_to)
    with _planned(deployment, back_to) as file:
        confirm(deployment.name)
        # The guard is faster than Terraform, and goes on if this command is cut off.
        is_known = record is not None and wanted == record.before
        with (
            deployment.canaries.held(record.again()) if record and is_known else nullcontext() as h
        ):
            _revert_at_once(deployment, h, f"{who()} rolls it back.")
            _apply_plan(deployment, file)
            _compare_code(deployment, back_to, wanted)
            smoke(deployment)
        deployment.canaries.remove()


def drift(deployment: Deployment) -> list[str]:
    """Return what differs between the code and the cloud, a line each."""
    with step(f"Look for differences between '{deployment.name}' and its code") as current:
        running = deployment.running()
        found = deployment.terraform.differences(running.digest, current.show)
        found += deployment.foreign_code(running, deployment.terraform.outputs())
        record = deployment.canaries.read()
        if record is not None and record.is_cut_off:
            found.append(f"a canary is {record.state}: {record}. {record.reason}")
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


@contextmanager
def _planned(deployment: Deployment, packages: Release, **variables: Any) -> Iterator[Path]:
    """Plan with a release, show a summary, and yield the plan's file."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        file = Path(folder) / "plan"
        with step(f"Plan the changes of '{deployment.name}'") as current:
            changes = deployment.terraform.plan_changes(
                current.show, file, packages.digest, **variables
            )
        heading(f"Changes in '{deployment.name}'")
        _tell_release(deployment, packages)
        for line in summary.summary(changes):
            console.print(f"  {escape(line)}")
        for text in summary.warnings(changes):
            _warn(text)
        console.print(f"  The whole plan: make plan ENV={deployment.name} RELEASE={packages.short}")
        yield file


def _tell_release(deployment: Deployment, packages: Release) -> None:
    """Say what a release changes, where it comes from, and which of its files differ here."""
    running = deployment.release()
    before = None
    if running is not None:
        with suppress(OperationError):
            before = deployment.artifacts.release(running)
    console.print(f"  {escape(summary.packages(before, packages))}")
    origin = deployment.artifacts.origin(packages.digest)
    console.print(f"  Release {packages.short} was built from {origin}")
    if before is not None and before.digest != packages.digest:
        former = deployment.artifacts.origin(before.digest)
        console.print(f"  The running release {before.short} was built from {former}")
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
    _warn(what + action)


def _warn(text: str) -> None:
    console.print(f"[yellow]![/yellow] {escape(text)}", soft_wrap=True)


def _apply(deployment: Deployment, digest: str | None, **variables: Any) -> None:
    with step(f"Apply Terraform to '{deployment.name}'") as current:
        current.detail = deployment.terraform.apply(current.show, digest, **variables)


def _apply_plan(deployment: Deployment, file: Path, note: str = "") -> None:
    with step(f"Apply Terraform to '{deployment.name}'{note}") as current:
        current.detail = deployment.terraform.apply_plan(file, current.show)


def _put_code_back(deployment: Deployment, wanted: Release) -> None:
    """Replace code that was changed by hand, which the next apply could publish."""
    running = deployment.release()
    if running is None:
        return
    known = [wanted]
    if running != wanted.digest:
        with suppress(OperationError):
            known.append(deployment.artifacts.release(running))
    with step("Look for code that was changed by hand") as current:
        changed = deployment.put_back_code(deployment.terraform.outputs(), *known)
        current.detail = _put_back(changed) if changed else "none"


def _compare_code(
    deployment: Deployment, packages: Release, digest: str | None, **variables: Any
) -> None:
    """Compare the code of every function with the release; repair it once if it differs.

    Raises
    ------
    OperationError
        When it differs still.
    """
    title = "Check that every function runs the release's bytes"
    with step(title) as current:
        outputs = deployment.terraform.outputs()
        foreign = deployment.foreign_code(packages, outputs)
        if foreign:
            changed = deployment.put_back_code(outputs, packages)
            current.detail = _put_back(changed)
    if foreign:
        _apply(deployment, digest, **variables)
        with step(title):
            deployment.check_code(packages, outputs)


def _put_back(functions: list[str]) -> str:
    return f"put the release's bytes back into {', '.join(functions)}"


def _taken_back(
    deployment: Deployment,
    packages: Release,
    before: str | None,
    error: OperationError,
    hold: Hold | None,
    canary: Canary,
) -> OperationError:
    """Go back to the release before, and return the error that says so."""
    failed = f"Release {packages.short} failed in '{deployment.name}'. {error.problem}"
    if before is None or before == packages.digest:
        return OperationError(f"{failed} There is no other release to go back to.", error.action)
    console.print(f"[red]✗[/red] {error.problem}")
    heading(f"'{deployment.name}' goes back to release {before[:12]}")
    try:
        _revert_at_once(deployment, hold, error.problem)
        back_to = deployment.artifacts.release(before)
        _put_code_back(deployment, back_to)
        _apply(deployment, before, **canary.kept)
        _compare_code(deployment, back_to, before, **canary.kept)
        smoke(deployment)
        if hold is not None:
            deployment.canaries.remove()
    except (OperationError, *AWS_ERRORS) as error_of_return:
        second = as_operation_error(error_of_return)
        return OperationError(
            f"{failed} Going back to {before[:12]} failed too: {second.problem}", second.action
        )
    return OperationError(
        f"{failed} It was taken back; '{deployment.name}' runs release {before[:12]} again.",
        error.action,
    )


def _revert_at_once(deployment: Deployment, hold: Hold | None, reason: str) -> None:
    """Have the guard give the stable versions all calls, before Terraform applies their release.

    Raises
    ------
    OperationError
        When another command took over the canary.
    """
    if hold is None:
        return
    with step("Have the guard put the stable versions back") as current:
        try:
            outputs = deployment.terraform.outputs()
            deployment.ask_guard(outputs, {"action": "revert", "reason": reason})
        except (OperationError, *AWS_ERRORS) as error:
            # Terraform does the same, only later.
            current.detail = as_operation_error(error).problem
        hold.change(**returning())
