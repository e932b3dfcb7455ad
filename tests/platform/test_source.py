"""The Terraform files keep the rules of the house."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from flowbridge.clients import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS
from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.environments import Environment, names
from ops.terraform.runner import ROOT
from tests.support.provider_schema import ONLY_IN_5

FILES = sorted(file for file in ROOT.rglob("*.tf") if ".terraform" not in file.parts)
PAGES = sorted((REPOSITORY / "web").glob("*/*.html"))
OPENAPI_DOCUMENTS = sorted(
    file for file in ROOT.rglob("*.yaml.tftpl") if "\nopenapi: " in file.read_text()
)
#: An example is a root module to copy, in as few files as it needs.
MODULES = sorted({file.parent for file in FILES if file.parent.parent.name != "examples"})
OPTIONS = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False)


def blocks(file: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Return a file's blocks of one kind with one label, such as variables, by name."""
    with file.open() as stream:
        content = hcl2.load(stream, serialization_options=OPTIONS)
    return {name: body for block in content.get(kind, []) for name, body in block.items()}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(ROOT)))
def test_a_module_has_its_four_files(module: Path) -> None:
    names = {file.name for file in module.glob("*.tf")}

    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= names


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_variables_and_outputs_say_what_they_are(file: Path) -> None:
    for name, body in blocks(file, "variable").items():
        assert "type" in body, f"{file}: variable {name} has no type"
    for kind in ("variable", "output"):
        for name, body in blocks(file, kind).items():
            text = body.get("description", "")
            if text.startswith("<<"):
                # Of an object with many fields: a line for each, below what they are together.
                first, *lines = text.strip().splitlines()[1:-1]
                assert re.fullmatch(r" *[A-Z].*:", first), f"{file}: {kind} {name}"
                assert lines, f"{file}: {kind} {name}"
                for line in lines:
                    assert re.fullmatch(r" *[a-z0-9_.]+(, [a-z0-9_.]+)*: .+\.", line), (
                        f"{file}: {line}"
                    )
            else:
                assert re.match(r"[A-Z].*\.$", text), f"{file}: {kind} {name}"


def test_every_module_takes_the_same_versions_of_the_provider() -> None:
    """Release 6 deprecates a region's name; its id is right in both."""
    versions = re.compile(r'source += "hashicorp/aws"\n +version = "(.+)"')
    texts = {file: file.read_text() for file in FILES}
    # test_provider.py checks these.
    own = [ROOT / "modules" / module / "versions.tf" for module in ONLY_IN_5.values()]

    asked = {
        version
        for file, text in texts.items()
        if file not in own
        for version in versions.findall(text)
    }
    assert asked == {">= 5.100, < 7"}
    named = re.compile(r"data\.aws_region\.\w+\.(name|region)\b")
    assert not [file for file, text in texts.items() if named.search(text)]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_module_configures_a_provider_and_nothing_is_counted(file: Path) -> None:
    with file.open() as stream:
        content = hcl2.load(stream, serialization_options=OPTIONS)

    if file.parent.parent.name in ("modules", "flows"):
        assert "provider" not in content
    bodies = {
        **{f"module {name}": body for name, body in blocks(file, "module").items()},
        **{
            f"{label} {name}": body
            for kind in ("resource", "data")
            for block in content.get(kind, [])
            for label, named in block.items()
            for name, body in named.items()
        },
    }
    counted = [name for name, body in bodies.items() if "count" in body]
    assert counted == []


def seconds_of(flow: Path, value: int | str) -> int:
    """Return a time limit; one of a flow's settings has its default, and what is added to it."""
    if isinstance(value, int):
        return value
    found = re.fullmatch(r"\$\{var\.settings\.[\w.]*\b(\w+)( \+ (\d+))?\}", value)
    assert found, value
    text = (flow / "variables.tf").read_text(encoding="utf-8")
    default = re.search(rf"\b{found[1]} *= optional\(number, (\d+)\)", text)
    assert default, value
    return int(default[1]) + int(found[3] or 0)


def test_every_function_outlasts_the_calls_that_it_waits_for() -> None:
    """A function that is ended can neither answer nor say why."""
    call = ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS) + 1  # between two attempts
    task_seconds = blocks(ROOT / "modules" / "workflow" / "variables.tf", "variable")
    default = task_seconds["timeout_seconds"]["default"]
    seconds = {}  # which it has, and which it needs
    for file in (ROOT / "flows").glob("*/*.tf"):
        for name, body in blocks(file, "module").items():
            module = f"{file.parent.name}.{name}"
            if body["source"].endswith("public_api"):
                # One call by each statement: a secret is read, then something is started.
                function = body["function"]
                statements = function["statements"]
                # Calls that a setting adds are not counted: the caller then gets 504, and repeats
                # the request.
                always = str(statements).partition("? {} :")[0]
                seconds[module] = function["timeout_seconds"], call * always.count("actions")
            elif body["source"].endswith("workflow"):
                # CatchErrors makes two calls; the others read a secret, and call an API for 13 s.
                seconds[module] = body.get("timeout_seconds", default), call + max(call, 13)
            elif body["source"].endswith("lambda_function"):
                # A secret, and a connection with its statement.
                seconds[module] = seconds_of(file.parent, body["timeout_seconds"]), call + 11

    assert seconds
    assert {name: (has, needs) for name, (has, needs) in seconds.items() if has <= needs} == {}


def test_environments_differ_by_their_values_only() -> None:
    assert not [file for file in FILES if file.stem in ("local", "dev", "qa", "prd")]


def test_no_environments_file_puts_it_on_an_emulator() -> None:
    """The emulator has no TLS, and an environment on AWS must demand it."""
    on_emulator = [name for name in names() if "emulator" in Environment(name).variables]

    assert on_emulator == []


@pytest.mark.parametrize("flow", flow_folders(REPOSITORY))
def test_the_bootstrap_names_no_flow(flow: str) -> None:
    """It takes the flows' rights from their folders, so a new flow changes nothing here."""
    # As a folder, in names on AWS, in a Sid, in a sentence.
    written = re.compile("[_ -]?".join(flow.split("_")), re.IGNORECASE)
    files = [file for file in (ROOT / "bootstrap").rglob("*") if ".terraform" not in file.parts]
    texts = {file: file.read_text() for file in files if file.is_file()}

    assert {"main.tf", "policies.tf", "README.md", "dev.tfvars"} <= {file.name for file in texts}
    assert [file.name for file, text in texts.items() if written.search(text)] == []


@pytest.mark.parametrize("file", OPENAPI_DOCUMENTS, ids=lambda f: str(f.relative_to(ROOT)))
def test_an_api_document_refers_to_schemas_only(file: Path) -> None:
    """API Gateway's import does not support references to responses and other components."""
    references = re.findall(r"\$ref: *(\S+)", file.read_text())

    assert [name for name in references if not name.startswith('"#/components/schemas/')] == []


@pytest.mark.parametrize("file", OPENAPI_DOCUMENTS, ids=lambda f: str(f.relative_to(ROOT)))
def test_an_api_document_describes_itself(file: Path) -> None:
    text = re.sub(r"\$\{.*\}", "value", file.read_text())
    document = yaml.safe_load(text)
    info, schemes = document["info"], document["components"].get("securitySchemes", {})

    assert len(info["description"]) > 50
    assert info["contact"]["name"]
    assert info["license"]["name"] == "Apache-2.0"
    assert [server["url"] for server in document["servers"]]
    for operations in document["paths"].values():
        for operation in operations.values():
            # Empty for an operation that is open to everyone.
            assert {name for one in operation["security"] for name in one} <= {*schemes}
            assert "429" in operation["responses"]


@pytest.mark.parametrize("page", PAGES, ids=lambda f: str(f.relative_to(REPOSITORY)))
def test_a_page_describes_itself_and_each_input_has_a_type(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert re.search(r'<meta name="description" content="[^"]+">', text)
    inputs = re.findall(r"<input [^>]*>", text)
    assert [found for found in inputs if ' type="' not in found] == []
