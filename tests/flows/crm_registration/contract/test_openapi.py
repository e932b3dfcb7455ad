"""The API's document is valid, and the functions behind it answer as it says."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pymysql
import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, validate

from crm import create_benefit_back, create_client_back, create_partner_back, endpoint
from crm.lead import load_schema
from ops.terraform.templates import FLOWS, OPENAPI, render
from tests.support.functions import API, FIELDS, LEAD, LambdaContext

HANDLERS = {
    "create_client": create_client_back.handler,
    "create_partner": create_partner_back.handler,
    "create_benefit": create_benefit_back.handler,
}


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The API's document as Terraform renders it."""
    lead = load_schema()
    text = render(
        FLOWS / "crm_registration" / OPENAPI,
        {
            **{name: API[name] for name in ("title", "region", "stage")},
            "invoke_uris": {path: f"arn:aws:apigateway:::{path}" for path in FIELDS},
            "bodies": {
                path: {
                    "type": "object",
                    "additionalProperties": False,
                    "required": fields,
                    "properties": {field: lead["properties"][field] for field in fields},
                }
                for path, fields in lead["x-endpoints"].items()
            },
        },
    )
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def resolve(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference names, or the value itself."""
    for part in value.get("$ref", "#").split("/")[1:]:
        value = document if "$ref" in value else value
        value = value[part]
    return value


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.0.1"
    validate(document, cls=OpenAPIV30SpecValidator)


def test_it_has_the_endpoints_of_the_article_and_each_needs_the_key(
    document: dict[str, Any],
) -> None:
    assert set(document["paths"]) == {f"/{path}" for path in FIELDS}
    for item in document["paths"].values():
        assert item["post"]["security"] == [{"api_key": []}]
    scheme = document["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "x-api-key")


@pytest.mark.parametrize("path", FIELDS)
def test_bodies_are_checked_and_their_examples_are_good(
    document: dict[str, Any], path: str
) -> None:
    operation = document["paths"][f"/{path}"]["post"]
    validator = operation.get(
        "x-amazon-apigateway-request-validator", document["x-amazon-apigateway-request-validator"]
    )
    settings = document["x-amazon-apigateway-request-validators"][validator]
    assert settings["validateRequestBody"] is True
    content = operation["requestBody"]["content"]["application/json"]
    schema = resolve(document, content["schema"])
    assert set(schema["properties"]) == set(FIELDS[path]) == set(schema["required"])
    jsonschema.validate(content["example"], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content["example"], "rut": "no rut"}, schema)


def check_answer(
    document: dict[str, Any], path: str, answer: dict[str, Any], status: int
) -> dict[str, Any]:
    """Check that an answer is one that the document describes, and return its body."""
    assert answer["statusCode"] == status
    described = document["paths"][f"/{path}"]["post"]["responses"]
    assert str(status) in described
    response = resolve(document, described[str(status)])
    schema = resolve(document, response["content"]["application/json"]["schema"])
    body: dict[str, Any] = json.loads(answer["body"])
    jsonschema.validate(body, schema)
    assert body["success"] is (status < 300)
    assert answer["headers"]["Content-Type"] == "application/json"
    return body


@pytest.mark.usefixtures("database_environment")
@pytest.mark.parametrize("path", FIELDS)
def test_every_answer_conforms(document: dict[str, Any], path: str) -> None:
    good = {field: LEAD[field] for field in FIELDS[path]}
    # The same key with other data; a partner is nothing but its key.
    conflicts: dict[str, dict[str, Any]] = {
        "create_client": {**good, "mail": "other@example.com"},
        "create_benefit": {**good, "wantsBenefit": not LEAD["wantsBenefit"]},
    }
    handler = HANDLERS[path]

    def call(body: Any) -> dict[str, Any]:
        event = {"body": body if isinstance(body, str) else json.dumps(body)}
        return handler(event, LambdaContext())

    check_answer(document, path, call(good), 201)
    check_answer(document, path, call(good), 200)
    check_answer(document, path, call("{"), 400)
    check_answer(document, path, call({**good, "rut": None}), 400)
    if path in conflicts:
        check_answer(document, path, call(conflicts[path]), 409)


@pytest.mark.usefixtures("database_environment")
@pytest.mark.parametrize(
    ("error", "status"),
    [(pymysql.err.OperationalError(1213, "deadlock"), 503), (RuntimeError("surprise"), 500)],
)
def test_answers_to_failures_conform(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(endpoint, "register", fail)
    body = {"rut": LEAD["rut"], "store": LEAD["store"]}

    answer = HANDLERS["create_partner"]({"body": json.dumps(body)}, LambdaContext())

    message = check_answer(document, "create_partner", answer, status)["message"]
    assert "deadlock" not in message
    assert "surprise" not in message
    assert ("Retry-After" in answer["headers"]) is (status == 503)
