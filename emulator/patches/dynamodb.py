"""DynamoDB.

- ``leading-keys``: policies cannot read the partition keys of a request
  (``dynamodb:LeadingKeys``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "leading-keys": "``dynamodb:LeadingKeys`` has the partition keys of a request.",
}

JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.core import iam_actions
    from ministack.services import dynamodb

    iam_actions.dynamodb_service_context = with_leading_keys(
        iam_actions.dynamodb_service_context, lambda name: dynamodb._tables.get(name) or {}
    )


def with_leading_keys(
    context: Callable[[bytes], JsonObject], table_of: Callable[[str], JsonObject]
) -> Callable[[bytes], JsonObject]:
    """Return MiniStack's reading of a DynamoDB request, with its partition keys."""

    def context_with_keys(body: bytes) -> JsonObject:
        found = dict(context(body))
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            return found
        table = table_of(str(asked.get("TableName", "")).rpartition("/")[2])
        hashes = [k["AttributeName"] for k in table.get("KeySchema", []) if k["KeyType"] == "HASH"]
        if hashes and (keys := leading_keys(asked, hashes[0])):
            found["dynamodb:LeadingKeys"] = keys
        return found

    return context_with_keys


def leading_keys(asked: JsonObject, name: str) -> list[str]:
    """Return the values of a partition key in a request for one item, or in a query."""
    item = asked.get("Item") or asked.get("Key") or {}
    values = [item[name]] if name in item else []
    names = asked.get("ExpressionAttributeNames") or {}
    known = asked.get("ExpressionAttributeValues") or {}
    for key, value in re.findall(r"([#\w]+)\s*=\s*(:\w+)", asked.get("KeyConditionExpression", "")):
        if names.get(key, key) == name and value in known:
            values.append(known[value])
    return [str(next(iter(value.values()))) for value in values if isinstance(value, dict)]
