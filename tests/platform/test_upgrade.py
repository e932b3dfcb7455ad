"""An environment of the last release keeps what it has when today's code is applied.

`last_release.json` is the state of ``dev`` at 0.1.0, as ``tests/support/last_release.py`` cuts it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import tftest

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from tests.support.last_release import KEPT
from tests.support.plugins.terraform import MANIFEST

STATE = Path(__file__).with_name("last_release.json")
#: One failed event raises no alarm any more.
REMOVED = '.module.workflow.module.failed.aws_cloudwatch_metric_alarm.this["depth"]'
#: Within their modules: the token of the CMS that articles' categories are fetched from, and the
#: queue of the events of AWS services that could not be forwarded.
ADDED = {
    'aws_secretsmanager_secret.this["cms"]',
    "module.rule.module.dead_letters.aws_sqs_queue.this",
}


@pytest.fixture(scope="module")
def changes(
    terraform_of_dev: tftest.TerraformTest, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """The changes that Terraform plans for the resources of an environment of the last release."""
    folder = tmp_path_factory.mktemp("upgrade")
    root = Path(terraform_of_dev.tfdir)
    shutil.copytree(root.parent, folder / "repository", symlinks=True)
    copy = folder / "repository" / root.name
    shutil.copy(STATE, copy / "terraform.tfstate")
    new = cast(Any, tftest.TerraformTest)  # it ships no types
    terraform = new(str(copy), env={**terraform_of_dev.env, "TF_DATA_DIR": str(folder / "data")})
    terraform.setup(cleanup_on_exit=False)
    plan = terraform.plan(
        tf_var_file="envs/dev.tfvars",
        tf_vars={"release": json.loads(MANIFEST.read_text())["release"]},
        refresh=False,
        output=True,
    )
    found: list[dict[str, Any]] = [
        c for c in plan.resource_changes.values() if c["mode"] == "managed"
    ]
    return found


def before(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the changes of what the environment has."""
    return [change for change in changes if change["change"]["before"] is not None]


def test_everything_of_the_last_release_is_found_at_its_new_address(
    changes: list[dict[str, Any]],
) -> None:
    state = json.loads(STATE.read_text())
    count = sum(len(resource["instances"]) for resource in state["resources"])

    assert len(before(changes)) == count
    gone = [c["address"] for c in before(changes) if c["change"]["actions"] == ["delete"]]
    assert [address for address in gone if not address.endswith(REMOVED)] == []
    # It would pass as well if nothing had moved.
    assert [c for c in before(changes) if "previous_address" in c]


def test_nothing_that_holds_data_or_is_known_to_others_is_replaced(
    changes: list[dict[str, Any]],
) -> None:
    kept = [change for change in before(changes) if change["type"] in KEPT]

    assert {change["type"] for change in kept} == KEPT
    assert {
        change["address"]: change["change"].get("replace_paths")
        for change in kept
        if "delete" in change["change"]["actions"]
    } == {}


def test_nothing_that_holds_data_is_made_beside_what_is_there(
    changes: list[dict[str, Any]],
) -> None:
    """A flow that the last release did not have makes all that it needs."""
    found = [change["address"] for change in before(changes)]
    new = tuple(
        f"module.{flow}["
        for flow in flow_folders(REPOSITORY)
        if not any(address.startswith(f"module.{flow}[") for address in found)
    )
    made = {
        change["address"]
        for change in changes
        if change["change"]["actions"] == ["create"] and not change["address"].startswith(new)
    }

    kept = [address for address in made if address.split(".")[-2] in KEPT]
    assert {address.partition("].")[2] for address in kept} == ADDED
    assert len(kept) == len(ADDED)
