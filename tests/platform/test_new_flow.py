"""A new flow's skeleton works as it is written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from build.package import CACHE, build
from ops.errors import OperationError
from ops.local.prepare import terraform_cli_config
from ops.new_flow import flow_folders, flows_file, make
from ops.settings import REPOSITORY
from ops.terraform.environments import Environment, read_hcl

NAME = "order_intake"
COPIED = ("terraform", "lambda_src", "emulator", "ops", "tests/support", "examples", "web")
FILES = ("pyproject.toml", "build/package.py", "tests/conftest.py")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with a new flow in it."""
    root = tmp_path_factory.mktemp("repository")
    ignored = shutil.ignore_patterns(".terraform", "__pycache__")
    for folder in COPIED:
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for file in FILES:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / file, root / file)
    make(NAME, root)
    return root


def succeeds(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command that has to succeed; return what it printed."""
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_its_own_tests_pass(repository: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    assert "6 passed" in succeeds(*command, f"tests/flows/{NAME}", cwd=repository)


def test_its_package_is_built(repository: Path, tmp_path: Path) -> None:
    results = build(repository / "lambda_src", tmp_path, CACHE)

    assert results[NAME][1]


def test_the_linter_finds_nothing(repository: Path) -> None:
    ruff = str(Path(sys.executable).with_name("ruff"))
    written = [f"lambda_src/{NAME}", f"tests/flows/{NAME}"]
    for command in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        succeeds(ruff, *command, *written, cwd=repository)


def test_the_release_is_recorded_once_it_runs_too(repository: Path) -> None:
    main, wiring = (read_hcl(repository / "terraform" / name) for name in ("main.tf", "flows.tf"))
    [release] = [
        resource["aws_ssm_parameter"]["release"]
        for resource in main["resource"]
        if "aws_ssm_parameter" in resource
    ]
    [flows] = [values["flows"] for values in wiring["locals"] if "flows" in values]

    # Terraform waits for the whole of a module that a local value is made of.
    assert release["depends_on"] == ["${local.flows}"]
    assert f"module.{NAME}" in flows


def test_it_is_written_into_the_local_environment(repository: Path) -> None:
    flows = read_hcl(repository / "terraform" / "envs" / "local.tfvars")["flows"]

    assert flows == {**Environment("local").variables["flows"], NAME: {}}


def test_the_flows_file_is_the_one_that_is_written_for_the_folders() -> None:
    text = (REPOSITORY / "terraform" / "flows.tf").read_text()

    assert text == flows_file(flow_folders(REPOSITORY))


def test_terraform_finds_it_valid_and_well_formatted(repository: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "TF_DATA_DIR": str(tmp_path)}
    if (configuration := terraform_cli_config()) is not None:
        environment["TF_CLI_CONFIG_FILE"] = str(configuration)
    for command in (
        ("fmt", "-check", "-recursive"),
        ("init", "-backend=false", "-input=false", "-lockfile=readonly"),
        ("validate",),
    ):
        succeeds("terraform", *command, cwd=repository / "terraform", env=environment)


def test_its_example_is_an_event_that_starts_it(repository: Path) -> None:
    event = json.loads((repository / "examples" / NAME / "event.json").read_text())
    main = (repository / "terraform" / "flows" / NAME / "main.tf").read_text()

    pattern = f'{{ source = ["{event["source"]}"], "detail-type" = ["{event["detail-type"]}"] }}'
    assert f"pattern        = jsonencode({pattern})" in main


@pytest.mark.parametrize(
    "name",
    ["", "Order", "order-intake", "1st", "a__b", "x" * 31, "../x", "class", "email"],
)
def test_a_name_that_cannot_be_one_is_refused(repository: Path, name: str) -> None:
    with pytest.raises(OperationError, match="is not a valid name of a flow"):
        make(name, repository)


def test_a_name_that_is_taken_is_refused(repository: Path) -> None:
    before = (repository / "terraform" / "flows.tf").read_text()

    with pytest.raises(OperationError, match="is there already"):
        make(NAME, repository)

    assert (repository / "terraform" / "flows.tf").read_text() == before
