"""Resilience Hub.

- ``resilience-policies``: the service is missing.
- ``resilience-apps``: CloudFormation makes no ``AWS::ResilienceHub::App``.
- ``resilience-assessments``: no resources are imported or assessed.

Resources come from a state file of Terraform or from a stack. The rule of the assessment is our
own, see `emulator.patches.resiliencehub.assessment`.
"""

from __future__ import annotations

from typing import Any

from emulator import services
from emulator.patches.resiliencehub.service import ResilienceHub, resource_of
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "resilience-policies": "A policy has objectives for each kind of disruption.",
    "resilience-apps": "CloudFormation makes applications with a policy.",
    "resilience-assessments": (
        "An application's resources are imported and published, then assessed by its policy."
    ),
}

JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services.cloudformation import provisioners

    hub = ResilienceHub(lambda: f"{get_region()}:{get_account_id()}")
    services.register("resiliencehub", "resiliencehub", "", hub, resource_of)
    provisioners._RESOURCE_HANDLERS["AWS::ResilienceHub::App"] = handlers(hub)


def handlers(hub: ResilienceHub) -> JsonObject:
    """Return how CloudFormation makes and deletes an application."""

    def create(_: str, properties: JsonObject, __: str) -> tuple[str, JsonObject]:
        asked = {"name": properties["Name"]}
        for name, field in (
            ("ResiliencyPolicyArn", "policyArn"),
            ("Description", "description"),
            ("Tags", "tags"),
        ):
            if name in properties:
                asked[field] = properties[name]
        arn = hub.create_app(asked)["app"]["appArn"]
        return arn, {"AppArn": arn}

    def delete(physical_id: str, _: JsonObject) -> None:
        hub.delete_app({"appArn": physical_id})

    return {"create": create, "delete": delete}
