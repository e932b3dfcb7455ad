"""An endpoint of the CRM API: from the request to the response."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from crm.lead import load_schema, normalize
from crm.registration import Outcome, Table, register
from flowbridge import config
from flowbridge.database import Database, DatabaseUnavailable, Location
from flowbridge.errors import SecretUnavailable
from flowbridge.logs import describe, get_logger
from flowbridge.request_body import BadRequest, read_object
from flowbridge.schema import SchemaError, Validator, subset
from flowbridge.secret import Secret

log = get_logger("crm_api")

Response = dict[str, Any]
#: Names the execution that makes the request. A caller without one leaves it out.
EXECUTION_HEADER = "x-execution"
EXECUTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
RETRY_AFTER_SECONDS = 5


class Endpoint:
    """The handler of one endpoint.

    Parameters
    ----------
    name
        The endpoint's name; ``x-endpoints`` of the schema lists the fields of its body.
    table
        The table that it writes to.
    """

    def __init__(self, name: str, table: Table) -> None:
        self._name = name
        self._table = table
        schema = load_schema()
        self._validator = Validator(subset(schema, schema["x-endpoints"][name]))

    def __call__(self, event: dict[str, Any], context: object) -> Response:
        """Respond to an API Gateway proxy event; never raise.

        Returns
        -------
        dict
            The proxy response: 201 created, 200 exists already, 400 bad request, 409 exists with
            other data, 503 database unavailable, 500 anything else. Its body is
            ``{"success", "message"}``.
        """
        request = {"endpoint": self._name, "request_id": getattr(context, "aws_request_id", None)}
        try:
            body = normalize(read_object(event))
            self._validator.check(body)
            row = self._table.row(body)
            execution = _execution(event)
            outcome = database().transaction(
                lambda cursor: register(cursor, self._table, row, execution)
            )
        except (BadRequest, SchemaError) as error:
            log.info("request rejected", extra={**request, "reason": str(error)})
            return json_response(400, f"{self._name}: {error}")
        except (DatabaseUnavailable, SecretUnavailable) as error:
            log.error("database unavailable", extra={**request, "reason": str(error)})
            response = json_response(503, "The database is unavailable. Try again later.")
            response["headers"]["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        except Exception as error:  # every caller gets a response in the API's own shape
            log.error("request failed", extra={**request, **describe(error)})
            log.debug("full error", exc_info=True, extra=request)
            return json_response(500, "The request failed. The function's log has the reason.")
        log.info("request served", extra={**request, "is_new": outcome.created})
        return self._response(outcome)

    def _response(self, outcome: Outcome) -> Response:
        noun = self._table.noun
        if outcome.created:
            return json_response(201, f"The {noun} was created")
        if not outcome.differing:
            return json_response(200, f"The {noun} already exists")
        columns = ", ".join(outcome.differing)
        return json_response(409, f"The {noun} already exists with another {columns}")


def _execution(event: dict[str, Any]) -> str | None:
    """Return the name of the caller's execution.

    Raises
    ------
    BadRequest
        When the header is not such a name.
    """
    headers = event.get("headers") or {}
    name = next((v for k, v in headers.items() if k.lower() == EXECUTION_HEADER), None)
    if name is not None and not (isinstance(name, str) and EXECUTION_NAME.fullmatch(name)):
        raise BadRequest(
            f"the header {EXECUTION_HEADER} is not a name of 1 to 80 letters, digits, "
            "underscores and hyphens"
        )
    return name


def json_response(status: int, message: str) -> Response:
    """Return a proxy response in the API's shape."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"success": status < 300, "message": message}),
    }


@lru_cache(maxsize=1)
def database() -> Database:
    """Return the database configured by the environment variables."""
    return Database(Location.from_environment(), Secret(config.required("DATABASE_SECRET")))
