"""ReceiveRequest: validate the request in the event."""

from __future__ import annotations

from typing import Any

from async_polling.errors import InvalidRequest
from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator, read_schema

log = get_logger("receive_request")
schema = read_schema(__file__, "request.schema.json")
validator = Validator(schema)


def handler(event: Any, _context: object) -> dict[str, Any]:
    """Return the event's ``detail``, validated and without unknown fields, and its ``token``.

    The token comes from the event's id: an event that is delivered twice asks for the same jobs,
    and a redriven one, which has an id of its own, for new ones.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidRequest
        When the detail is not a request; the message has the field and the rule.
    """
    request = read_detail(event, "request", dict, validator, InvalidRequest)
    if bool(request.get("text")) == bool(request.get("documents")):
        raise InvalidRequest("the request is not valid: it must have either a text or documents")
    log.info("request received", extra={"event_id": event.get("id")})
    known = {name: request[name] for name in schema["properties"] if name in request}
    return {"limits": {}, **known, "token": str(event.get("id", request["id"]))}
