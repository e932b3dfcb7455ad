"""Commands of the local environment, and of the shell that reaches any environment."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from ops import settings
from ops.aws.clients import KEY_VARIABLES
from ops.cli.options import EnvironmentOption, agreement
from ops.cli.terminal import console, step
from ops.context import Context
from ops.flows import DeployedFlow
from ops.local.demo import demo_of, flow_with_demo
from ops.releases import deploy as deploying
from ops.settings import LOCAL
from ops.terraform.environments import Environment
from ops.terraform.runner import EMULATOR_VARIABLE, USED_FLOWS_VARIABLE

app = typer.Typer()


@app.command()
def demo(
    flow: Annotated[str, typer.Option("--flow", help="The flow, else the first with a demo.")] = "",
) -> None:
    """Start the local environment, run a flow on its examples, and show the results."""
    given = settings.load().flows
    name = flow_with_demo(flow, given or Environment.named(LOCAL).variables["flows"])
    up()
    if given is None:
        current = settings.load()
        current.record_shown({*current.shown, name})
    context = Context(LOCAL)
    deploying.bootstrap(context.deployment)
    deploying.apply(context.deployment, agreement(given=True))
    outputs = context.terraform.outputs()
    if run := demo_of(name):
        run(DeployedFlow(name, LOCAL, context.aws.client, outputs))


@app.command()
def up() -> None:
    """Start the local environment: MariaDB and the AWS emulator."""
    local = Context(LOCAL).local
    with step("Start MariaDB and the AWS emulator") as current:
        if not local.up():
            current.detail = "they run already"
    ports = local.settings.ports
    console.print(f"  AWS endpoint {local.settings.endpoint}, MariaDB on port {ports.database}")


@app.command()
def down() -> None:
    """Stop the local environment. The database keeps its data, the emulator does not."""
    with step("Stop the local environment") as current:
        if not Context(LOCAL).local.down():
            current.detail = "nothing was running"


@app.command()
def status() -> None:
    """Show whether the local environment runs; exit code 1 when a part of it does not."""
    answers = Context(LOCAL).local.status()
    for name, is_up in answers.items():
        console.print(f"{name:<10} {'[green]up[/green]' if is_up else '[red]down[/red]'}")
    raise typer.Exit(0 if all(answers.values()) else 1)


@app.command()
def env(environment: EnvironmentOption = LOCAL) -> None:
    """Print shell lines that let terraform, aws and other tools reach an environment."""
    context = Context(environment)
    variables = context.aws.variables()
    if context.aws.emulated:
        around = (name for name in settings.NO_PROXY_VARIABLES if name in os.environ)
        variables |= {name: os.environ[name] for name in around}
    elif variables:
        print(f"unset {' '.join(KEY_VARIABLES)}")
    # The make commands keep the result of 'terraform init' here, separately for each environment.
    own = ("TF_DATA_DIR", "TF_CLI_CONFIG_FILE", EMULATOR_VARIABLE, USED_FLOWS_VARIABLE)
    given = context.terraform.process_environment()
    variables |= {name: given[name] for name in own if name in given}
    for name, value in variables.items():
        # Not console.print(): a shell reads these lines.
        print(f"export {name}={shlex.quote(value)}")
