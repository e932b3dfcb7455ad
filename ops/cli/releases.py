"""Commands that change an environment: Terraform, releases, promotions."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.cli.options import EnvironmentOption, ReleaseOption, YesOption, agreement
from ops.cli.screens import escape
from ops.cli.terminal import console
from ops.context import Context
from ops.releases import deploy as deploying
from ops.settings import LOCAL
from ops.terraform.environments import STAGES

app = typer.Typer()


@app.command()
def bootstrap(environment: EnvironmentOption = LOCAL) -> None:
    """Create or change what an account needs before the platform: buckets, boundary, roles."""
    deploying.bootstrap(Context.reachable(environment).deployment)


@app.command()
def release(environment: EnvironmentOption = STAGES[0]) -> None:
    """Put the built packages into the artifact bucket of an environment."""
    deploying.release(Context.reachable(environment).deployment)


@app.command()
def plan(environment: EnvironmentOption = LOCAL, release: ReleaseOption = "") -> None:
    """Show what Terraform would change; exit code 2 when it would change anything."""
    changes = deploying.plan(Context.reachable(environment).deployment, release or None)
    raise typer.Exit(2 if changes else 0)


@app.command()
def apply(
    environment: EnvironmentOption = LOCAL, release: ReleaseOption = "", yes: YesOption = False
) -> None:
    """Apply Terraform; in prd, after a summary and a question."""
    deploying.apply(Context.reachable(environment).deployment, agreement(yes), release or None)


@app.command()
def destroy(environment: EnvironmentOption = LOCAL, yes: YesOption = False) -> None:
    """Destroy everything that Terraform made, except for the bootstrap."""
    deployment = Context.reachable(environment).deployment
    deploying.destroy(deployment, agreement(yes or environment == LOCAL, "destroy"))


@app.command()
def smoke(environment: EnvironmentOption = LOCAL) -> None:
    """Send a synthetic lead through the running release, and remove it again."""
    deploying.smoke(Context.reachable(environment).deployment)


@app.command()
def promote(
    source: Annotated[str, typer.Option("--from", help="The environment that runs the release.")],
    target: Annotated[str, typer.Option("--to", help="The next environment.")],
    yes: YesOption = False,
    commit: Annotated[str, typer.Option(help="Only a release built from this commit.")] = "",
) -> None:
    """Bring the release of one environment to the next; take it back if it fails there."""
    deploying.promote(
        Context.reachable(source).deployment,
        Context.reachable(target).deployment,
        agreement(yes),
        commit or None,
    )


@app.command()
def rollback(
    environment: EnvironmentOption, release: ReleaseOption = "", yes: YesOption = False
) -> None:
    """Return to the previous release, in one apply and without a build."""
    deployment = Context.reachable(environment).deployment
    deploying.rollback(deployment, agreement(yes), release or None)


@app.command()
def drift(environment: EnvironmentOption = LOCAL) -> None:
    """List the differences between the code and the cloud; exit code 2 when there are any."""
    found = deploying.drift(Context.reachable(environment).deployment)
    for line in found:
        console.print(f"  [red]✗[/red] {escape(line)}")
    raise typer.Exit(2 if found else 0)
