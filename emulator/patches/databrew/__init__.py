"""DataBrew.

- ``job-runs``: MiniStack has no DataBrew, neither for calls nor in stacks of CloudFormation.

DuckDB carries out the steps of recipes that `emulator.patches.databrew.recipes` names; a run with
another step fails.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator import services
from emulator.patches.databrew.service import DataBrew
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "job-runs": "A run of a job applies its recipe to a data set in S3, and sends its state.",
}
#: CloudFormation's types, and the service's operations that create and delete them.
TYPES = {
    "AWS::DataBrew::Dataset": ("create_dataset", "delete_dataset", ""),
    "AWS::DataBrew::Recipe": ("create_recipe", "delete_recipe_version", "publish_recipe"),
    "AWS::DataBrew::Job": ("create_recipe_job", "delete_job", ""),
}


def apply(settings: Settings) -> None:
    """Close the gaps."""
    from ministack.services.cloudformation import provisioners

    service = DataBrew(settings.endpoint)
    services.register("databrew", "databrew", "", service, resource_of)
    for kind, (create, delete, publish) in TYPES.items():
        provisioners._RESOURCE_HANDLERS[kind] = handlers(service, create, delete, publish)


def resource_of(operation: str, fields: services.JsonObject, place: str) -> str:
    """Return the ARN of what a request is about."""
    name = fields.get("Name")
    kinds = {"Dataset": "dataset", "Recipe": "recipe"}
    kind = next((kinds[word] for word in kinds if operation.endswith(word)), "job")
    return f"arn:aws:databrew:{place}:{kind}/{name}" if name else "*"


def handlers(
    service: DataBrew, create: str, delete: str, publish: str
) -> dict[str, Callable[..., object]]:
    """Return CloudFormation's handlers of a type, whose properties are the operation's fields."""

    def make(_logical: str, properties: services.JsonObject, _stack: str) -> tuple[str, object]:
        fields = as_fields(properties)
        getattr(service, create)(fields)
        if publish:
            getattr(service, publish)({"Name": fields["Name"]})
        return str(fields["Name"]), {}

    def change(
        identifier: str,
        _before: services.JsonObject,
        after: services.JsonObject,
        stack: str,
        logical: str | None = None,
    ) -> tuple[str, object]:
        remove(identifier, after)
        return make(logical or "", after, stack)

    def remove(identifier: str, _properties: services.JsonObject) -> None:
        getattr(service, delete)({"Name": identifier})

    return {"create": make, "update": change, "delete": remove}


def as_fields(properties: services.JsonObject) -> services.JsonObject:
    """Return the properties of a resource as the fields of an operation.

    CloudFormation has another name for the version of a recipe, tags as a list, and leaves out the
    names of recipes' parameters that are objects.
    """
    fields = {name: value for name, value in properties.items() if name not in ("Tags", "Type")}
    if recipe := fields.pop("Recipe", None):
        named = {"Name": recipe["Name"]}
        if version := recipe.get("Version"):
            named["RecipeVersion"] = version
        fields["RecipeReference"] = named
    return {**fields, "Tags": {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}}
