"""The Makefile passes variables on as options, and refuses those that nothing reads."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from ops.settings import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
#: A target with its variables, if any, its prerequisites, and its recipe.
TARGET = re.compile(
    r"(?:^takes\.(?P<of>[a-z-]+) := (?P<takes>[A-Z_ ]+)\n)?"
    r"^(?P<name>[a-z][a-z-]*):[^\n]*\n(?P<recipe>(?:\t[^\n]*\n|  [^\n]*\n)*)",
    re.MULTILINE,
)
#: What is not for the operator to choose.
FIXED = {"OPS", "PYTHON", "PYTEST", "MAKE", "MAKEFILE_LIST"}


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return what make would run; it runs nothing."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        ["make", "-n", *arguments],
        cwd=REPOSITORY,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def command(*arguments: str, **variables: str) -> str:
    """Return the last command that make would run, in one line with single blanks."""
    run = make(*arguments, **variables)
    assert run.returncode == 0, run.stderr
    return " ".join(run.stdout.split("-m ops ")[-1].replace("\\\n", " ").split())


def test_every_target_names_the_variables_that_its_recipe_reads() -> None:
    found = {match["name"]: match for match in TARGET.finditer(MAKEFILE)}
    assert len(found) > 30

    for name, match in found.items():
        recipe = match["recipe"]
        read = set(re.findall(r"\$\(call (?:option|flag),[a-z-]+,([A-Z_]+)\)", recipe))
        read |= set(re.findall(r"\$\((?:or |call quoted,\$\()?([A-Z_]+)[),]", recipe)) - FIXED
        read |= {"CONFIRM"} if "$(agreed)" in recipe else set()
        # Python reads this one from its environment.
        takes = set((match["takes"] or "").split()) - {"CANARY_MINUTES"}
        assert match["of"] in (None, name)
        assert read <= takes, name
        if "-m pytest" not in recipe and "$(PYTEST)" not in recipe:
            assert read == takes, name


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["redrive", "ALL=yes", "DRYRUN=yes"], "redrive takes no DRYRUN. Use only: ENV FLOW"),
        (["redrive", "ALL=yes", "dry_run=yes"], "redrive takes no dry_run. Use only: ENV FLOW"),
        (["discard", "MESSAGE=1", "DRY_RUN=yes"], "discard takes no DRY_RUN. Use only: ENV FLOW"),
        (["status", "ENV=dev"], "status takes no ENV. It takes no variable"),
        *(
            (["redrive", f"{name}={value}"], f"{name} is '{value}'. Use {name}=yes or {name}=no")
            for name in ("DRY_RUN", "ALL")
            for value in ("true", "1", "YES", "y", "yes no", "")
        ),
        (["reconcile", "JSON=true"], "JSON is 'true'. Use JSON=yes or JSON=no"),
        (["report", "PERSONAL=1"], "PERSONAL is '1'. Use PERSONAL=yes or PERSONAL=no"),
        (["destroy", "ENV=dev", "CONFIRM=prd"], "CONFIRM is 'prd'. Use CONFIRM=yes or CONFIRM=dev"),
        (
            ["promote", "FROM=dev", "TO=qa", "CONFIRM=prd"],
            "CONFIRM is 'prd'. Use CONFIRM=yes or CONFIRM=qa",
        ),
    ],
)
def test_a_wrong_variable_stops_everything(arguments: list[str], problem: str) -> None:
    run = make(*arguments)

    assert run.returncode != 0
    assert problem in run.stderr
    # Not even the setup begins.
    assert run.stdout == ""


def test_a_wrong_value_in_the_environment_is_refused_where_it_is_read() -> None:
    assert "DRY_RUN is 'true'" in make("redrive", "ALL=yes", DRY_RUN="true").stderr
    assert make("watch", DRY_RUN="true").returncode == 0


@pytest.mark.parametrize(
    ("value", "flag"), [({"DRY_RUN": "yes"}, " --dry-run"), ({"DRY_RUN": "no"}, ""), ({}, "")]
)
def test_a_dry_run_is_what_was_asked_for(value: dict[str, str], flag: str) -> None:
    typed = [f"{name}={text}" for name, text in value.items()]

    assert command("redrive", "ALL=yes", *typed) == f"redrive --env 'local' --all{flag}"
    assert command("redrive", "ALL=yes", **value) == f"redrive --env 'local' --all{flag}"


@pytest.mark.parametrize("confirm", ["yes", "prd"])
def test_a_pipeline_agrees_beforehand(confirm: str) -> None:
    promote = command("promote", "FROM=qa", "TO=prd", f"CONFIRM={confirm}")

    assert promote == "promote --from 'qa' --to 'prd' --yes"
    assert command("destroy", "ENV=prd", f"CONFIRM={confirm}") == "destroy --env 'prd' --yes"
    assert command("destroy", "ENV=prd") == "destroy --env 'prd'"


def test_a_value_is_one_word_of_the_shell_whatever_it_holds() -> None:
    text = 'it\'s; `touch x` "$HOME" #'

    # Make expands a dollar before the recipe sees it.
    run = command("redrive", "ERROR=" + text.replace("$", "$$"))

    result = subprocess.run(
        ["sh", "-c", f"printf '<%s>' {run}"], capture_output=True, text=True, check=False
    )
    assert result.stdout == f"<redrive><--env><local><--error><{text}>"


def test_the_environments_own_variables_are_taken_everywhere() -> None:
    for variable in (
        "FLOWBRIDGE_EMULATOR_PORT=5000",
        "EMULATED=yes",
        "QUOTAS=aws",
        "AWS_PROFILE=other",
    ):
        assert make("up", variable).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["promote", "TO=qa"], "FROM is missing. Name both environments"),
        (["promote", "FROM=dev"], "TO is missing. Name both environments"),
        (["send"], "FILE is missing. Name a file of events"),
        (["discard"], "MESSAGE is missing. Type 'make dead-letters'"),
        (["discard", "MESSAGE=1"], "REASON is missing. Say why the message is deleted"),
    ],
)
def test_a_missing_variable_is_named(arguments: list[str], missing: str) -> None:
    run = make(*arguments)

    assert run.returncode != 0
    assert missing in run.stderr


def test_one_flow_is_tested_without_linting_all_of_them() -> None:
    one, every = make("test", "FLOW=orders").stdout, make("test").stdout

    assert "--flow 'orders' tests" in one
    assert "build/package.py" in one
    assert "ruff" not in one
    assert "--flow" not in every
    assert "ruff check" in every


def test_every_long_test_is_run_by_one_command() -> None:
    """Long tests are in folders of several kinds."""
    every, one = make("test-long").stdout, make("test-long", "FLOW=orders").stdout

    assert "-m long  tests" in every
    assert "--kind" not in every
    assert "-m long --flow 'orders' tests" in one
