"""Issue, rotate and remove the API key of a REST API.

Terraform's API key resource writes the value into the state. Instead, Terraform invokes this
function to create, rotate or remove the key
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lambda_invocation,
lifecycle scope ``CRUD``), and the value goes only to API Gateway and Secrets Manager.
"""

from __future__ import annotations

import secrets
import string
from typing import Any

from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("api_keys")

ALPHABET = string.ascii_letters + string.digits
#: API Gateway allows 20 to 128 characters; 40 of these have 238 bits.
VALUE_LENGTH = 40
#: Terraform creates the rest of the API at the same time, so API Gateway may throttle.
ATTEMPTS = 4


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Create the generation's key and store it in the secret, or remove all keys of the name.

    Idempotent: each generation has one key, so an interrupted run can be repeated. The previous
    generation's key stays valid, because running functions still use it.

    Parameters
    ----------
    event
        ``name`` of the keys, ``usage_plan_id``, ``secret_arn``, ``generation`` (a number; raise it
        to rotate the key), and Terraform's ``tf`` with its ``action`` (create, update or delete;
        create if ``tf`` is missing, as in a manual invocation) and ``prev_input``.

    Returns
    -------
    dict
        ``api_key_id`` of the generation's key, None after a removal. Never the key's value.

    Raises
    ------
    ValueError
        When the action is unknown.
    """
    terraform = event.get("tf") or {}
    action = terraform.get("action", "create")
    gateway = client("apigateway", attempts=ATTEMPTS)
    if action == "delete":
        _remove(gateway, event["name"], _keys(gateway, event["name"]))
        return {"api_key_id": None}
    if action not in ("create", "update"):
        raise ValueError(f"tf.action is '{action}'. Use create, update or delete.")
    key_id = _issue(gateway, event)
    name_before = (terraform.get("prev_input") or {}).get("name", event["name"])
    if name_before != event["name"]:
        _remove(gateway, name_before, _keys(gateway, name_before))
    return {"api_key_id": key_id}


def _issue(gateway: Any, event: dict[str, Any]) -> str:
    name, generation = event["name"], f"generation {event['generation']}"
    keys = _keys(gateway, name)
    key = next((key for key in keys if key.get("description") == generation), None)
    if key is None:
        value = "".join(secrets.choice(ALPHABET) for _ in range(VALUE_LENGTH))
        key = gateway.create_api_key(name=name, description=generation, enabled=True, value=value)
    try:
        gateway.create_usage_plan_key(
            usagePlanId=event["usage_plan_id"], keyId=key["id"], keyType="API_KEY"
        )
    except gateway.exceptions.ConflictException:
        # An earlier run added it.
        extra = {"key_name": name, "key_id": key["id"]}
        log.info("API key is already in the usage plan", extra=extra)
    client("secretsmanager").put_secret_value(
        SecretId=event["secret_arn"], SecretString=key["value"]
    )
    log.info("API key issued", extra={"key_name": name, "key_id": key["id"]})
    # Remove old keys after updating the secret, so that the secret never has a removed key. Keep
    # the newest of the others: it is the previous generation.
    others = [other for other in keys if other["id"] != key["id"]]
    others.sort(key=lambda other: other["createdDate"])
    _remove(gateway, name, others[:-1])
    key_id: str = key["id"]
    return key_id


def _keys(gateway: Any, name: str) -> list[dict[str, Any]]:
    """Return the keys with this exact name, with their values; API Gateway searches by prefix."""
    pages = gateway.get_paginator("get_api_keys").paginate(nameQuery=name, includeValues=True)
    return [key for page in pages for key in page["items"] if key["name"] == name]


def _remove(gateway: Any, name: str, keys: list[dict[str, Any]]) -> None:
    for key in keys:
        try:
            gateway.delete_api_key(apiKey=key["id"])
        except gateway.exceptions.NotFoundException:
            log.info("API key was already removed", extra={"key_name": name, "key_id": key["id"]})
        else:
            log.info("API key removed", extra={"key_name": name, "key_id": key["id"]})
