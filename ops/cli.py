"""``python -m ops``: what the Makefile's targets call."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from ops import demo as demonstration
from ops import send as sending
from ops import settings, terminal
from ops import watch as watching
from ops.aws import Aws
from ops.checks import check_terraform, scan_terraform
from ops.docs import draw
from ops.errors import OperationError
from ops.events import Publisher
from ops.executions import Executions
from ops.flow import Flow
from ops.local.environment import LocalEnvironment
from ops.settings import LOCAL
from ops.terminal import console, step
from ops.terraform import ROOT, Terraform

app = typer.Typer(
    name="ops",
    help="Operate Flowbridge: the local environment, Terraform, events and executions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EnvironmentOption = Annotated[
    str, typer.Option("--env", help="The environment: local, dev, qa or prd.")
]
FlowOption = Annotated[str, typer.Option("--flow", help="The flow.")]
DEFAULT_FLOW = "crm_registration"


@dataclass(frozen=True)
class Context:
    """Everything that a command works with, each part made when it is first used."""

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

    def require_reachable(self) -> None:
        """Refuse to go on when the emulator is meant and does not run."""
        if self.aws.emulated:
            self.local.require_up()

    def flow(self, name: str) -> Flow:
        """Return a deployed flow."""
        return Flow.from_outputs(self.terraform.outputs(), name)

    def executions(self, flow: str) -> Executions:
        """Return the executions of a deployed flow."""
        arn = self.flow(flow).state_machine_arn
        return Executions(self.aws.client("stepfunctions"), arn)


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
    """Stop the local environment. What the emulator held is gone; the database's data stay."""
    with step("Stop the local environment") as current:
        if not Context(LOCAL).local.down():
            current.detail = "nothing was running"


@app.command()
def status() -> None:
    """Tell whether the local environment runs; exit code 1 when a part of it does not."""
    answers = Context(LOCAL).local.status()
    for name, is_up in answers.items():
        console.print(f"{name:<10} {'[green]up[/green]' if is_up else '[red]down[/red]'}")
    raise typer.Exit(0 if all(answers.values()) else 1)


@app.command()
def bootstrap(environment: EnvironmentOption = LOCAL) -> None:
    """Make the account's state and artifact buckets, once."""
    context = Context(environment)
    context.require_reachable()
    _bootstrap(context)


@app.command()
def plan(environment: EnvironmentOption = LOCAL) -> None:
    """Show what Terraform would change; exit code 2 when it would change anything."""
    context = Context(environment)
    context.require_reachable()
    raise typer.Exit(context.terraform.plan())


@app.command()
def apply(environment: EnvironmentOption = LOCAL) -> None:
    """Apply Terraform."""
    context = Context(environment)
    context.require_reachable()
    _apply(context)


@app.command()
def destroy(environment: EnvironmentOption = LOCAL) -> None:
    """Destroy everything that Terraform made, but the buckets of the bootstrap."""
    context = Context(environment)
    context.require_reachable()
    with step(f"Destroy '{environment}'") as current:
        summary = context.terraform.destroy(lambda text: setattr(current, "detail", text))
        current.detail = summary


@app.command()
def send(
    file: Annotated[str, typer.Argument(help="A file of events, or - for standard input.")],
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = DEFAULT_FLOW,
) -> None:
    """Put events onto the bus: one JSON object, or one on each line."""
    items = sending.read_file(file)
    context = Context(environment)
    context.require_reachable()
    bus = context.flow(flow).event_bus_name
    _, refused = sending.send(Publisher(context.aws.client("events"), bus), items)
    raise typer.Exit(1 if refused else 0)


@app.command()
def watch(
    execution: Annotated[str, typer.Option(help="An execution's name, or its beginning.")] = "",
    state: Annotated[str, typer.Option(help="A state, to see its input and output.")] = "",
    once: Annotated[bool, typer.Option(help="Print once instead of live.")] = False,
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = DEFAULT_FLOW,
) -> None:
    """Show the executions live; one execution's graph; one state's input and output."""
    context = Context(environment)
    if state and not execution:
        raise OperationError("A state belongs to an execution.", "Add EXECUTION=<name>.")
    context.require_reachable()
    executions = context.executions(flow)
    if state:
        watching.show_state(executions, execution, state)
    elif execution:
        watching.watch_one(executions, execution, once)
    else:
        watching.watch_all(executions, once)


@app.command()
def demo() -> None:
    """Run the main job: start, apply, send a good and a bad lead, show where they ended."""
    context = Context(LOCAL)
    up()
    _bootstrap(context)
    _apply(context)
    outputs = context.terraform.outputs()
    flow = Flow.from_outputs(outputs, DEFAULT_FLOW)
    demonstration.good_lead(context.aws, flow, outputs)
    demonstration.bad_lead(context.aws, flow)
    demonstration.how_to_go_on(context.aws, outputs)


@app.command()
def env(environment: EnvironmentOption = LOCAL) -> None:
    """Print shell lines that let terraform, aws and other tools reach the environment."""
    context = Context(environment)
    variables = context.aws.variables()
    configuration = context.terraform.process_environment().get("TF_CLI_CONFIG_FILE")
    if configuration:
        variables["TF_CLI_CONFIG_FILE"] = configuration
    for name, value in variables.items():
        # Plain print: the lines are for a shell, not for a reader.
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def lint() -> None:
    """Check Terraform's files: format, validity, insecure settings."""
    context = Context(LOCAL)
    with step("Check Terraform's files"):
        data = context.local.settings.folder / "terraform" / "lint"
        check_terraform(ROOT, data, context.terraform.process_environment())
    with step("Scan Terraform's files") as current:
        scanner = settings.REPOSITORY / ".venv-checkov" / "bin" / "checkov"
        current.detail = scan_terraform(ROOT, scanner)


@app.command()
def docs() -> None:
    """Draw the pictures in the documents anew."""
    with step("Draw the flows' pictures") as current:
        changed = [str(file.relative_to(settings.REPOSITORY)) for file in draw()]
        current.detail = ", ".join(changed) or "nothing changed"


def _bootstrap(context: Context) -> None:
    with step("Make the state bucket") as current:
        made = context.terraform.bootstrap(lambda text: setattr(current, "detail", text))
        current.detail = "" if made else "it exists"


def _apply(context: Context) -> None:
    with step(f"Apply Terraform to '{context.environment}'") as current:
        summary = context.terraform.apply(lambda text: setattr(current, "detail", text))
        current.detail = summary


def main() -> None:
    """Run the command line; every problem is one sentence and its mend, never a traceback."""
    try:
        app()
    except OperationError as error:
        terminal.problem(error)
        sys.exit(1)
    except (BotoCoreError, ClientError) as error:
        terminal.problem(
            OperationError(f"AWS refused: {error}", "Check the environment and your credentials.")
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
