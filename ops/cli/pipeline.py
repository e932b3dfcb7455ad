"""Commands of the pipeline on GitHub."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.cli.options import EnvironmentOption
from ops.cli.terminal import step
from ops.context import Context
from ops.releases import github as on_github
from ops.terraform.environments import Environment

app = typer.Typer()


@app.command()
def release_commit(environment: EnvironmentOption) -> None:
    """Print the commit from which the running release was built."""
    commit = Context.reachable(environment).deployment.commit()
    on_github.hand_on_commit(commit)
    # Not console.print(): git reads it.
    print(commit)


@app.command()
def sign_in(
    environment: EnvironmentOption,
    role: Annotated[str, typer.Option(help="deploy or plan.")],
) -> None:
    """Assume a role of the environment's account, in a job on GitHub."""
    context = Context(environment)
    endpoint = context.local.settings.endpoint if context.local.settings.emulated else None
    with step(f"Take on the role '{role}' in the account of '{environment}'") as current:
        profile = on_github.sign_in(Environment.named(environment), role, endpoint)
        current.detail = f"AWS profile {profile}"


@app.command()
def plan_comment(
    environment: EnvironmentOption,
    pull_request: Annotated[str, typer.Option(help="Number of the pull request on GitHub.")],
) -> None:
    """Comment a pull request on GitHub with the changes that Terraform would make."""
    release = Context.reachable(environment).deployment.release()
    on_github.comment_plan(environment, release, pull_request)
