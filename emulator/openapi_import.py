"""Replay an OpenAPI document as the API Gateway calls that build the same REST API.

MiniStack has no ``PutRestApi``, by which Terraform sends ``aws_api_gateway_rest_api.body``. This
module only uses public API calls, so it can be deleted as soon as MiniStack has the call. It covers
what the platform uses of the OpenAPI extensions: models, request validators, gateway responses, the
resource policy, API keys, required parameters, and the integrations of each method
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

HTTP_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
VALIDATORS = "x-amazon-apigateway-request-validators"
VALIDATOR = "x-amazon-apigateway-request-validator"
GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
POLICY = "x-amazon-apigateway-policy"
LOCAL_REFERENCE = "#/components/schemas/"

JsonObject = dict[str, Any]


class UnsupportedDocumentError(ValueError):
    """The document is not OpenAPI 3, or uses an unsupported feature."""


class OpenApiImport:
    """Makes one REST API equal to an OpenAPI 3.0 document.

    Parameters
    ----------
    client
        A boto3 ``apigateway`` client of the account that owns the API.
    api_id
        The REST API to fill.
    """

    def __init__(self, client: Any, api_id: str) -> None:
        self._client = client
        self._api_id = api_id

    def overwrite(self, document: JsonObject) -> None:
        """Replace everything that the API holds by what `document` describes.

        Raises
        ------
        UnsupportedDocumentError
            Before anything is changed, when the document cannot be replayed.
        """
        check_document(document)
        self._clear()
        self._put_policy(document)
        self._create_models(document)
        validators = self._create_validators(document)
        self._put_gateway_responses(document)
        self._create_methods(document, validators)

    def _clear(self) -> None:
        resources = self._items("get_resources")
        for resource in resources:
            for method in resource.get("resourceMethods", {}):
                self._call("delete_method", resourceId=resource["id"], httpMethod=method)
        # Longest path first: a parent goes after its children.
        for resource in sorted(resources, key=lambda r: len(r["path"]), reverse=True):
            if resource["path"] != "/":
                self._call("delete_resource", resourceId=resource["id"])
        for model in self._items("get_models"):
            self._call("delete_model", modelName=model["name"])
        for validator in self._items("get_request_validators"):
            self._call("delete_request_validator", requestValidatorId=validator["id"])
        for response in self._items("get_gateway_responses"):
            if not response.get("defaultResponse"):
                self._call("delete_gateway_response", responseType=response["responseType"])

    def _put_policy(self, document: JsonObject) -> None:
        if POLICY in document:
            operation = {"op": "replace", "path": "/policy", "value": json.dumps(document[POLICY])}
            self._call("update_rest_api", patchOperations=[operation])

    def _create_models(self, document: JsonObject) -> None:
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            self._call(
                "create_model",
                name=name,
                contentType="application/json",
                schema=json.dumps(model_schema(schema, self._api_id)),
            )

    def _create_validators(self, document: JsonObject) -> dict[str, str]:
        """Return the identifier of each validator by its name in the document."""
        return {
            name: self._call(
                "create_request_validator",
                name=name,
                validateRequestBody=settings.get("validateRequestBody", False),
                validateRequestParameters=settings.get("validateRequestParameters", False),
            )["id"]
            for name, settings in document.get(VALIDATORS, {}).items()
        }

    def _put_gateway_responses(self, document: JsonObject) -> None:
        for response_type, response in document.get(GATEWAY_RESPONSES, {}).items():
            self._call(
                "put_gateway_response",
                responseType=response_type,
                **present(
                    statusCode=text_or_none(response.get("statusCode")),
                    responseParameters=response.get("responseParameters"),
                    responseTemplates=response.get("responseTemplates"),
                ),
            )

    def _create_methods(self, document: JsonObject, validators: Mapping[str, str]) -> None:
        resource_ids = {r["path"]: r["id"] for r in self._items("get_resources")}
        for path, http_method, operation in operations(document):
            resource_id = self._resource(path, resource_ids)
            key = {"resourceId": resource_id, "httpMethod": http_method}
            self._call("put_method", **key, **method(document, operation, validators))
            for status, response in operation.get("responses", {}).items():
                if status != "default":
                    self._call("put_method_response", **key, **method_response(status, response))
            if (settings := operation.get(INTEGRATION)) is not None:
                self._call("put_integration", **key, **integration(settings))
                for selection, response in settings.get("responses", {}).items():
                    self._call(
                        "put_integration_response",
                        **key,
                        **integration_response(selection, response),
                    )

    def _resource(self, path: str, resource_ids: dict[str, str]) -> str:
        """Return the identifier of `path`, made with its parents when missing."""
        if path not in resource_ids:
            parent, _, part = path.rpartition("/")
            parent_id = self._resource(parent or "/", resource_ids)
            created = self._call("create_resource", parentId=parent_id, pathPart=part)
            resource_ids[path] = created["id"]
        return resource_ids[path]

    def _items(self, operation: str) -> list[JsonObject]:
        items: list[JsonObject] = self._call(operation).get("items", [])
        return items

    def _call(self, operation: str, **arguments: Any) -> Any:
        return getattr(self._client, operation)(restApiId=self._api_id, **arguments)


def check_document(document: JsonObject) -> None:
    """Refuse what cannot be replayed.

    Raises
    ------
    UnsupportedDocumentError
        With the reason, and what the document would have to look like.
    """
    version = str(document.get("openapi", "")) if isinstance(document, dict) else ""
    if not version.startswith("3.0"):
        raise UnsupportedDocumentError(
            f"the document's 'openapi' is {version or 'missing'}; write an OpenAPI 3.0 document"
        )
    names = document.get(VALIDATORS, {})
    for path, http_method, operation in operations(document):
        if (name := validator_name(document, operation)) is not None and name not in names:
            raise UnsupportedDocumentError(
                f"{http_method} {path} names the request validator '{name}', which "
                f"'{VALIDATORS}' does not define"
            )


def operations(document: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield path, HTTP method (``ANY`` for the any-method extension) and operation."""
    for path, item in document.get("paths", {}).items():
        for key, operation in item.items():
            if key in HTTP_METHODS:
                yield path, key.upper(), operation
            elif key == ANY_METHOD:
                yield path, "ANY", operation


def method(
    document: JsonObject, operation: JsonObject, validators: Mapping[str, str]
) -> JsonObject:
    """Return the arguments of ``PutMethod`` for an operation."""
    validator = validator_name(document, operation)
    content = operation.get("requestBody", {}).get("content", {})
    models = {
        content_type: reference.removeprefix(LOCAL_REFERENCE)
        for content_type, body in content.items()
        if (reference := body.get("schema", {}).get("$ref", "")).startswith(LOCAL_REFERENCE)
    }
    return {
        "authorizationType": "AWS_IAM" if uses(document, operation, is_signature) else "NONE",
        "apiKeyRequired": uses(document, operation, is_api_key),
        **present(
            operationName=operation.get("operationId"),
            requestValidatorId=validators[validator] if validator else None,
            requestModels=models or None,
            requestParameters=required_parameters(operation) or None,
        ),
    }


def validator_name(document: JsonObject, operation: JsonObject) -> str | None:
    """Return the request validator of an operation: its own, or the document's."""
    name: str | None = operation.get(VALIDATOR, document.get(VALIDATOR))
    return name


def required_parameters(operation: JsonObject) -> dict[str, bool]:
    """Return API Gateway's names of the request parameters, and whether each is required."""
    places = {"header": "header", "query": "querystring", "path": "path"}
    return {
        f"method.request.{places[p['in']]}.{p['name']}": bool(p.get("required"))
        for p in operation.get("parameters", [])
        if p.get("in") in places
    }


def uses(document: JsonObject, operation: JsonObject, wanted: Any) -> bool:
    """Return whether an operation's security names a scheme for which `wanted` is true."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    security: Any = operation.get("security", document.get("security", []))
    return any(wanted(schemes.get(name, {})) for entry in security for name in entry)


def is_api_key(scheme: JsonObject) -> bool:
    """Return whether a security scheme is API Gateway's key in the ``x-api-key`` header."""
    return scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key"


def is_signature(scheme: JsonObject) -> bool:
    """Return whether a security scheme is an AWS signature (IAM authorization)."""
    return str(scheme.get("x-amazon-apigateway-authtype", "")).lower() == "awssigv4"


def integration(settings: JsonObject) -> JsonObject:
    """Return the arguments of ``PutIntegration`` for an integration extension."""
    return {
        "type": str(settings["type"]).upper(),
        **present(
            integrationHttpMethod=settings.get("httpMethod"),
            uri=settings.get("uri"),
            credentials=settings.get("credentials"),
            passthroughBehavior=upper_or_none(settings.get("passthroughBehavior")),
            requestParameters=settings.get("requestParameters"),
            requestTemplates=settings.get("requestTemplates"),
            timeoutInMillis=settings.get("timeoutInMillis"),
        ),
    }


def method_response(status: Any, response: JsonObject) -> JsonObject:
    """Return the arguments of ``PutMethodResponse`` for a described response."""
    headers = {f"method.response.header.{name}": False for name in response.get("headers", {})}
    return {"statusCode": str(status), **present(responseParameters=headers or None)}


def integration_response(selection: str, response: JsonObject) -> JsonObject:
    """Return the arguments of ``PutIntegrationResponse``; ``default`` has no pattern."""
    return {
        "statusCode": str(response["statusCode"]),
        **present(
            selectionPattern=None if selection == "default" else selection,
            responseParameters=response.get("responseParameters"),
            responseTemplates=response.get("responseTemplates"),
        ),
    }


def model_schema(schema: Any, api_id: str) -> Any:
    """Return a component schema as a model: references name the API's other models."""
    if isinstance(schema, dict):
        return {
            key: model_reference(value, api_id)
            if key == "$ref" and isinstance(value, str)
            else model_schema(value, api_id)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [model_schema(item, api_id) for item in schema]
    return schema


def model_reference(reference: str, api_id: str) -> str:
    """Return how a model refers to the model that a document's reference names."""
    if not reference.startswith(LOCAL_REFERENCE):
        return reference
    name = reference.removeprefix(LOCAL_REFERENCE)
    return f"https://apigateway.amazonaws.com/restapis/{api_id}/models/{name}"


def present(**arguments: Any) -> JsonObject:
    """Return the arguments that have a value."""
    return {name: value for name, value in arguments.items() if value is not None}


def text_or_none(value: Any) -> str | None:
    """Return `value` as text, or None."""
    return None if value is None else str(value)


def upper_or_none(value: str | None) -> str | None:
    """Return `value` in upper case, or None."""
    return None if value is None else value.upper()
