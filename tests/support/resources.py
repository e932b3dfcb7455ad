"""Terraform's planned and existing resources."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ops.terraform.runner import ROOT, Terraform

JsonObject = dict[str, Any]

#: The attributes of resources that hold a policy.
POLICIES = ("policy", "policy_document", "assume_role_policy", "access_policy")


@dataclass(frozen=True)
class Resource:
    """A managed resource: its address, type and values, and which are not known yet."""

    address: str
    type: str
    values: JsonObject
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Statement:
    """One statement of an IAM or resource policy, and where it stands."""

    address: str
    content: JsonObject

    @property
    def sid(self) -> str:
        """Its name."""
        return str(self.content.get("Sid", ""))

    @property
    def is_allow(self) -> bool:
        """Whether it allows something."""
        return bool(self.content["Effect"] == "Allow")

    @property
    def actions(self) -> list[str]:
        """The resources."""
        return as_list(self.content.get("Action", []))

    @property
    def resources(self) -> list[str]:
        """The resources; empty for a trust policy."""
        return as_list(self.content.get("Resource", []))


def as_list(value: Any) -> list[str]:
    """Return a policy's element, which may be one text or a list, as a list."""
    return value if isinstance(value, list) else [value]


def resources(module: JsonObject) -> Iterator[Resource]:
    """Yield the managed resources of a module of ``terraform show -json``, and of its children."""
    for resource in module.get("resources", []):
        if resource["mode"] == "managed":
            # What is not known yet is left out; sometimes that is everything.
            yield Resource(resource["address"], resource["type"], resource.get("values", {}))
    for child in module.get("child_modules", []):
        yield from resources(child)


def planned_resources(plan: Any) -> list[Resource]:
    """Return the resources that a plan, as tftest gives it, would leave behind."""
    changes: Mapping[str, JsonObject] = plan.resource_changes
    return [
        replace(
            resource,
            unknown=frozenset(
                name
                for name, is_unknown in changes[resource.address]["change"]["after_unknown"].items()
                if is_unknown is True
            ),
        )
        for resource in resources(plan.planned_values["root_module"])
    ]


def state_of(terraform: Terraform) -> JsonObject:
    """Return an environment's state, as ``terraform show -json`` gives it."""
    result = subprocess.run(
        ["terraform", "show", "-json"],
        cwd=ROOT,
        env=terraform.process_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    value: JsonObject = json.loads(result.stdout)
    return value


def of_type(found: Iterable[Resource], kind: str) -> list[Resource]:
    """Return the resources of one type; there must be some."""
    result = [resource for resource in found if resource.type == kind]
    assert result, f"there is no {kind}"
    return result


def statements(found: Iterable[Resource]) -> Iterator[Statement]:
    """Yield every statement of every policy that is known."""
    for resource in found:
        for name in POLICIES:
            text = resource.values.get(name)
            if isinstance(text, str) and text:
                for content in json.loads(text)["Statement"]:
                    yield Statement(f"{resource.address} {name}", content)
