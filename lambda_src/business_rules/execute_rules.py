"""ExecuteRules: have the rules engine compute the premium of a request."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import requests

from business_rules.engine import Engine
from business_rules.errors import InvalidRequest
from flowbridge import config
from flowbridge.logs import get_logger
from flowbridge.schema import SchemaError, Validator, read_schema
from flowbridge.secret import Secret

log = get_logger("execute_rules")
validator = Validator(read_schema(__file__, "request.schema.json"))


def handler(detail: Any, _context: object) -> dict[str, str]:
    """Return the policy of a request with its new premium, and the rule that changed it.

    Parameters
    ----------
    detail
        ``context`` and ``request``, as a caller sent them.

    Raises
    ------
    InvalidRequest
        When they break a rule of the schema; the message has the rule, not the value.
    EngineRejected, EngineUnavailable, EngineAnswerInvalid, ConfigurationError, SecretUnavailable
        As `Engine.premium` does.
    """
    try:
        validator.check(detail)
    except SchemaError as error:
        raise InvalidRequest(f"the request is not valid: {error}") from None
    policy = engine().premium(question_of(detail["request"]))
    log.info("rules applied", extra={"request_id": detail["context"]["request_id"]})
    return policy


def question_of(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the engine needs of a request: ages are numbers, and the driver has no name."""
    return {**request, "driver": {"age": int(request["driver"]["age"])}}


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Return the engine of the environment variables."""
    secret = config.optional("ENGINE_TOKEN_SECRET")
    return Engine(
        config.required("ENGINE_URL"), Secret(secret) if secret else None, requests.Session()
    )
