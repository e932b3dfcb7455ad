"""A public endpoint that validates a request body and publishes it as an event on the bus."""

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
REQUEST_FAILED = "The request failed. The function's log has the reason."
#: Errors of the bus that mean a wrong deployment; all others are transient.
WRONG_DEPLOYMENT = {"AccessDeniedException", "AccessDenied", "ResourceNotFoundException"}


class FrontDoor:
    """The handler of one endpoint.

    Parameters
    ----------
    noun
        Name of the body in messages, such as ``lead`` or ``sign-up``.
    schema
        JSON Schema of the body; fields outside it are rejected.
    normalize
        Normalizes a body before validation.
    source, detail_type
        Source and detail type of the event.
    complete
        Returns the event's detail for a valid body; by default the body itself. Raises
        `SchemaError` for rules that the schema cannot express.
    """

    def __init__(
        self,
        noun: str,
        schema: Schema,
        normalize: Callable[[Detail], Detail],
        source: str,
        detail_type: str,
        complete: Callable[[Detail], Detail] = dict,
    ) -> None:
        self._noun = noun
        self._schema = schema
        self._normalize = normalize
        self._source = source
        self._detail_type = detail_type
        self._complete = complete
        self._validator = Validator({**schema, "additionalProperties": False})
        self._fields: dict[str, Validator] = {}

    def __call__(self, request: dict[str, Any], context: object) -> Response:
        """Respond to an API Gateway proxy event; never raise.

        Returns
        -------
        dict
            The proxy response: 202 published, 400 invalid (``fields`` maps each wrong field to the
            rule that it breaks), 413 too large, 415 not JSON, 503 the bus is unavailable, 500
            anything else.
        """
        request_log = {"request_id": getattr(context, "aws_request_id", None)}
        noun = self._noun
        if content_type(request) != JSON:
            # Browsers let other sites send forms and plain text without a CORS preflight, but not
            # JSON.
            return json_response(415, {"message": f"Send the {noun} as {JSON}"})
        try:
            body = self._normalize(read_object(request))
            self._validator.check(body)
            event_id = publish(self._source, self._detail_type, self._complete(body))
        except BodyTooLarge as error:
            log.info("body rejected", extra={**request_log, "reason": str(error)})
            return json_response(413, {"message": f"The {noun} is too large: {error}"})
        except BadRequest as error:
            log.info("body rejected", extra={**request_log, "reason": str(error)})
            return _invalid(f"The {noun} is not valid: {error}", {})
        except SchemaError as error:
            fields = self._wrong_fields(body, error)
            log.info("body rejected", extra={**request_log, "fields": sorted(fields)})
            return _invalid(f"The {noun} is not valid: {error}", fields)
        except Exception as error:  # every caller gets a response in the API's own shape
            if is_retryable(error):
                log.error("the bus is unavailable", extra={**request_log, **describe(error)})
                return unavailable(f"The {noun} cannot be accepted now. Try again later.")
            log.error("request failed", extra={**request_log, **describe(error)})
            log.debug("full error", exc_info=True, extra=request_log)
            return json_response(500, {"message": REQUEST_FAILED})
        log.info("event published", extra={**request_log, "event_id": event_id})
        return json_response(202, {"id": event_id})

    def _wrong_fields(self, body: Detail, error: SchemaError) -> dict[str, str]:
        """Return each wrong field with the rule that it breaks, without its value."""
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
        name, colon, rule = str(error).partition(": ")
        if not found and colon and name in self._schema["properties"]:
            found[name] = rule
        return found

    def _field(self, name: str) -> Validator:
        if name not in self._fields:
            self._fields[name] = Validator(subset(self._schema, [name]))
        return self._fields[name]


def content_type(request: dict[str, Any]) -> str:
    """Return a request's content type without parameters, in lower case."""
    headers = request.get("headers") or {}
    value = next((v for name, v in headers.items() if name.lower() == "content-type"), None)
    return str(value or "").partition(";")[0].strip().lower()


def is_retryable(error: Exception) -> bool:
    """Return whether an AWS service, or the connection to it, failed temporarily."""
    if isinstance(error, BusRejectedEvent):
        return True
    # Imported here to keep it out of the cold start; a botocore error has loaded it already.
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return error.response["Error"]["Code"] not in WRONG_DEPLOYMENT
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)


def unavailable(message: str) -> Response:
    """Return a 503 proxy response that asks the caller to retry."""
    response = json_response(503, {"message": message})
    response["headers"]["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _invalid(message: str, fields: dict[str, str]) -> Response:
    return json_response(400, {"message": message, "fields": fields})


def json_response(status: int, body: dict[str, Any]) -> Response:
    """Return a proxy response."""
    return {
        "statusCode": status,
        # No cache may store a response.
        "headers": {"Content-Type": JSON, "Cache-Control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
    }
