"""SignUp: validate the body of ``POST /signup``, and publish it as an event."""

from __future__ import annotations

from flowbridge.front_door import FrontDoor
from flowbridge.schema import SchemaError
from user_onboarding.signup import (
    UNKNOWN_TENANT,
    Signup,
    load_schema,
    normalize,
    tenants,
    user_id,
)


def complete(body: Signup) -> Signup:
    """Return the event's detail: the body with the user's id.

    Raises
    ------
    SchemaError
        When the tenant is unknown.
    """
    if body["tenantId"] not in tenants():
        raise SchemaError(UNKNOWN_TENANT)
    return {**body, "userId": user_id(body["tenantId"], body["email"])}


schema = load_schema()
# The service assigns the user id, so callers cannot choose it.
fields = {name: rule for name, rule in schema["properties"].items() if name != "userId"}
body_schema = {"type": "object", "required": list(fields), "properties": fields}

handler = FrontDoor("sign-up", body_schema, normalize, "flowbridge.signup", "UserSignup", complete)
