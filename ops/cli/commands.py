"""``python -m ops``: what the Makefile's targets call."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ops import settings
from ops.aws.clients import AWS_ERRORS, KEY_VARIABLES, as_operation_error
from ops.cli import screens, terminal
from ops.cli.terminal import console, step
from ops.cli.text import moment, write_privately
from ops.context import Context
from ops.errors import OperationError
from ops.executions import send as sending
from ops.executions import watch as watching
from ops.executions.events import Publisher
from ops.flow import Flow
from ops.local import demo as demonstration
from ops.new_flow import make as make_flow
from ops.recovery import dead_letters as letters
from ops.recovery import places, waiting
from ops.recovery import reconcile as reconciling
from ops.recovery import redrive as redriving
from ops.recovery.stuck import STUCK
from ops.releases import deploy as deploying
from ops.releases import github as on_github
from ops.releases.deployment import STAGES
from ops.report.gather import gather
from ops.report.page import render
from ops.settings import LOCAL
from ops.style.words import count_by_folder, find_words
from ops.terraform.checks import check_terraform, scan_terraform
from ops.terraform.docs import draw
from ops.terraform.environments import Environment
from ops.terraform.runner import ROOT

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
FlowsOption = Annotated[str, typer.Option("--flow", help="One flow, instead of all.")]
ReleaseOption = Annotated[
    str, typer.Option(help="A release's digest, instead of the one that was built or runs.")
]
ConfirmOption = Annotated[
    str, typer.Option(help="'yes', or the environment's name, agrees without being asked.")
]
DEFAULT_FLOW = "crm_registration"
#: Beside the flows: events that its own rule could not write to it.
AUDIT_LOG = "audit log"


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
    """Make what an account has before the platform, or change it: buckets, boundary, roles."""
    deploying.bootstrap(Context.reachable(environment).deployment)


@app.command()
def release(environment: EnvironmentOption = STAGES[0]) -> None:
    """Put the packages that were built into the environment's artifact bucket."""
    deploying.release(Context.reachable(environment).deployment)


@app.command()
def plan(environment: EnvironmentOption = LOCAL, release: ReleaseOption = "") -> None:
    """Show what Terraform would change; exit code 2 when it would change anything."""
    changes = deploying.plan(Context.reachable(environment).deployment, release or None)
    raise typer.Exit(2 if changes else 0)


@app.command()
def apply(environment: EnvironmentOption = LOCAL, release: ReleaseOption = "") -> None:
    """Apply Terraform."""
    deploying.apply(Context.reachable(environment).deployment, release or None)


@app.command()
def destroy(environment: EnvironmentOption = LOCAL, confirm: ConfirmOption = "") -> None:
    """Destroy everything that Terraform made, but what the bootstrap made."""
    deployment = Context.reachable(environment).deployment
    if environment != LOCAL:
        _ask_unless(confirm, "destroy")(environment)
    deploying.destroy(deployment)


@app.command()
def smoke(environment: EnvironmentOption = LOCAL) -> None:
    """Send a synthetic lead the whole way, and take it out again."""
    deploying.smoke(Context.reachable(environment).deployment)


@app.command()
def release_commit(environment: EnvironmentOption) -> None:
    """Print the commit that the release that runs was built from."""
    commit = Context.reachable(environment).deployment.commit()
    on_github.hand_on_commit(commit)
    # Plain print: git reads it.
    print(commit)


@app.command()
def promote(
    source: Annotated[str, typer.Option("--from", help="The environment that runs it.")],
    target: Annotated[str, typer.Option("--to", help="The environment that comes next.")],
    confirm: ConfirmOption = "",
    commit: Annotated[str, typer.Option(help="Only a release built from this commit.")] = "",
) -> None:
    """Bring the release of one environment to the next; take it back if it fails there."""
    deploying.promote(
        Context.reachable(source).deployment,
        Context.reachable(target).deployment,
        _ask_unless(confirm),
        commit or None,
    )


@app.command()
def rollback(
    environment: EnvironmentOption, release: ReleaseOption = "", confirm: ConfirmOption = ""
) -> None:
    """Return to the release before, in one apply and without a build."""
    deployment = Context.reachable(environment).deployment
    deploying.rollback(deployment, _ask_unless(confirm), release or None)


@app.command()
def drift(environment: EnvironmentOption = LOCAL) -> None:
    """Name what differs between the code and the cloud; exit code 2 when anything does."""
    found = deploying.drift(Context.reachable(environment).deployment)
    for line in found:
        console.print(f"  [red]✗[/red] {escape(line)}")
    raise typer.Exit(2 if found else 0)


@app.command()
def sign_in(
    environment: EnvironmentOption,
    role: Annotated[str, typer.Option(help="deploy or plan.")],
) -> None:
    """Take on a role of the environment's account, in a job of GitHub, for an hour."""
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
    """Put what Terraform would change beneath a pull request of GitHub."""
    release = Context.reachable(environment).deployment.release()
    on_github.comment_plan(environment, release, pull_request)


@app.command()
def send(
    file: Annotated[str, typer.Argument(help="A file of events, or - for standard input.")],
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = DEFAULT_FLOW,
) -> None:
    """Put events onto the bus: one JSON object, or one on each line."""
    items = sending.read_file(file)
    context = Context.reachable(environment)
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
    if state and not execution:
        raise OperationError("A state belongs to an execution.", "Add EXECUTION=<name>.")
    context = Context.reachable(environment)
    executions = context.executions(flow)
    if state:
        watching.show_state(executions, execution, state)
    elif execution:
        watching.watch_one(executions, execution, once)
    else:
        watching.watch_all(executions, once)


@app.command("dead-letters")
def dead_letters(
    message: Annotated[str, typer.Option(help="A message's id, to see all of it.")] = "",
    environment: EnvironmentOption = LOCAL,
    flow: FlowsOption = "",
) -> None:
    """List what could not go on, with its error; or show one message whole."""
    context, now = Context.reachable(environment), datetime.now(UTC)
    outputs = context.terraform.outputs()
    found = {
        chosen.name: waiting.of_flow(context.aws, chosen, now)
        for chosen in Flow.chosen(outputs, flow)
    }
    if not flow:
        found[AUDIT_LOG] = letters.look(
            context.aws.client("sqs"), letters.UNAUDITED, outputs["event_audit"]["queue_url"]
        )
    if message:
        letter = letters.one(itertools.chain(*found.values()), message, environment)
        console.print(escape(screens.indented_json(letter.raw["Body"])), soft_wrap=True)
        return
    for name, some in found.items():
        if not flow:
            terminal.heading(name)
        console.print(screens.dead_letters_table(some, now))


@app.command()
def redrive(
    message: Annotated[str, typer.Option(help="The message with this id.")] = "",
    error: Annotated[str, typer.Option(help="All with this error.")] = "",
    state: Annotated[str, typer.Option(help="All that failed in this state.")] = "",
    everything: Annotated[str, typer.Option("--all", help="'yes': all.")] = "",
    rate: Annotated[float, typer.Option(help="The most events a second.", min=0.1)] = 5,
    dry_run: Annotated[str, typer.Option(help="'yes': only say what would be sent.")] = "",
    environment: EnvironmentOption = LOCAL,
    flow: FlowsOption = "",
) -> None:
    """Send the events of dead letters again; let what is stuck go on from where it ended."""
    selection = redriving.Selection(message, error, state, everything == "yes")
    selection.check()
    context, is_dry = Context.reachable(environment), dry_run == "yes"
    outputs = context.terraform.outputs()
    sqs = context.aws.client("sqs")
    begun: dict[str, Iterator[redriving.Outcome]] = {}
    for chosen in Flow.chosen(outputs, flow):
        executions = chosen.executions(context.aws.client)
        # Looked for first: what is sent again may fail again meanwhile.
        found = waiting.of_flow(context.aws, chosen, datetime.now(UTC))
        begun[chosen.name] = itertools.chain(
            redriving.redrive(
                sqs,
                Publisher(context.aws.client("events"), chosen.event_bus_name),
                chosen.queues,
                executions.event,
                selection,
                rate,
                is_dry,
            ),
            redriving.go_on(
                executions, [x for x in found if x.queue == STUCK], selection, rate, is_dry
            ),
        )
    if not flow:
        logs, audit = context.aws.client("logs"), outputs["event_audit"]
        begun[AUDIT_LOG] = redriving.write_down(sqs, logs, audit, selection, is_dry)
    sent = kept = 0
    for name, outcomes in begun.items():
        for number, outcome in enumerate(outcomes):
            if not flow and number == 0:
                terminal.heading(name)
            sent += outcome.goes_on
            kept += not (outcome.goes_on or outcome.meanwhile)
            mark = "[green]✓[/green]" if outcome.goes_on else "[yellow]·[/yellow]"
            beginning = outcome.letter.message_id[: screens.NAME_LENGTH]
            console.print(f"{mark} {beginning} {escape(outcome.text)}")
    console.print(f"{sent} sent again, {kept} left where they are")
    if not sent and not kept and not selection.everything:
        raise OperationError(
            "No dead letter fits what was given.",
            f"Type 'make dead-letters ENV={environment}' to see them.",
        )
    if kept and not is_dry:
        raise typer.Exit(1)


@app.command()
def discard(
    message: Annotated[str, typer.Option(help="The message's id.")],
    environment: EnvironmentOption = LOCAL,
    flow: FlowsOption = "",
    confirm: ConfirmOption = "",
) -> None:
    """Take one message out of its queue for good: it is not sent again."""
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    sqs = context.aws.client("sqs")
    queues = [queue for chosen in Flow.chosen(outputs, flow) for queue in chosen.queues]
    if not flow:
        queues.append((letters.UNAUDITED, outputs["event_audit"]["queue_url"]))
    found = [(x, queue, url) for queue, url in queues for x in letters.look(sqs, queue, url)]
    meant = letters.one((x for x, _, _ in found), message, environment)
    [(queue, url)] = [(queue, url) for x, queue, url in found if x is meant]
    console.print(screens.dead_letters_table([meant], datetime.now(UTC)))
    _ask_unless(confirm)(environment)
    if not letters.remove(sqs, queue, url, lambda x: x.message_id == meant.message_id):
        raise OperationError(
            f"Message {meant.message_id} is not in its queue now: somebody has it in his hands.",
            f"Type 'make dead-letters ENV={environment}' in two minutes.",
        )
    console.print(f"[green]✓[/green] {meant.message_id} is taken out")


@app.command()
def reconcile(
    since: Annotated[str, typer.Option(help="From when on: 2h, 7d, 2026-11-21T10:00Z.")] = "24h",
    everything: Annotated[str, typer.Option("--all", help="'yes': what arrived too.")] = "",
    as_json: Annotated[str, typer.Option("--json", help="'yes': for machines.")] = "",
    environment: EnvironmentOption = LOCAL,
    flow: FlowsOption = "",
) -> None:
    """Tell what became of every event that the bus accepted; exit code 1 if any is lost."""
    begin = moment(since, datetime.now(UTC))
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    is_json = as_json == "yes"
    reports: dict[str, reconciling.Report] = {}
    for chosen in Flow.chosen(outputs, flow):
        if not flow and not is_json:
            terminal.heading(chosen.name)
        report = reports[chosen.name] = reconciling.Reconciliation(
            context.aws.client,
            chosen,
            outputs["event_audit"],
            places.of(chosen.name, context.aws.client, outputs),
        ).report(begin, time.sleep)
        if not is_json:
            console.print(screens.reconciliation(report, everything == "yes"))
    if is_json:
        told = {name: report.as_json() for name, report in reports.items()}
        # Plain print: a machine reads it.
        print(json.dumps(told[flow] if flow else told, indent=2))
    raise typer.Exit(0 if all(report.is_whole for report in reports.values()) else 1)


@app.command()
def report(
    since: Annotated[str, typer.Option(help="From when on: 2h, 7d, 2026-11-21T10:00Z.")] = "24h",
    most: Annotated[int, typer.Option(help="The most executions of a flow.", min=1)] = 500,
    personal: Annotated[str, typer.Option(help="'yes' shows personal data.")] = "",
    out: Annotated[str, typer.Option(help="The file to write.")] = "",
    environment: EnvironmentOption = LOCAL,
) -> None:
    """Write one HTML file about what ran and what could not go on."""
    now = datetime.now(UTC)
    begin = moment(since, now)
    context = Context.reachable(environment)
    file = Path(out) if out else settings.load().folder / f"report-{environment}.html"
    with step("Write the report") as current:
        flows = gather(context.aws, context.terraform.outputs(), begin, most, now)
        page = render(environment, flows, now, personal=personal == "yes")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_privately(file, page)
        except OSError as error:
            raise OperationError(
                f"The report cannot be written: {error}.", "Give a file that can be: OUT=<file>."
            ) from error
        count = sum(len(flow.visits) for flow in flows)
        current.detail = f"{count} executions, {len(page) / 1000:,.0f} kB"
    console.print(f"  {file}")


@app.command()
def demo() -> None:
    """Run the main job: start, apply, send a good and a bad lead, show where they ended."""
    context = Context(LOCAL)
    up()
    deploying.bootstrap(context.deployment)
    deploying.apply(context.deployment)
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
    if context.aws.emulated:
        around = (name for name in settings.NO_PROXY_VARIABLES if name in os.environ)
        variables |= {name: os.environ[name] for name in around}
    elif variables:
        print(f"unset {' '.join(KEY_VARIABLES)}")
    # Where the make commands keep what 'terraform init' makes, each environment apart.
    own = ("TF_DATA_DIR", "TF_CLI_CONFIG_FILE")
    given = context.terraform.process_environment()
    variables |= {name: given[name] for name in own if name in given}
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
def words(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; all of it.")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Count them for each folder.")] = False,
) -> None:
    """List the words that docs/style.md rejects."""
    findings = find_words(settings.REPOSITORY, [path.resolve() for path in paths or []])
    lines = (
        [f"{number:5}  {folder}" for folder, number in sorted(count_by_folder(findings).items())]
        if count
        else [str(finding) for finding in findings]
    )
    for line in lines:
        print(line)
    if findings:
        raise OperationError(
            f"{len(findings)} rejected words were found.", "Replace them as docs/style.md says."
        )


@app.command()
def docs() -> None:
    """Draw the pictures in the documents anew."""
    with step("Draw the flows' pictures") as current:
        changed = [str(file.relative_to(settings.REPOSITORY)) for file in draw()]
        current.detail = ", ".join(changed) or "nothing changed"


@app.command("new-flow")
def new_flow(name: Annotated[str, typer.Argument(help="Its name, such as order_intake.")]) -> None:
    """Write the skeleton of a flow, whose tests pass."""
    for file in make_flow(name, settings.REPOSITORY):
        console.print(f"  {file.relative_to(settings.REPOSITORY)}")
    draw()
    console.print(
        f"Switch it on: put '{name}' into `flows` of terraform/envs/local.tfvars. "
        "docs/adding-a-flow.md goes on from here."
    )


def _ask_unless(confirm: str, verb: str = "change") -> deploying.Confirm:
    """Return what asks an operator, or takes the answer that was given beforehand."""

    def ask(environment: str) -> None:
        if confirm in ("yes", environment):
            return
        # What runs in production is changed by nobody's mere habit of typing 'yes'.
        wanted = environment if environment == STAGES[-1] else "yes"
        if not sys.stdin.isatty():
            raise OperationError(
                f"Nobody can be asked whether to {verb} '{environment}'; nothing was done.",
                "Type CONFIRM=yes beside the command.",
            )
        given = console.input(
            f"\n{verb.capitalize()} '{environment}'? Type [bold]{wanted}[/bold]: "
        )
        if given.strip() != wanted:
            raise OperationError(f"'{environment}' was left as it is.", f"It takes '{wanted}'.")

    return ask


def main() -> None:
    """Run the command line; every problem is one sentence and its mend, never a traceback."""
    # Whoever ends this process wants it to clear up after itself, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings.go_around_proxies(os.environ)
    try:
        app()
    except (OperationError, *AWS_ERRORS) as error:
        terminal.problem(as_operation_error(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
