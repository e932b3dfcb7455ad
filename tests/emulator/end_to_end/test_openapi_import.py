"""An OpenAPI document becomes the REST API that it describes (moto plays API Gateway)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from emulator.openapi_import import OpenApiImport, UnsupportedDocumentError

INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
    "timeoutInMillis": 29000,
}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "security": [{"key": []}],
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
        "x-amazon-apigateway-request-validator": "body",
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {
                "Rut": {"type": "string"},
                "Body": {
                    "type": "object",
                    "properties": {"rut": {"$ref": "#/components/schemas/Rut"}},
                },
            },
        },
        "paths": {
            "/a/{id}": {
                "post": {
                    "operationId": "create",
                    "parameters": [{"in": "path", "name": "id", "required": True}],
                    "requestBody": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Body"}}
                        }
                    },
                    "responses": {"200": {"description": "good"}},
                    "x-amazon-apigateway-integration": INTEGRATION,
                }
            },
            "/open": {
                "get": {
                    "security": [],
                    "responses": {},
                    "x-amazon-apigateway-integration": INTEGRATION,
                }
            },
        },
        **changes,
    }


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("apigateway", region_name="us-east-1")


@pytest.fixture
def api_id(gateway: Any) -> str:
    identifier: str = gateway.create_rest_api(name="api")["id"]
    return identifier


def resources(gateway: Any, api_id: str) -> dict[str, Any]:
    return {r["path"]: r for r in gateway.get_resources(restApiId=api_id)["items"]}


def test_paths_methods_keys_models_and_validators_are_made(gateway: Any, api_id: str) -> None:
    OpenApiImport(gateway, api_id).overwrite(document())

    made = resources(gateway, api_id)
    assert set(made) == {"/", "/a", "/a/{id}", "/open"}
    [validator] = gateway.get_request_validators(restApiId=api_id)["items"]
    assert validator["validateRequestBody"] is True
    method = gateway.get_method(
        restApiId=api_id, resourceId=made["/a/{id}"]["id"], httpMethod="POST"
    )
    assert method["apiKeyRequired"] is True
    assert method["requestValidatorId"] == validator["id"]
    assert method["requestModels"] == {"application/json": "Body"}
    assert method["requestParameters"] == {"method.request.path.id": True}
    assert method["methodIntegration"]["type"] == "AWS_PROXY"
    assert method["methodIntegration"]["uri"] == INTEGRATION["uri"]
    open_method = gateway.get_method(
        restApiId=api_id, resourceId=made["/open"]["id"], httpMethod="GET"
    )
    assert open_method["apiKeyRequired"] is False


def test_a_reference_between_schemas_names_the_model(gateway: Any, api_id: str) -> None:
    OpenApiImport(gateway, api_id).overwrite(document())

    model = gateway.get_model(restApiId=api_id, modelName="Body")

    reference = json.loads(model["schema"])["properties"]["rut"]["$ref"]
    assert reference == f"https://apigateway.amazonaws.com/restapis/{api_id}/models/Rut"


def test_what_a_new_document_leaves_out_is_gone(gateway: Any, api_id: str) -> None:
    importer = OpenApiImport(gateway, api_id)
    importer.overwrite(document())

    importer.overwrite(document(paths={"/new": {"get": {"responses": {}}}}))

    assert set(resources(gateway, api_id)) == {"/", "/new"}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"openapi": "2.0"}, "OpenAPI 3.0"),
        ({"x-amazon-apigateway-request-validator": "unknown"}, "'unknown'"),
    ],
)
def test_a_document_that_cannot_be_replayed_changes_nothing(
    gateway: Any, api_id: str, broken: dict[str, Any], reason: str
) -> None:
    importer = OpenApiImport(gateway, api_id)
    importer.overwrite(document())

    with pytest.raises(UnsupportedDocumentError, match=reason):
        importer.overwrite(document(**broken))

    assert "/open" in resources(gateway, api_id)
