"""An endpoint of the CRM API: from the request to the answer."""

from __future__ import annotations

import json
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
RETRY_AFTER_SECONDS = 5


class Endpoint:
    """The handler of one endpoint.

    Parameters
    ----------
    name
        The endpoint's name, which gives the fields of its body.
    table
        Where its rows go.
    """

    def __init__(self, name: str, table: Table) -> None:
        self._name = name
        self._table = table
        schema = load_schema()
        self._validator = Validator(subset(schema, schema["x-endpoints"][name]))

    def __call__(self, event: dict[str, Any], context: object) -> Response:
        """Answer an API Gateway proxy event, never with an exception.

        Returns
        -------
        dict
            The proxy response: 201 written, 200 there already, 400 bad request, 409 there with
            other data, 503 database not available, 500 anything else. Its body is
            ``{"success", "message"}``.
        """
        request = {"endpoint": self._name, "request_id": getattr(context, "aws_request_id", None)}
        try:
            body = normalize(read_object(event))
            self._validator.check(body)
            row = self._table.row(body)
            outcome = database().transaction(lambda cursor: register(cursor, self._table, row))
        except (BadRequest, SchemaError) as error:
            log.info("request refused", extra={**request, "reason": str(error)})
            return answer(400, f"{self._name}: {error}")
        except (DatabaseUnavailable, SecretUnavailable) as error:
            log.error("database unavailable", extra={**request, "reason": str(error)})
            response = answer(503, "The database is not available; try again later")
            response["headers"]["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        except Exception as error:  # the API answers every request in its own shape
            log.error("request failed", extra={**request, **describe(error)})
            log.debug("the error in full", exc_info=True, extra=request)
            return answer(500, "The request failed; the function's log says why")
        log.info("request served", extra={**request, "is_new": outcome.created})
        return self._answer(outcome)

    def _answer(self, outcome: Outcome) -> Response:
        noun = self._table.noun
        if outcome.created:
            return answer(201, f"The {noun} was created")
        if not outcome.differing:
            return answer(200, f"The {noun} exists already")
        columns = ", ".join(outcome.differing)
        return answer(409, f"The {noun} exists already with another {columns}")


def answer(status: int, message: str) -> Response:
    """Return a proxy response in the API's one shape."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"success": status < 300, "message": message}),
    }


@lru_cache(maxsize=1)
def database() -> Database:
    """Return the database that the environment variables describe, the same one every time."""
    return Database(Location.from_environment(), Secret(config.required("DATABASE_SECRET")))
