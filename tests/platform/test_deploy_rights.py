"""The rights that flows declare are checked, merged without loss, and fit into IAM's policies."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.terraform.environments import Environment
from ops.terraform.runner import BOOTSTRAP, DEPLOY_RIGHTS, FLOWS
from tests.support.bootstrap import (
    PlanError,
    copy_bootstrap,
    copy_deploy_rights,
    plan_bootstrap,
    policies,
    room,
)
from tests.support.emulator import running_emulator
from tests.support.resources import JsonObject, as_list

DEV = Environment("dev")
#: IAM's limits: characters in a managed policy, and managed policies on a role.
POLICY_CHARACTERS, POLICIES_OF_ROLE = 6144, 10
DATABASES = f"arn:aws:rds:{DEV.region}:{DEV.account_id}:db:"
#: As many flows as the platform is built for.
MANY = 21
#: Parts of the names of the environment's own things.
OWN = (DEV.prefix, DEV.prefix.replace("-", "/"), DEV.prefix.replace("-", "_"))
#: Services that copies of flows share even when each brings services of its own.
SHARED = ("apigateway", "wafv2")

Plan = Callable[..., JsonObject]
#: An effect, an action, a resource, and the rest of the statement.
Right = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bootstrap, which Terraform initialises once."""
    return copy_bootstrap(tmp_path_factory.mktemp("bootstrap"))


@pytest.fixture
def root(copy: Path) -> Path:
    """The copy, with today's rights of the flows."""
    copy_deploy_rights(copy)
    return copy


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    """Return what plans a copy of the bootstrap for some flows."""
    with running_emulator(tmp_path_factory.mktemp("deploy-rights")) as settings:
        yield lambda root, flows, **more: plan_bootstrap(
            root, DEV, settings.endpoint, flows, **more
        )


def write(root: Path, flow: str, rights: JsonObject) -> None:
    """Write a flow's rights into a copy."""
    file = root / "flows" / flow / DEPLOY_RIGHTS
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(rights))


def copied_to_many(root: Path, own_services: bool) -> list[str]:
    """Copy today's flows to `MANY`, with names of their own; return the names of all.

    With `own_services`, the actions of each copy are of services that no other flow uses, so that
    no statement of a copy can be merged with another's.
    """
    originals = sorted(file.parent.name for file in FLOWS.glob(f"*/{DEPLOY_RIGHTS}"))
    flows = list(originals)
    for number in range(1, MANY - len(originals) + 1):
        original = originals[number % len(originals)]
        text = (FLOWS / original / DEPLOY_RIGHTS).read_text()
        # All flows use the same database.
        text = re.sub(r"\$\{prefix\}-(?!database)", f"${{prefix}}-c{number}-", text)
        rights = json.loads(text)
        rights["names"] = [f"c{number}-{name}" for name in rights.get("names", [])]
        if own_services:
            for statement in rights["read"] + rights["change"]:
                statement["Action"] = [
                    action if service in SHARED else f"{service}-c{number}:{action.split(':')[1]}"
                    for action in as_list(statement["Action"])
                    for service in [action.split(":")[0]]
                ]
        flows.append(f"c{number}_{original}")
        write(root, flows[-1], rights)
    return flows


def rights(statements: list[Any]) -> set[Right]:
    """Return each right of statements by itself."""
    found = set()
    for statement in statements:
        effect = statement.get("Effect", "Allow")
        key = "NotResource" if "NotResource" in statement else "Resource"
        rest = json.dumps([key, statement.get("Condition", {})], sort_keys=True)
        for action in as_list(statement["Action"]):
            for resource in as_list(statement[key]):
                found.add((effect, action, resource, rest))
    return found


def show(config: pytest.Config, title: str, found: dict[str, list[dict[str, int]]]) -> None:
    """Print how much room is left, also when the test passes."""
    lines = ["", title]
    for owner, filled in found.items():
        sizes = ", ".join(f"{policy['used']} + {policy['free']}" for policy in filled)
        lines.append(f"  {owner}: {sizes}")
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stdout.write("\n".join(lines) + "\n")


#: The share of a policy's characters that statements fill at most, whatever their lengths.
FULL = 0.99


@pytest.mark.parametrize("own_services", [False, True])
def test_many_flows_fit_into_the_policies(
    root: Path, plan: Plan, own_services: bool, pytestconfig: pytest.Config
) -> None:

    found = room(plan(root, copied_to_many(root, own_services)))

    kind = "each with services of its own" if own_services else "with today's services"
    show(pytestconfig, f"{MANY} flows, {kind}: characters used + free in each policy", found)
    assert len(found) == 2 + MANY + 1
    for owner, filled in found.items():
        assert len(filled) <= (POLICIES_OF_ROLE if owner.endswith(" role") else 1), owner
        for policy in filled:
            assert policy["free"] >= 0
            assert policy["used"] + policy["free"] == POLICY_CHARACTERS
        # As few as possible: the statements, which cannot be divided, do not fit into one policy
        # less, of which each would have some characters to spare.
        used = sum(policy["used"] for policy in filled)
        assert used > (len(filled) - 1) * POLICY_CHARACTERS * FULL or len(filled) == 1, owner


def test_merging_and_packing_neither_lose_nor_add_a_right(root: Path, plan: Plan) -> None:
    flows = sorted(DEV.variables["flows"])
    # A flow that dev does not have.
    unused = {"Sid": "ReadTable", "Action": "glue:GetTable", "Resource": "arn:x"}
    write(root, "order_intake", {"read": [unused], "change": [unused], "boundary": [unused]})
    planned = plan(root, flows)
    documents = policies(planned)
    # The platform's statements, which Terraform reads as data.
    own: dict[str, list[Any]] = {
        resource["name"] + f"[{resource.get('index', '')}]": json.loads(resource["values"]["json"])[
            "Statement"
        ]
        for resource in planned["prior_state"]["values"]["root_module"]["resources"]
        if resource["type"] == "aws_iam_policy_document"
    }

    def declared(flow: str, *parts: str) -> list[Any]:
        values = {
            "partition": "aws",
            "region": DEV.region,
            "account_id": DEV.account_id,
            "place": f"{DEV.region}:{DEV.account_id}",
            "environment": DEV.name,
            "prefix": DEV.prefix,
            "flow": f"{DEV.prefix}-{flow.replace('_', '-')}",
            "database": f"{DEV.prefix}-{flow}".replace("-", "_"),
            "database_admin_secret": "rds!db-",
        }
        text = (FLOWS / flow / DEPLOY_RIGHTS).read_text()
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        content = json.loads(text)
        return [statement for part in parts for statement in content.get(part, [])]

    for role, start in (("plan", "read"), ("deploy", "deploy_")):
        packed = [
            statement
            for name, document in documents.items()
            if re.fullmatch(rf"{DEV.prefix}-{role}-\d+", name)
            for statement in document["Statement"]
        ]
        parts = ["read"] if role == "plan" else ["read", "change"]
        wanted = own["read[]"] + [s for flow in flows for s in declared(flow, *parts)]
        wanted += [s for name in own if name.startswith(start) for s in own[name]]
        assert len(packed) > 20
        assert rights(packed) == rights(wanted)
    for flow in flows:
        document = documents[f"{DEV.prefix}-{flow.replace('_', '-')}-boundary"]
        wanted = own[f"boundary[{flow}]"] + declared(flow, "boundary")
        assert rights(document["Statement"]) == rights(wanted)
    assert f"{DEV.prefix}-order-intake-boundary" not in documents
    for document in documents.values():
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(set(sids)) == len(sids)


def test_faults_of_files_and_rights_that_do_not_fit_are_named(root: Path, plan: Plan) -> None:
    good = {"Sid": "ReadTable", "Action": "glue:GetTable", "Resource": "arn:x"}
    write(
        root,
        "order_intake",
        {
            "colour": "red",
            "names": ["network-of-orders"],
            "read": [
                {**good, "Sid": "Sid1"},
                {**good, "Effect": "Deny"},
                {**good, "Sid": "Wild", "Action": "glue:*"},
                {**good, "Sid": "Empty", "Resource": []},
                {"Sid": "Nothing", "Resource": "arn:x"},
            ],
            "change": [{**good, "Sid": "Everything", "Resource": "*"}],
            "boundary": [{**good, "Sid": "MakeUser", "Action": ["s3:GetObject", "iam:CreateUser"]}],
        },
    )

    long = [
        {"Sid": "Long", "Action": f"glue:Action{n}", "Resource": f"arn:{'x' * 3000}"}
        for n in range(30)
    ]
    longer = {"Sid": "Longer", "Action": "glue:GetTables", "Resource": f"arn:{'x' * 6144}"}
    write(root, "stock_count", {"change": long, "boundary": long[:2], "read": [longer]})

    with pytest.raises(PlanError) as failure:
        plan(root, ["order_intake", "order_outtake", "stock_count"])

    text = str(failure.value)
    for fault in (
        "terraform/flows/order_outtake/deploy_rights.json is missing.",
        "order_intake/deploy_rights.json has the unknown key 'colour'.",
        "order_intake/deploy_rights.json, read, Sid1: needs a Sid of letters only.",
        "read, ReadTable: has a key other than Sid, Action, Resource, Condition and Reason.",
        "read, Wild: needs an Action, such as glue:GetTable, without a wildcard.",
        "read, Empty: needs a Resource.",
        "read, Nothing: needs an Action, such as glue:GetTable, without a wildcard.",
        'change, Everything: needs a Reason for the Resource "*".',
        "boundary, MakeUser: may not have actions of account, iam, organizations.",
        "The name 'network-of-orders' of order_intake begins with 'network', a name of platform.",
        "The deploy role needs more than 10 policies: its statements have",
    ):
        assert fault in text, text
    assert re.search(r"The boundary of stock_count has \d+ characters", text)
    assert re.search(r"Longer of the plan role has \d+ characters", text)


def wide_rights(documents: dict[str, JsonObject]) -> list[str]:
    """Return the rows of the README's table: the deploy role's rights on others' things."""
    found: dict[str, set[str]] = {}
    for name, document in documents.items():
        if not re.fullmatch(rf"{DEV.prefix}-deploy-\d+", name):
            continue
        for statement in document["Statement"]:
            if statement["Effect"] == "Deny" or is_tagged(statement.get("Condition", {})):
                continue
            for resource in as_list(statement["Resource"]):
                if not any(own in resource for own in OWN):
                    place = resource.replace(DEV.account_id, "<account>")
                    place = place.replace(DEV.region, "<region>")
                    found.setdefault(place, set()).update(
                        action
                        for action in as_list(statement["Action"])
                        if not re.match(r"[^:]+:(Describe|GET|Get|List|Validate)", action)
                    )
    alike: dict[tuple[str, ...], list[str]] = {}
    for place, actions in sorted(found.items()):
        alike.setdefault(tuple(sorted(actions)), []).append(place)
    return [
        f"| {' '.join(f'`{n}`' for n in places)} | {' '.join(f'`{n}`' for n in rights)} |"
        for rights, places in alike.items()
        if rights
    ]


def is_tagged(condition: JsonObject) -> bool:
    """Return whether a statement is about new resources or about those with the right tag."""
    equal = condition.get("StringEquals", {})
    is_untagged = "aws:ResourceTag/environment" in condition.get("Null", {})
    return not is_untagged and bool(
        {"aws:RequestTag/environment", "aws:ResourceTag/environment"} & set(equal)
    )


def test_the_readme_lists_every_right_beyond_the_environments_names(root: Path, plan: Plan) -> None:
    rows = wide_rights(policies(plan(root, sorted(DEV.variables["flows"]))))

    text = (BOOTSTRAP / "README.md").read_text()
    listed = text.partition("<!-- wide rights -->\n")[2].partition("<!-- end of wide rights -->")[0]
    assert len(rows) > 8
    assert listed.splitlines() == ["| resource | rights |", "| --- | --- |", *rows], "\n".join(rows)


def test_no_role_of_the_bootstrap_can_be_changed(root: Path, plan: Plan) -> None:
    """The deploy role is denied each change of the bootstrap's roles that it may make of others."""
    statements = [
        statement
        for name, document in policies(plan(root, sorted(DEV.variables["flows"]))).items()
        if re.fullmatch(rf"{DEV.prefix}-deploy-\d+", name)
        for statement in document["Statement"]
    ]
    role = f"arn:aws:iam::{DEV.account_id}:role/"
    denied = {
        action
        for statement in statements
        if statement["Effect"] == "Deny"
        and {f"{role}bootstrap/*", f"{role}{DEV.prefix}-api-gateway-logs"}
        <= {*as_list(statement["Resource"])}
        for action in as_list(statement["Action"])
    }
    changes = {
        action
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        if re.match(r"iam:(Attach|Delete|Detach|Put|Tag|Untag|Update)", action)
    }

    assert len(changes) > 5
    assert changes <= denied


def test_the_platform_is_no_flow(root: Path, plan: Plan) -> None:
    with pytest.raises(PlanError, match="not 'platform'"):
        plan(root, ["platform"])


def test_a_copy_of_backups_needs_rights_in_its_region(root: Path, plan: Plan) -> None:
    flows = sorted(DEV.variables["flows"])
    database = {"rds": {"backup_copy": {"region": "us-west-2"}}}

    def allowed(documents: dict[str, JsonObject]) -> set[tuple[str, str]]:
        return {
            (action, resource)
            for name, document in documents.items()
            if re.fullmatch(rf"{DEV.prefix}-(deploy|plan)-\d+", name)
            for statement in document["Statement"]
            if statement["Effect"] == "Allow"
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }

    added = allowed(policies(plan(root, flows, database=database))) - allowed(
        policies(plan(root, flows))
    )

    other = f":us-west-2:{DEV.account_id}:"
    assert {(a, r) for a, r in added if other not in r} == {
        (f"rds:{change}DBInstanceAutomatedBackupsReplication", f"{DATABASES}{DEV.prefix}-*")
        for change in ("Start", "Stop")
    }
    kinds = {resource.split(other)[1] for _, resource in added if other in resource}
    assert kinds == {"auto-backup:*", "key/*", f"alias/{DEV.prefix}*"}
