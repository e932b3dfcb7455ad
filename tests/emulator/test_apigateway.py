"""API Gateway: owners of APIs, mapping templates, and what an integration calls and answers."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.patches.apigateway import integrations
from emulator.patches.apigateway.callers import with_owner
from emulator.patches.apigateway.integrations import (
    Address,
    Backend,
    ConfigurationError,
    UnsupportedTypeError,
)
from emulator.patches.apigateway.rest_apis import find_in_any_account
from emulator.patches.apigateway.templates import (
    BodyError,
    Overrides,
    Scope,
    TemplateError,
    Util,
    find,
)

SCOPE = Scope(
    context={"requestId": "r-1", "identity": {"sourceIp": "192.0.2.1"}},
    parameters={
        "path": {"id": "7"},
        "querystring": {"id": "8", "q": "a b"},
        "header": {"X-Name": "n"},
    },
    stage_variables={"v": "w"},
)
JSON = "application/json"


def render(template: str, body: str = "{}") -> str:
    text, _ = SCOPE.render(template, body, "responseOverride")
    return text


def call(uri: str, body: str = "", changed: Overrides | None = None, **integration: Any) -> Any:
    address = Address(*uri.split(" "))
    return integrations.call_of(integration, address, body, SCOPE, changed or Overrides())


def test_an_api_is_found_whatever_account_it_is_in() -> None:
    apis: dict[tuple[str, str, str], object] = {
        ("000000000000", "us-east-1", "a1"): {},
        ("111111111111", "eu-west-1", "b2"): {},
    }
    find_api = find_in_any_account(SimpleNamespace(all_items=apis.items))

    assert find_api("b2") == ("111111111111", "eu-west-1")
    assert find_api("c3") is None


def test_the_arn_of_a_method_names_the_account_of_its_api() -> None:
    make = with_owner(lambda *parts: ":".join(parts), {"b2": ("222222222222", "eu-west-1")}.get)

    assert make("us-east-1", "1", "b2", "s") == "eu-west-1:222222222222:b2:s"
    assert make("us-east-1", "1", "http", "s") == "us-east-1:1:http:s"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", {"a": {"b-c": [1, 2]}, "x y": 3}),
        ("$.a.b-c[1]", 2),
        ("$['x y']", 3),
        ("$.a.missing", ""),
        ("$.a.b-c[9]", ""),
        ("$.a[0]", ""),
    ],
)
def test_a_path_finds_its_value_or_nothing(path: str, value: Any) -> None:
    assert find(path, {"a": {"b-c": [1, 2]}, "x y": 3}) == value


@pytest.mark.parametrize("path", ["$..a", "$.a[?(@.b)]", "$.a[*]", "a"])
def test_a_path_that_is_not_known_is_an_error(path: str) -> None:
    with pytest.raises(TemplateError, match="JSONPath"):
        find(path, {})


@pytest.mark.parametrize(
    "value", ["it's", 'a "b"', "</script>", "\\", "ü€😀", "line\nend\u2028", "$x #if(1)"]
)
def test_an_escaped_value_arrives_as_it_was(value: str) -> None:
    template = (
        """{"input": "$util.escapeJavaScript($input.json('$.v')).replaceAll("\\\\'", "'")"}"""
    )

    made = json.loads(render(template, json.dumps({"v": value})))

    assert json.loads(made["input"]) == value


def test_a_template_reads_parameters_context_and_stage_variables() -> None:
    template = (
        "$input.params('id') $input.params('q') $input.params('x-name') [$input.params('none')] "
        "$context.identity.sourceIp $stageVariables.v $util.urlEncode($input.params('q')) "
        "$util.base64Decode($util.base64Encode('b'))"
    )

    assert render(template) == "7 a b n [] 192.0.2.1 w a+b b"


def test_a_template_overrides_the_status_and_headers() -> None:
    text, changed = SCOPE.render(
        "#set($context.responseOverride.status = 422)"
        "#set($context.responseOverride.header.X-Why = 'no')done",
        "{}",
        "responseOverride",
    )

    assert (text, changed.status, changed.header) == ("done", 422, {"X-Why": "no"})


def test_an_empty_body_is_an_empty_object_and_a_broken_one_an_error() -> None:
    assert render("$input.json('$')", " ") == "{}"
    with pytest.raises(BodyError):
        render("$input.json('$')", "{")
    assert render("$input.body", "{") == "{"


def test_a_broken_template_is_an_error() -> None:
    with pytest.raises(TemplateError):
        render("$util.parseJson('{')")


def test_util_reads_json_and_forms() -> None:
    assert Util().parseJson('{"a": 1}') == {"a": 1}
    assert Util().urlDecode("a+b%21") == "a b!"


def test_a_service_of_json_gets_its_target() -> None:
    sent = call("us-east-1 states action StartExecution", '{"n": 1}', httpMethod="POST")

    assert (sent.method, sent.path, sent.body) == ("POST", "/", b'{"n": 1}')
    assert sent.headers == {
        "X-Amz-Target": "AWSStepFunctions.StartExecution",
        "Content-Type": "application/x-amz-json-1.0",
    }
    assert sent.signing_name == "states"


def test_a_path_and_its_parameters_are_mapped_and_overridden() -> None:
    parameters = {
        "integration.request.path.key": "method.request.path.id",
        "integration.request.header.X-Id": "context.requestId",
        "integration.request.header.X-Fix": "'fixed'",
        "integration.request.header.X-Name": "method.request.header.x-name",
        "integration.request.header.X-None": "method.request.header.none",
        "integration.request.querystring.v": "stageVariables.v",
    }
    changed = Overrides(querystring={"v": "other"})

    sent = call("us-east-1 s3 path b/{key}", changed=changed, requestParameters=parameters)

    assert (sent.path, sent.query) == ("/b/7", {"v": "other"})
    assert sent.headers == {
        "X-Id": "r-1",
        "X-Fix": "fixed",
        "X-Name": "n",
        "Content-Type": JSON,
    }


def test_an_action_of_the_query_protocol_is_named_in_the_query() -> None:
    assert call("us-east-1 sns action Publish").query == {
        "Action": "Publish",
        "Version": "2010-03-31",
    }


@pytest.mark.parametrize("uri", ["r states action Nothing", "r nothing action Do"])
def test_an_action_that_aws_does_not_have_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError):
        call(uri)


def test_a_source_that_api_gateway_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a source"):
        call(
            "r states action StartExecution",
            requestParameters={"integration.request.header.X": "method.request.body.a"},
        )


def test_only_a_template_of_the_content_type_maps_a_body() -> None:
    mapped = {"requestTemplates": {"application/json; charset=utf-8": "$input.body!"}}

    assert integrations.request_body(mapped, JSON, "b", SCOPE)[0] == "b!"
    assert integrations.request_body(mapped, "text/xml", "b", SCOPE)[0] is None
    for behavior in ("NEVER", "WHEN_NO_TEMPLATES"):
        with pytest.raises(UnsupportedTypeError):
            integrations.request_body(
                {**mapped, "passthroughBehavior": behavior}, "text/xml", "b", SCOPE
            )


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("", JSON), ("*/*", JSON), ("Text/XML; q=1, a/b", "text/xml")],
)
def test_a_media_type_is_the_first_of_its_header(header: str, wanted: str) -> None:
    assert integrations.media_type(header) == wanted


def test_the_pattern_must_match_the_complete_text() -> None:
    responses = {
        "400": {"statusCode": "400", "selectionPattern": "4\\d\\d"},
        "200": {"statusCode": "200", "selectionPattern": ""},
    }

    assert integrations.selected(responses, "404")["statusCode"] == "400"
    assert integrations.selected(responses, "4040")["statusCode"] == "200"
    with pytest.raises(ConfigurationError):
        integrations.selected({"400": responses["400"]}, "200")


def test_an_answer_has_the_mapped_headers_and_status() -> None:
    integration = {
        "integrationResponses": {
            "202": {
                "statusCode": "202",
                "responseParameters": {
                    "method.response.header.X-Fix": "'a'",
                    "method.response.header.X-Id": "integration.response.header.x-amzn-requestid",
                    "method.response.header.X-None": "integration.response.header.none",
                },
                "responseTemplates": {JSON: '{"id": $input.json("$.MessageId")}'},
            }
        }
    }
    backend = Backend(200, "200", {"x-amzn-RequestId": "q"}, '{"MessageId": "m"}')

    assert integrations.answer_of(integration, backend, "text/html", SCOPE) == (
        202,
        {"Content-Type": JSON, "X-Fix": "a", "X-Id": "q"},
        b'{"id": "m"}',
    )


def test_an_answer_in_xml_becomes_json() -> None:
    text = '<A xmlns="u"><B><C>1</C></B><D/></A>'

    assert json.loads(integrations.as_json(text)) == {"A": {"B": {"C": "1"}, "D": None}}
    assert integrations.as_json("<not xml") == "<not xml"
    assert integrations.as_json('{"a": 1}') == '{"a": 1}'


def test_an_integration_without_a_role_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no role"):
        integrations.keys_of_role("arn:aws:iam::*:user/*", "1", "us-east-1")
