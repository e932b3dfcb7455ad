"""The options that several commands share, and the question before a change."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ops.cli.terminal import console
from ops.errors import OperationError
from ops.releases.deploy import Confirm
from ops.terraform.environments import STAGES

EnvironmentOption = Annotated[
    str, typer.Option("--env", help="The environment: local, dev, qa or prd.")
]
FlowOption = Annotated[str, typer.Option("--flow", help="One flow instead of all.")]
ReleaseOption = Annotated[
    str, typer.Option(help="A release's digest instead of the built or running release.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Agree without being asked.")]
SinceOption = Annotated[str, typer.Option(help="Start of the period: 2h, 7d, 2026-11-21T10:00Z.")]


def agreement(given: bool, verb: str = "change") -> Confirm:
    """Return the function that asks an operator before an environment changes.

    Parameters
    ----------
    given
        Whether the operator agreed with ``--yes``.
    verb
        The change, as the question names it.
    """

    def ask(environment: str) -> None:
        if given:
            return
        # A reflexive 'yes' is not enough for prd.
        wanted = environment if environment == STAGES[-1] else "yes"
        if not sys.stdin.isatty():
            raise OperationError(
                f"There is no terminal to ask whether to {verb} '{environment}', so nothing "
                "changed.",
                "Type CONFIRM=yes after the command.",
            )
        answer = console.input(
            f"\n{verb.capitalize()} '{environment}'? Type [bold]{wanted}[/bold]: "
        )
        if answer.strip() != wanted:
            raise OperationError(
                f"'{environment}' was not changed.", f"Type '{wanted}' to go ahead."
            )

    return ask
