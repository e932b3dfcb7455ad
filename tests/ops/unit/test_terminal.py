"""The output of commands: on a terminal, and in a file or a pipe."""

from __future__ import annotations

import json

import pytest
from rich.table import Table

from ops.cli.terminal import errors, new_console

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:flowbridge-local-key"
LONG = " ".join(["0123456789"] * 60)


@pytest.mark.parametrize("on_terminal", ["1", ""])
def test_the_arn_of_a_secret_is_printed_unchanged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_terminal: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", on_terminal)
    monkeypatch.setenv("COLUMNS", "200")
    console = new_console()
    assert console.is_terminal is bool(on_terminal)

    console.print(ARN)
    errors.print(ARN)

    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{ARN}\n", f"{ARN}\n")


@pytest.mark.parametrize("columns", [None, "60"])
def test_nothing_is_wrapped_or_padded_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str | None
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    console = new_console()
    table = Table(box=None, pad_edge=False)
    table.add_column("event", no_wrap=True)
    table.add_column("cause", overflow="fold")
    table.add_row("one", LONG)
    table.add_row("two", "short")

    console.print(LONG)
    console.print(json.dumps({"text": LONG}))
    console.print(table)

    assert capsys.readouterr().out.split("\n") == [
        LONG,
        json.dumps({"text": LONG}),
        "event  cause",
        f"one    {LONG}",
        "two    short",
        "",
    ]
