"""PutLead: check what the form sends, and put it on the bus."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from crm_registration.lead import Lead, load_schema, normalise
from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import BusRejectedEvent
from flowbridge.logs import describe, get_logger
from flowbridge.request_body import BadRequest, BodyTooLarge, read_object
from flowbridge.schema import SchemaError, Validator, subset

log = get_logger("put_lead")

Response = dict[str, Any]

SOURCE = "kranio.event.crm"
DETAIL_TYPE = "CRM Registration"
JSON = "application/json"
RETRY_AFTER_SECONDS = 5
#: What the bus answers when this function is deployed wrongly; anything else may work later.
WRONG_DEPLOYMENT = {"AccessDeniedException", "AccessDenied", "ResourceNotFoundException"}

schema = load_schema()
validator = Validator({**schema, "additionalProperties": False})


def handler(request: dict[str, Any], context: object) -> Response:
    """Answer an API Gateway proxy event, never with an exception.

    Returns
    -------
    dict
        The proxy response: 202 on the bus, 400 no lead (``fields`` says which rule each wrong
        field breaks), 413 too large, 415 not JSON, 503 the bus does not take it now, 500 anything
        else.
    """
    asked = {"request_id": getattr(context, "aws_request_id", None)}
    if content_type(request) != JSON:
        # A page of another site can send a form or plain text without asking; JSON it cannot.
        return answer(415, {"message": f"Send the lead as {JSON}"})
    try:
        lead = normalise(read_object(request))
        validator.check(lead)
        event_id = put(lead)
    except BodyTooLarge as error:
        log.info("lead refused", extra={**asked, "reason": str(error)})
        return answer(413, {"message": f"The lead is not taken: {error}"})
    except BadRequest as error:
        log.info("lead refused", extra={**asked, "reason": str(error)})
        return answer(400, {"message": f"The lead is not valid: {error}", "fields": {}})
    except SchemaError as error:
        fields = wrong_fields(lead)
        log.info("lead refused", extra={**asked, "fields": sorted(fields)})
        return answer(400, {"message": f"The lead is not valid: {error}", "fields": fields})
    except Exception as error:  # the page is always answered in the API's own shape
        if may_work_later(error):
            log.error("the bus did not take the lead", extra={**asked, **describe(error)})
            response = answer(503, {"message": "The lead is not taken just now; try again later"})
            response["headers"]["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        log.error("request failed", extra={**asked, **describe(error)})
        log.debug("the error in full", exc_info=True, extra=asked)
        return answer(500, {"message": "The request failed; the function's log says why"})
    log.info("lead on the bus", extra={**asked, "event_id": event_id})
    return answer(202, {"id": event_id})


def content_type(request: dict[str, Any]) -> str:
    """Return the type of a request's body, without its parameters."""
    headers = request.get("headers") or {}
    value = next((v for name, v in headers.items() if name.lower() == "content-type"), None)
    return str(value or "").partition(";")[0].strip().lower()


def put(lead: Lead) -> str:
    """Put the event of a lead on the bus and return its id.

    Raises
    ------
    BusRejectedEvent
        When the bus takes the call and refuses the event.
    """
    bus = config.required("EVENT_BUS_NAME")
    taken = client("events").put_events(
        Entries=[
            {
                "EventBusName": bus,
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps(lead, ensure_ascii=False),
            }
        ]
    )
    entry = taken["Entries"][0]
    if taken["FailedEntryCount"]:
        raise BusRejectedEvent(f"the bus refused the event: {entry.get('ErrorCode', 'no code')}")
    event_id: str = entry["EventId"]
    return event_id


def may_work_later(error: Exception) -> bool:
    """Tell whether the bus, or the way to it, is at fault and may be well again soon."""
    if isinstance(error, BusRejectedEvent):
        return True
    # botocore is loaded by then, if it was its error; no request may pay for its import before.
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return error.response["Error"]["Code"] not in WRONG_DEPLOYMENT
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)


def wrong_fields(lead: Lead) -> dict[str, str]:
    """Return each wrong field of a lead with the rule that it breaks, never with its value."""
    found = {}
    for name in schema["properties"]:
        if name not in lead:
            if name in schema["required"]:
                found[name] = "is missing"
            continue
        try:
            _field(name).check({name: lead[name]})
        except SchemaError as error:
            found[name] = str(error).removeprefix(f"{name}: ")
    return found


@cache
def _field(name: str) -> Validator:
    return Validator(subset(schema, [name]))


def answer(status: int, body: dict[str, Any]) -> Response:
    """Return a proxy response."""
    return {
        "statusCode": status,
        # Nobody on the way may keep an answer.
        "headers": {"Content-Type": JSON, "Cache-Control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
    }
