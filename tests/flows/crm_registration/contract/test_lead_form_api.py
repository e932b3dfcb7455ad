"""The form's API has a document that is valid, and the function behind it answers as it says."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, validate

from crm.lead import load_schema
from crm_registration import put_lead
from ops.terraform.templates import FLOWS, render
from tests.support.functions import API, LEAD, LambdaContext, proxy_event

TEMPLATE = FLOWS / "crm_registration" / "front_door.yaml.tftpl"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The API's document as Terraform renders it."""
    schema = load_schema()
    lead = {
        "type": "object",
        "additionalProperties": False,
        "required": schema["required"],
        "properties": schema["properties"],
    }
    values = {**API, "lead": lead}
    loaded: dict[str, Any] = yaml.safe_load(render(TEMPLATE, values))
    return loaded


def test_the_document_is_openapi_and_public(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV30SpecValidator)
    assert list(document["paths"]) == ["/leads"]
    assert list(document["paths"]["/leads"]) == ["post"]
    assert document["paths"]["/leads"]["post"]["security"] == []


def test_its_example_is_a_lead(document: dict[str, Any]) -> None:
    body = document["paths"]["/leads"]["post"]["requestBody"]["content"]["application/json"]

    jsonschema.validate(body["example"], document["components"]["schemas"]["Lead"])


@pytest.mark.parametrize(
    ("changes", "headers", "taken", "status"),
    [
        ({}, {}, {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, 202),
        ({"rut": "x"}, {}, None, 400),
        ({"name": "x" * 17_000}, {}, None, 413),
        ({}, {"content-type": "text/plain"}, None, 415),
        ({}, {}, {}, 500),
        ({}, {}, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Internal"}]}, 503),
    ],
)
def test_the_function_answers_as_the_document_says(
    document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    headers: dict[str, str],
    taken: Any,
    status: int,
) -> None:
    class Bus:
        def put_events(self, **_: Any) -> Any:
            return taken

    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    monkeypatch.setattr("flowbridge.bus.client", lambda _: Bus())
    sent = {"content-type": "application/json", **headers}

    answer = put_lead.handler(proxy_event(LEAD | changes, headers=sent), LambdaContext())

    assert answer["statusCode"] == status
    said = document["paths"]["/leads"]["post"]["responses"][str(status)]
    schema = said["content"]["application/json"]["schema"]
    jsonschema.validate(
        json.loads(answer["body"]), {**schema, "components": document["components"]}
    )
    assert ("Retry-After" in answer["headers"]) == ("headers" in said)
