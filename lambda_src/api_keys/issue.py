"""Issue, rotate and remove the API key of a REST API.

Terraform's own resource for an API key writes the key's value into the state. So the key is made
here, where its value goes to API Gateway and Secrets Manager only, and Terraform invokes this
function when the key is to be made, rotated or removed
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lambda_invocation,
lifecycle scope ``CRUD``).
"""

from __future__ import annotations

import secrets
from operator import itemgetter
from typing import Any

from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("api_keys")

#: The newest key, and the one before: running functions may still hold that.
KEYS_KEPT = 2


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Make a new key and put it into the secret, or remove every key of the name.

    Parameters
    ----------
    event
        ``name`` of the keys, ``usage_plan_id``, ``secret_arn``, ``rotation`` (a number that is
        raised to have a new key), and Terraform's ``tf.action``: create, update or delete.

    Returns
    -------
    dict
        ``api_key_id`` of the new key, None after a removal. Never its value.
    """
    action = event["tf"]["action"]
    name = event["name"]
    gateway = client("apigateway")
    if action == "delete":
        removed = _remove(gateway, _keys(gateway, name))
        log.info("API keys removed", extra={"key_name": name, "count": removed})
        return {"api_key_id": None}
    value = secrets.token_urlsafe(30)
    key_id: str = gateway.create_api_key(name=name, enabled=True, value=value)["id"]
    gateway.create_usage_plan_key(
        usagePlanId=event["usage_plan_id"], keyId=key_id, keyType="API_KEY"
    )
    client("secretsmanager").put_secret_value(SecretId=event["secret_arn"], SecretString=value)
    # After the secret, so that whoever reads it never finds a key that is gone.
    _remove(gateway, _keys(gateway, name)[KEYS_KEPT:])
    log.info("API key issued", extra={"key_name": name, "api_key_id": key_id})
    return {"api_key_id": key_id}


def _keys(gateway: Any, name: str) -> list[dict[str, Any]]:
    """Return the keys of a name, newest first, without their values."""
    pages = gateway.get_paginator("get_api_keys").paginate(nameQuery=name, includeValues=False)
    found = [key for page in pages for key in page["items"] if key["name"] == name]
    return sorted(found, key=itemgetter("createdDate"), reverse=True)


def _remove(gateway: Any, keys: list[dict[str, Any]]) -> int:
    for key in keys:
        gateway.delete_api_key(apiKey=key["id"])
    return len(keys)
