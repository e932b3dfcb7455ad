"""No function has a right that it does not need: without any one of them it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.end_to_end.test_registration import new_lead
from tests.support.platform import Platform

FAILURE = {
    "event": {"id": "x", "detail": {}},
    "execution": "arn:aws:states:::execution:least-privilege",
    "failedState": "CreateClient",
    "error": {"Error": "Test", "Cause": "least privilege"},
}


def proxy_event(body: dict[str, Any]) -> dict[str, Any]:
    """Return an API Gateway event."""
    return {"body": json.dumps(body), "isBase64Encoded": False}


@pytest.mark.parametrize(
    ("function", "sid", "payload"),
    [
        ("CreateClient", "ReadApiKey", new_lead()),
        ("CreatePartner", "ReadApiKey", new_lead()),
        ("CreateBenefit", "ReadApiKey", new_lead()),
        ("CatchErrors", "QueueFailures", FAILURE),
        ("CatchErrors", "TellTheBus", FAILURE),
        ("migrate", "ReadDatabaseCredentials", {}),
        (
            "create_partner",
            "ReadDatabaseCredentials",
            proxy_event({"rut": "3-5", "store": "least privilege"}),
        ),
    ],
)
def test_a_function_without_one_statement_is_refused(
    platform: Platform, function: str, sid: str, payload: Any
) -> None:
    name = platform.function(function)

    with platform.without_statement(name, sid):
        # Callers use the alias, so this version starts fresh and holds no secret yet.
        error, answer = platform.invoke(name, payload, "$LATEST")

    refused = error is not None or answer.get("statusCode") == 500
    assert refused, f"{name} does not need {sid}: {answer}"
