"""A firewall bounds the requests of each address to a public API, where the settings have one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import tftest

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.environments import Environment
from tests.support.plans import plan_with
from tests.support.plugins.terraform import MANIFEST, Found
from tests.support.resources import Resource

FLOWS = REPOSITORY / "terraform" / "flows"
LIMIT = {"requests": 50, "seconds": 60}


def firewalls(resources: list[Resource]) -> list[Resource]:
    """Return the web ACLs."""
    return [resource for resource in resources if resource.type == "aws_wafv2_web_acl"]


def bound(firewall: Resource) -> dict[str, Any]:
    """Return the statement of the only rule of a firewall, which blocks."""
    [rule] = firewall.values["rule"]
    assert rule["action"][0]["block"]
    statement: dict[str, Any] = rule["statement"][0]["rate_based_statement"][0]
    return statement


def settings_of(stage: str) -> list[Any]:
    """Return the firewalls in the settings of an environment's flows."""
    flows = [settings or {} for settings in Environment(stage).variables["flows"].values()]
    parts = [*flows, *(settings.get("front_door") or {} for settings in flows)]
    return [part["firewall"] for part in parts if part.get("firewall")]


def test_an_environment_has_the_firewalls_of_its_settings(stage: str, planned: Found) -> None:
    found = firewalls(planned)

    assert sorted(bound(firewall)["limit"] for firewall in found) == sorted(
        limit["requests"] for limit in settings_of(stage)
    )
    # Only prd has people to protect.
    assert bool(found) == (stage == "prd")
    for firewall in found:
        assert bound(firewall)["aggregate_key_type"] == "IP"
        # Samples would hold the addresses.
        assert firewall.values["visibility_config"][0]["sampled_requests_enabled"] is False


def test_a_site_is_behind_its_firewall(planned: Found) -> None:
    for site in [r for r in planned if r.type == "aws_cloudfront_distribution"]:
        module = site.address.rpartition(".aws_cloudfront")[0]
        own = [f for f in firewalls(planned) if f.address.startswith(f"{module}.module.firewall")]

        assert {firewall.values["scope"] for firewall in own} <= {"CLOUDFRONT"}
        # Known once the firewall is made; without one, the distribution names none.
        assert ("web_acl_id" not in site.values) == bool(own)


def variables_of(flow: str) -> str:
    """Return the variables of a flow, as text."""
    return (FLOWS / flow / "variables.tf").read_text(encoding="utf-8")


def has_firewall(flow: str) -> bool:
    """Return whether a flow has a public API, which its settings can guard."""
    return bool(re.search(r"^ +firewall += optional\(", variables_of(flow), re.MULTILINE))


def unguarded(flows: dict[str, Any]) -> list[str]:
    """Return the flows whose settings have a public API without a firewall."""
    found = []
    for name, settings in flows.items():
        has_door = re.search(r"^ +front_door += optional\(", variables_of(name), re.MULTILINE)
        part = settings.get("front_door") if has_door else settings
        # Without its front door, a flow has no public API.
        if has_firewall(name) and part is not None and not part.get("firewall"):
            found.append(name)
    return found


def test_every_public_api_of_prd_has_one() -> None:
    public = [flow for flow in flow_folders(REPOSITORY) if has_firewall(flow)]

    assert unguarded(Environment("prd").variables["flows"]) == []
    # A flow that comes to prd needs one too.
    assert len(public) >= 3
    for flow in public:
        assert unguarded({flow: {"front_door": {}}}) == [flow]


def test_public_apis_can_have_one(terraform_of_dev: tftest.TerraformTest, tmp_path: Path) -> None:
    flows = {
        name: {**settings, "firewall": LIMIT}
        for name, settings in Environment("dev").variables["flows"].items()
        if "front_door" not in settings and has_firewall(name)
    }
    assert flows
    release = json.loads(MANIFEST.read_text())["release"]
    found = plan_with(terraform_of_dev, tmp_path, "dev", flows=flows, release=release)
    guarded = [r for r in found if r.type == "aws_wafv2_web_acl_association"]

    assert [bound(firewall)["limit"] for firewall in firewalls(found)] == [50] * len(flows)
    assert [bound(f)["evaluation_window_sec"] for f in firewalls(found)] == [60] * len(flows)
    assert len(guarded) == len(flows)
    assert {firewall.values["scope"] for firewall in firewalls(found)} == {"REGIONAL"}
