"""SignUp: check what is sent to ``POST /signup``, and put it on the bus."""

from __future__ import annotations

from flowbridge.front_door import FrontDoor
from flowbridge.schema import SchemaError
from user_onboarding.signup import Signup, load_schema, normalise, tenants, user_id


def complete(body: Signup) -> Signup:
    """Return the event's detail: the body, and the user's id.

    Raises
    ------
    SchemaError
        When there is no such tenant.
    """
    if body["tenantId"] not in tenants():
        raise SchemaError("tenantId: must be one that exists")
    return {**body, "userId": user_id(body["tenantId"], body["email"])}


schema = load_schema()
# Who signs up does not choose the user's id.
fields = {name: rule for name, rule in schema["properties"].items() if name != "userId"}
body_schema = {"type": "object", "required": list(fields), "properties": fields}

handler = FrontDoor("sign-up", body_schema, normalise, "flowbridge.signup", "UserSignup", complete)
