"""What a sign-up is: its rules (``signup.schema.json``), its one written form, its tenants."""

from __future__ import annotations

import unicodedata
import uuid
from functools import lru_cache
from typing import Any

from flowbridge import config
from flowbridge.schema import Schema, read_schema

Signup = dict[str, Any]

TEXT_FIELDS = ("tenantId", "userId", "email", "name")
#: By which the users' ids are made; another one would make other ids for the same people.
USERS = uuid.UUID("9b5c1c1e-6d0e-4a35-9a52-0d6c2f0e6a11")


def load_schema() -> Schema:
    """Return the schema of a sign-up."""
    return read_schema(__file__, "signup.schema.json")


def normalise(signup: Signup) -> Signup:
    """Return a sign-up in its one written form; values of a wrong type are left for the schema.

    Blanks around texts go and their letters are composed; the domain of a mail address, in which
    case means nothing, is written small.
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
    """Return the id of the user who has an address with a tenant, the same one every time.

    So a form that is sent twice makes one user, and the id tells nobody the address.
    """
    return str(uuid.uuid5(USERS, f"{tenant_id}\n{email.lower()}"))


@lru_cache(maxsize=1)
def tenants() -> frozenset[str]:
    """Return the ids of the tenants, which the environment variable ``TENANTS`` holds."""
    return frozenset(config.required("TENANTS").split(","))
