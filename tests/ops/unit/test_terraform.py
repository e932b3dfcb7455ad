"""What is read of Terraform: its variables and its progress."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.local.certificates import AUTHORITY
from ops.settings import LOCAL, LocalSettings, Ports
from ops.terraform.checks import check_terraform
from ops.terraform.environments import Environment, names, read_hcl
from ops.terraform.runner import Terraform, TerraformReader


def line(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, "@message": "", **fields})


def hook(address: str) -> dict[str, object]:
    return {"resource": {"addr": address}}


def test_progress_counts_and_names_what_is_waited_for() -> None:
    seen: list[str] = []
    reader = TerraformReader(seen.append)

    reader.read(line("change_summary", changes={"add": 2, "change": 0, "remove": 0}))
    reader.read(line("apply_start", hook=hook("aws_sqs_queue.slow")))
    reader.read(line("apply_start", hook=hook("aws_iam_role.fast")))
    reader.read(line("apply_complete", hook=hook("aws_iam_role.fast")))

    assert seen[-1] == "1 of 2, aws_sqs_queue.slow"


def test_the_summary_is_terraforms_last_one() -> None:
    reader = TerraformReader(lambda _: None)
    for message in ("Plan: 1 to add", "Apply complete! Resources: 1 added."):
        changes = {"add": 1, "change": 0, "remove": 0}
        reader.read(json.dumps({"type": "change_summary", "@message": message, "changes": changes}))

    assert reader.summary == "Apply complete! Resources: 1 added"


def test_errors_name_their_place_and_warnings_are_left_out() -> None:
    reader = TerraformReader(lambda _: None)
    place = {"filename": "main.tf", "start": {"line": 7}}
    for severity in ("warning", "error"):
        diagnostic = {"severity": severity, "summary": f"a {severity}", "range": place}
        reader.read(line("diagnostic", diagnostic={**diagnostic, "detail": "long\n  text"}))

    assert reader.problems() == "a error (main.tf:7): long text"


def test_words_that_are_no_json_are_kept_for_the_error() -> None:
    reader = TerraformReader(lambda _: None)
    reader.read("Error: Backend initialization required\n")

    assert reader.problems() == "Error: Backend initialization required"


def test_values_of_a_variables_file(tmp_path: Path) -> None:
    file = tmp_path / "x.tfvars"
    file.write_text('# a comment\na = "text" # more\nb = { c = { port = 3306 } }\nd = null\n')

    assert read_hcl(file) == {"a": "text", "b": {"c": {"port": 3306}}, "d": None}


def test_terraform_gets_the_ports_from_its_environment(tmp_path: Path) -> None:
    settings = LocalSettings(tmp_path, Ports(5001, 5002))
    terraform = Terraform("local", settings, Aws("local", settings))

    emulator = json.loads(terraform.process_environment()["TF_VAR_emulator"])

    assert emulator == {"endpoint": "http://127.0.0.1:5001", "database_port": 5002}
    assert terraform.arguments() == [f"-var-file={terraform.environment.variables_file}"]
    # A variables file would take precedence.
    values = terraform.environment.variables
    assert "emulator" not in values
    assert "port" not in values["database"]["on_premises"]


def test_the_local_environment_may_have_other_flows(tmp_path: Path) -> None:
    settings = LocalSettings(tmp_path, Ports(5001, 5002), flows={"order_intake": {"rate": 1}})
    local = Terraform("local", settings, Aws("local", settings))
    dev = Terraform("dev", settings, Aws("dev", settings))

    assert local.arguments()[1:] == ['-var=flows={"order_intake": {"rate": 1}}']
    # The bootstrap makes the boundaries of the same flows.
    assert local.flows == ["order_intake"]
    assert dev.arguments()[1:] == []


def test_a_rehearsed_environment_has_the_named_ones_of_its_flows(tmp_path: Path) -> None:
    every = Environment.named("dev").variables["flows"]
    first = next(iter(every))
    named: dict[str, Any] = {first: {}, "unknown_here": {}}
    settings = LocalSettings(tmp_path, Ports(5001, 5002), emulated=True, flows=named)
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / AUTHORITY).write_text("authority", encoding="utf-8")

    dev = Terraform("dev", settings, Aws("dev", settings))

    assert dev.flows == [first]
    assert dev.arguments()[1:] == [f"-var=flows={json.dumps({first: every[first]})}"]


def test_the_local_environment_has_the_flows_that_were_shown(tmp_path: Path) -> None:
    every = Environment.named(LOCAL).variables["flows"]
    first = next(iter(every))
    settings = LocalSettings(tmp_path, Ports(5001, 5002), shown=frozenset({first}))

    local = Terraform(LOCAL, settings, Aws(LOCAL, settings))
    dev = Terraform("dev", settings, Aws("dev", settings))

    assert local.flows == [first]
    assert local.arguments()[1:] == [f"-var=flows={json.dumps({first: every[first]})}"]
    assert dev.arguments()[1:] == []
    assert dev.flows == sorted(dev.environment.variables["flows"])


def test_the_emulators_address_does_not_reach_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_emulator", '{"endpoint": "http://127.0.0.1:5001"}')
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    settings = LocalSettings(tmp_path, Ports(5001, 5002))

    variables = Terraform("dev", settings, Aws("dev", settings)).process_environment()

    assert "TF_VAR_emulator" not in variables


def test_a_rehearsed_environment_trusts_the_local_authority(tmp_path: Path) -> None:
    settings = LocalSettings(tmp_path, Ports(4566, 13306), emulated=True)
    terraform = Terraform("dev", settings, Aws("dev", settings))

    with pytest.raises(OperationError, match="make up"):
        terraform.arguments()
    settings.certificates.mkdir()
    (settings.certificates / AUTHORITY).write_text("pem\n")

    assert terraform.arguments()
    assert json.loads(terraform.process_environment()["TF_VAR_emulator"]) == {
        "endpoint": "http://127.0.0.1:4566",
        "database_ca": "pem\n",
    }


def test_an_operators_own_credentials_do_not_reach_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LocalSettings(tmp_path, Ports(5001, 5002))
    aws = Aws("local", settings)
    monkeypatch.setenv("AWS_PROFILE", "production")

    variables = Terraform("local", settings, aws).process_environment()

    assert "AWS_PROFILE" not in variables
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5001"


def test_terraform_works_in_the_account_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    keys = {"AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "y"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    settings = LocalSettings(tmp_path, Ports(5001, 5002))

    def variables() -> dict[str, str]:
        return Terraform("dev", settings, Aws("dev", settings)).process_environment()

    credentials.write_text("")
    assert keys.items() <= variables().items()
    credentials.write_text("[flowbridge-dev]\naws_access_key_id = a\naws_secret_access_key = b\n")
    found = variables()

    assert found["AWS_PROFILE"] == "flowbridge-dev"
    assert keys.keys() & found.keys() == set()


def test_the_environments_are_those_that_have_files() -> None:
    assert {"local", "dev"} <= set(names())


@pytest.fixture
def running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: Callable[[str], Any]
) -> Callable[[str, str], Terraform]:
    """Return the Terraform of an environment whose every command is a shell script."""
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    account = SimpleNamespace(emulated=False, client=aws, variables=dict)
    settings = LocalSettings(tmp_path, Ports(4566, 3306))

    def terraform(name: str, script: str) -> Terraform:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return Terraform(name, settings, cast(Aws, account))

    return terraform


@pytest.mark.parametrize(
    ("name", "action"), [("dev", "make bootstrap ENV=dev"), ("local", "make demo")]
)
def test_an_account_without_a_state_bucket_is_to_be_bootstrapped(
    running: Callable[[str, str], Terraform], aws: Callable[[str], Any], name: str, action: str
) -> None:
    terraform = running(name, "echo 'Error: no backend' >&2; exit 1")
    commands: list[Callable[[], object]] = [terraform.plan, terraform.outputs]
    for command in commands:
        with pytest.raises(OperationError, match=f"'{name}' is not bootstrapped") as caught:
            command()
        assert action in caught.value.action
    aws("s3").create_bucket(Bucket=terraform.environment.state_bucket)

    for command in commands:
        with pytest.raises(OperationError, match="no backend"):
            command()


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("local", "make demo"),
        ("dev", "make apply ENV=dev"),
        ("qa", "make promote FROM=dev TO=qa"),
        ("prd", "make promote FROM=qa TO=prd"),
    ],
)
def test_an_environment_without_resources_names_the_command_that_makes_them(
    running: Callable[[str, str], Terraform], name: str, action: str
) -> None:
    with pytest.raises(OperationError, match=f"'{name}' has no resources yet") as caught:
        running(name, "echo '{}'").outputs()

    assert caught.value.action == f"Type '{action}'."


def test_an_error_of_terraform_has_no_colors(tmp_path: Path) -> None:
    settings = LocalSettings(tmp_path, Ports(4566, 3306))
    (tmp_path / "main.tf").write_text("resource {")

    with pytest.raises(OperationError, match="Error") as initialised:
        Terraform("local", settings, Aws("local", settings))._run(tmp_path, "init")
    with pytest.raises(OperationError, match="main") as checked:
        check_terraform(tmp_path, tmp_path, os.environ)

    assert "\x1b" not in initialised.value.problem + checked.value.problem
