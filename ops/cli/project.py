"""Commands for those who develop the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops import settings
from ops.cli.terminal import console, step
from ops.context import Context
from ops.errors import OperationError
from ops.new_flow import make as make_flow
from ops.settings import LOCAL
from ops.style.words import Finding, count_by_folder, find_words
from ops.terraform import docs as documents
from ops.terraform.checks import check_terraform, scan_terraform
from ops.terraform.runner import ROOT

app = typer.Typer()


@app.command()
def lint() -> None:
    """Check the words of all texts, and Terraform's files: format, validity, insecure settings."""
    with step("Look for rejected words"):
        _print_rejected(find_words(settings.REPOSITORY))
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
        list[Path] | None, typer.Argument(help="Files and folders instead of all of them.")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Count them for each folder.")] = False,
) -> None:
    """List the words that docs/style.md rejects."""
    findings = find_words(settings.REPOSITORY, [path.resolve() for path in paths or []])
    if count:
        for folder, number in sorted(count_by_folder(findings).items()):
            print(f"{number:5}  {folder}")
    _print_rejected(findings, with_places=not count)


def _print_rejected(findings: list[Finding], *, with_places: bool = True) -> None:
    """Print the place of each rejected word and its replacement; fail when there is one."""
    for finding in findings if with_places else ():
        print(finding)
    if findings:
        raise OperationError(
            f"Rejected words were found: {len(findings)}.", "Replace them as docs/style.md says."
        )


@app.command()
def docs() -> None:
    """Write the generated parts of the documents: pictures and tables."""
    with step("Write the generated parts of the documents") as current:
        changed = [str(file.relative_to(settings.REPOSITORY)) for file in documents.write()]
        current.detail = ", ".join(changed) or "nothing changed"


@app.command()
def new_flow(name: Annotated[str, typer.Argument(help="Its name, such as order_intake.")]) -> None:
    """Write the skeleton of a flow, whose tests pass."""
    for file in make_flow(name, settings.REPOSITORY):
        console.print(f"  {file.relative_to(settings.REPOSITORY)}")
    documents.write()
    console.print(
        "The local environment has it after 'make apply'. docs/adding-a-flow.md describes the next "
        "steps."
    )
