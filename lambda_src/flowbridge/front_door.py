"""An endpoint that anybody may call: it checks what is sent, and puts it on the bus as an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flowbridge.bus import publish
from flowbridge.errors import BusRejectedEvent
from flowbridge.logs import describe, get_logger
from flowbridge.request_body import BadRequest, BodyTooLarge, read_object
from flowbridge.schema import Schema, SchemaError, Validator, subset

log = get_logger("front_door")

Detail = dict[str, Any]
Response = dict[str, Any]

JSON = "application/json"
RETRY_AFTER_SECONDS = 5
#: What the bus answers when this function is deployed wrongly; anything else may work later.
WRONG_DEPLOYMENT = {"AccessDeniedException", "AccessDenied", "ResourceNotFoundException"}


class FrontDoor:
    """The handler of one endpoint.

    Parameters
    ----------
    noun
        What a body is, for the messages: a lead, a sign-up.
    schema
        The rules of a body; other fields are refused.
    normalise
        Gives a body its one written form.
    source, detail_type
        Those of the event.
    complete
        Returns the event's detail of a good body; as it is, unless said otherwise. It raises
        `SchemaError` for a body that only it can tell to be wrong.
    """

    def __init__(
        self,
        noun: str,
        schema: Schema,
        normalise: Callable[[Detail], Detail],
        source: str,
        detail_type: str,
        complete: Callable[[Detail], Detail] = dict,
    ) -> None:
        self._noun = noun
        self._schema = schema
        self._normalise = normalise
        self._source = source
        self._detail_type = detail_type
        self._complete = complete
        self._validator = Validator({**schema, "additionalProperties": False})
        self._fields: dict[str, Validator] = {}

    def __call__(self, request: dict[str, Any], context: object) -> Response:
        """Answer an API Gateway proxy event, never with an exception.

        Returns
        -------
        dict
            The proxy response: 202 on the bus, 400 no such thing (``fields`` says which rule each
            wrong field breaks), 413 too large, 415 not JSON, 503 the bus does not take it now, 500
            anything else.
        """
        asked = {"request_id": getattr(context, "aws_request_id", None)}
        noun = self._noun
        if content_type(request) != JSON:
            # A page of another site can send a form or plain text without asking; JSON it cannot.
            return answer(415, {"message": f"Send the {noun} as {JSON}"})
        try:
            body = self._normalise(read_object(request))
            self._validator.check(body)
            event_id = publish(self._source, self._detail_type, self._complete(body))
        except BodyTooLarge as error:
            log.info("body refused", extra={**asked, "reason": str(error)})
            return answer(413, {"message": f"The {noun} is not taken: {error}"})
        except BadRequest as error:
            log.info("body refused", extra={**asked, "reason": str(error)})
            return answer(400, {"message": f"The {noun} is not valid: {error}", "fields": {}})
        except SchemaError as error:
            fields = self._wrong_fields(body, error)
            log.info("body refused", extra={**asked, "fields": sorted(fields)})
            return answer(400, {"message": f"The {noun} is not valid: {error}", "fields": fields})
        except Exception as error:  # the caller is always answered in the API's own shape
            if may_work_later(error):
                log.error("the bus did not take it", extra={**asked, **describe(error)})
                message = f"The {noun} is not taken just now; try again later"
                response = answer(503, {"message": message})
                response["headers"]["Retry-After"] = str(RETRY_AFTER_SECONDS)
                return response
            log.error("request failed", extra={**asked, **describe(error)})
            log.debug("the error in full", exc_info=True, extra=asked)
            return answer(500, {"message": "The request failed; the function's log says why"})
        log.info("event on the bus", extra={**asked, "event_id": event_id})
        return answer(202, {"id": event_id})

    def _wrong_fields(self, body: Detail, error: SchemaError) -> dict[str, str]:
        """Return each wrong field with the rule that it breaks, never with its value."""
        found = {}
        for name in self._schema["properties"]:
            if name not in body:
                if name in self._schema["required"]:
                    found[name] = "is missing"
                continue
            try:
                self._field(name).check({name: body[name]})
            except SchemaError as wrong:
                found[name] = str(wrong).removeprefix(f"{name}: ")
        name, told, rule = str(error).partition(": ")
        if not found and told and name in self._schema["properties"]:
            found[name] = rule
        return found

    def _field(self, name: str) -> Validator:
        if name not in self._fields:
            self._fields[name] = Validator(subset(self._schema, [name]))
        return self._fields[name]


def content_type(request: dict[str, Any]) -> str:
    """Return the type of a request's body, without its parameters."""
    headers = request.get("headers") or {}
    value = next((v for name, v in headers.items() if name.lower() == "content-type"), None)
    return str(value or "").partition(";")[0].strip().lower()


def may_work_later(error: Exception) -> bool:
    """Tell whether the bus, or the way to it, is at fault and may be well again soon."""
    if isinstance(error, BusRejectedEvent):
        return True
    # botocore is loaded by then, if it was its error; no request may pay for its import before.
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return error.response["Error"]["Code"] not in WRONG_DEPLOYMENT
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)


def answer(status: int, body: dict[str, Any]) -> Response:
    """Return a proxy response."""
    return {
        "statusCode": status,
        # Nobody on the way may keep an answer.
        "headers": {"Content-Type": JSON, "Cache-Control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
    }
