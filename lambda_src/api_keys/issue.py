"""Issue, rotate and remove the API key of a REST API.

Terraform's own resource for an API key writes the key's value into the state. So the key is made
here, where its value goes to API Gateway and Secrets Manager only, and Terraform invokes this
function when the key is to be made, rotated or removed
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lambda_invocation,
lifecycle scope ``CRUD``).
"""

from __future__ import annotations

import secrets
import string
from typing import Any

from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("api_keys")

ALPHABET = string.ascii_letters + string.digits
#: API Gateway takes 20 to 128 characters; 40 of these have 238 bits.
VALUE_LENGTH = 40
#: Terraform makes the rest of the API meanwhile, so API Gateway is busy; and there is time.
ATTEMPTS = 4


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """See that the generation's key is there and in the secret, or remove every key of the name.

    A run that was cut off may be repeated: each generation has one key. The key of the generation
    before stays valid, for running functions still hold it.

    Parameters
    ----------
    event
        ``name`` of the keys, ``usage_plan_id``, ``secret_arn``, ``generation`` (a number that is
        raised to have a new key), and Terraform's ``tf``: its ``action`` (create, update or
        delete; create when somebody invokes the function by hand) and ``prev_input``.

    Returns
    -------
    dict
        ``api_key_id`` of the generation's key, None after a removal. Never its value.

    Raises
    ------
    ValueError
        When the action is another one.
    """
    terraform = event.get("tf") or {}
    action = terraform.get("action", "create")
    gateway = client("apigateway", attempts=ATTEMPTS)
    if action == "delete":
        _remove(gateway, event["name"], _keys(gateway, event["name"]))
        return {"api_key_id": None}
    if action not in ("create", "update"):
        raise ValueError(f"tf.action is '{action}'; it is create, update or delete")
    key_id = _issue(gateway, event)
    name_before = (terraform.get("prev_input") or {}).get("name", event["name"])
    if name_before != event["name"]:
        _remove(gateway, name_before, _keys(gateway, name_before))
    return {"api_key_id": key_id}


def _issue(gateway: Any, event: dict[str, Any]) -> str:
    name, mark = event["name"], f"generation {event['generation']}"
    keys = _keys(gateway, name)
    key = next((key for key in keys if key.get("description") == mark), None)
    if key is None:
        value = "".join(secrets.choice(ALPHABET) for _ in range(VALUE_LENGTH))
        key = gateway.create_api_key(name=name, description=mark, enabled=True, value=value)
    try:
        gateway.create_usage_plan_key(
            usagePlanId=event["usage_plan_id"], keyId=key["id"], keyType="API_KEY"
        )
    except gateway.exceptions.ConflictException:
        # A run before this one added it to the plan.
        log.info("API key is in the usage plan", extra={"key_name": name, "key_id": key["id"]})
    client("secretsmanager").put_secret_value(
        SecretId=event["secret_arn"], SecretString=key["value"]
    )
    log.info("API key issued", extra={"key_name": name, "key_id": key["id"]})
    # After the secret, so that whoever reads it never finds a key that is gone. Of the others the
    # newest is the generation before.
    others = [other for other in keys if other["id"] != key["id"]]
    others.sort(key=lambda other: other["createdDate"])
    _remove(gateway, name, others[:-1])
    key_id: str = key["id"]
    return key_id


def _keys(gateway: Any, name: str) -> list[dict[str, Any]]:
    """Return the keys of a name with their values; API Gateway itself searches by prefix."""
    pages = gateway.get_paginator("get_api_keys").paginate(nameQuery=name, includeValues=True)
    return [key for page in pages for key in page["items"] if key["name"] == name]


def _remove(gateway: Any, name: str, keys: list[dict[str, Any]]) -> None:
    for key in keys:
        try:
            gateway.delete_api_key(apiKey=key["id"])
        except gateway.exceptions.NotFoundException:
            log.info("API key was removed already", extra={"key_name": name, "key_id": key["id"]})
        else:
            log.info("API key removed", extra={"key_name": name, "key_id": key["id"]})
