"""The Terraform files use what release 6 of the AWS provider has too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ops.settings import REPOSITORY
from tests.support.provider_schema import BINDINGS, ONLY_IN_5, Use, bindings, missing, used

#: The types and arguments of the files at the last comparison with the bindings.
COMPARED = Path(__file__).with_name("provider_6.json")
FILES = sorted(
    file
    for folder in ("terraform", "examples")
    for file in (REPOSITORY / folder).rglob("*.tf")
    if ".terraform" not in file.parts
)
COMMAND = (
    "Compare it: UPDATE_PROVIDER=yes .venv/bin/python -m pytest -n0 -m long "
    "tests/platform/test_provider.py"
)
SOURCE = """
class AwsBox extends cdktn.TerraformResource {
    constructor(scope, id, config) {
        super(scope, id, {
            terraformResourceType: 'aws_box',
            terraformGeneratorMetadata: {
    get arn() {
        return this.getStringAttribute('arn');
    }
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktn.stringToHclTerraform(this._name),
                isBlock: false,
            },
            lid: {
                value: cdktn.listMapperHcl(awsBoxLidPropertyToHclTerraform, true)(this._lid),
                isBlock: true,
            },
        };
    }
}
function awsBoxLidPropertyToHclTerraform(struct) {
    const attrs = {
        color: {
            value: cdktn.stringToHclTerraform(struct.color),
            isBlock: false,
        },
    };
}
"""
FILE = """
resource "aws_box" "this" {
  for_each = var.boxes

  name = "box"

  dynamic "lid" {
    for_each = var.lids

    content {
      color = lid.value
      tags  = { shape = "round" }
    }
  }
}

data "aws_region" "current" {}

output "found" {
  value = [aws_box.this["a"].arn, module.other.aws_box.this.size, data.aws_region.current.id]
}
"""


def written(uses: dict[str, Use]) -> dict[str, str]:
    """Return what is used, as a line for each type: its arguments, and the attributes read."""
    return {
        name: " ".join([*sorted(use.arguments), *(f"({one})" for one in sorted(use.attributes))])
        for name, use in uses.items()
    }


def test_what_the_files_use_was_compared_with_release_6() -> None:
    compared = json.loads(COMPARED.read_text())

    assert compared["bindings"] == BINDINGS
    assert written(used(FILES)) == compared["used"], COMMAND


def test_modules_with_arguments_of_release_5_ask_for_it() -> None:
    for module in ONLY_IN_5.values():
        versions = REPOSITORY / "terraform" / "modules" / module / "versions.tf"
        assert '">= 5.100, < 6"' in versions.read_text()


def test_arguments_attributes_and_types_that_are_missing_are_found(tmp_path: Path) -> None:
    file = tmp_path / "main.tf"
    file.write_text(FILE)
    uses = used([file])

    assert written(uses) == {
        "data aws_region": "(id)",
        "resource aws_box": "lid lid.color lid.tags name (arn)",
    }
    assert missing(uses, {"resource aws_box": SOURCE}) == [
        "data aws_region",
        "resource aws_box: lid.tags",
    ]


@pytest.mark.long
def test_release_6_has_what_the_files_use() -> None:
    """``UPDATE_PROVIDER=yes`` writes what was compared."""
    uses = used(FILES)

    assert missing(uses, bindings(uses)) == sorted(ONLY_IN_5)
    if os.environ.get("UPDATE_PROVIDER") == "yes":
        compared = {"bindings": BINDINGS, "provider": "6.62.0", "used": written(uses)}
        COMPARED.write_text(json.dumps(compared, indent=1) + "\n")
