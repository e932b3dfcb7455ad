"""A sign-up: its schema (``signup.schema.json``), its normalization and its tenants."""

from __future__ import annotations

import json
import unicodedata
import uuid
from functools import lru_cache
from typing import Any

from flowbridge import config
from flowbridge.schema import Schema, read_schema

Signup = dict[str, Any]

TEXT_FIELDS = ("tenantId", "userId", "email", "name")
UNKNOWN_TENANT = "tenantId: must be an existing tenant"
#: Namespace of the user ids. Changing it changes the id of every user.
USERS = uuid.UUID("9b5c1c1e-6d0e-4a35-9a52-0d6c2f0e6a11")


def load_schema() -> Schema:
    """Return the schema of a sign-up."""
    return read_schema(__file__, "signup.schema.json")


def normalize(signup: Signup) -> Signup:
    """Return a sign-up in normal form; values of a wrong type are left for the schema.

    Strings are stripped and NFC-normalized. The domain of an email address is lower-cased, because
    domains are case-insensitive.
    """
    result = dict(signup)
    for name in TEXT_FIELDS:
        if isinstance(value := result.get(name), str):
            result[name] = unicodedata.normalize("NFC", value).strip()
    if isinstance(email := result.get("email"), str) and "@" in email:
        local, _, domain = email.rpartition("@")
        result["email"] = f"{local}@{domain.lower()}"
    return result


def user_id(tenant_id: str, email: str) -> str:
    """Return the id of a tenant's user with this address.

    It is deterministic, so a form that is sent twice creates one user, and it does not reveal the
    address.
    """
    return str(uuid.uuid5(USERS, f"{tenant_id}\n{email.lower()}"))


def complete(detail: Signup) -> Signup:
    """Return the sign-up of a detail that holds a ``user_id`` only; another one as it is.

    ``SHORT_EVENTS`` names the tenant of such users, and how their address is made of the id, which
    is their name too.
    """
    short, user = short_events(), detail.get("user_id")
    if not short or detail.keys() != {"user_id"} or not isinstance(user, str):
        return detail
    address = short["address"].replace("{user_id}", user)
    return {"tenantId": short["tenant"], "userId": user, "email": address, "name": user}


@lru_cache(maxsize=1)
def short_events() -> dict[str, str]:
    """Return the settings of the environment variable ``SHORT_EVENTS``; none without it."""
    found: dict[str, str] = json.loads(config.optional("SHORT_EVENTS") or "{}")
    return found


@lru_cache(maxsize=1)
def tenants() -> frozenset[str]:
    """Return the tenant ids of the environment variable ``TENANTS``."""
    return frozenset(config.required("TENANTS").split(","))
