"""The rules that are read here mean what JSON Schema says, and none is passed over."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowbridge.schema import RULES, SchemaError, Validator
from ops.settings import REPOSITORY

#: One rule of each kind on its own, so that none hides behind another one.
SCHEMAS: list[dict[str, Any]] = [
    *[{"type": kind} for kind in ("object", "array", "string", "boolean", "integer", "number")],
    {"enum": ["", "a"]},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 0}]},
    {"minLength": 2},
    {"maxLength": 2},
    {"pattern": "[a0]"},
    {"minimum": 1},
    {"maximum": 1},
    {"maxItems": 1},
    {"items": {"type": "string", "maxLength": 1}},
    {"required": ["a"]},
    {"properties": {"a": {"type": "object", "required": ["b"]}}},
    {"properties": {"a": {}}, "additionalProperties": False},
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5, -2.0])
    | st.text("ab0\u00e9\U0001f98a", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=5,
)


def test_every_rule_is_tried() -> None:
    assert {keyword for schema in SCHEMAS for keyword in schema} == set(RULES)


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
@given(value=VALUES)
@settings(max_examples=60, deadline=None)
def test_a_value_passes_as_with_a_library(schema: dict[str, Any], value: Any) -> None:
    try:
        Validator({"type": "object", "properties": {"field": schema}}).check({"field": value})
        passes = True
    except SchemaError:
        passes = False

    assert passes == jsonschema.Draft7Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "rule",
    [
        {"format": "email"},
        {"minItems": 1},
        {"$ref": "#/x"},
        {"type": ["string", "null"]},
        {"type": "null"},
        {"enum": [1]},
        {"additionalProperties": {"type": "string"}},
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        lambda rule: rule,
        lambda rule: {"properties": {"a": rule}},
        lambda rule: {"items": rule},
        lambda rule: {"oneOf": [rule]},
    ],
)
def test_a_rule_that_is_not_known_is_refused(rule: dict[str, Any], place: Any) -> None:
    with pytest.raises(ValueError, match=f"'.*{next(iter(rule))[1:]}' is not supported: "):
        Validator(place(rule))


@pytest.mark.parametrize(
    "file", sorted(REPOSITORY.glob("lambda_src/*/*.schema.json")), ids=lambda file: file.name
)
def test_the_rules_of_every_flow_are_known(file: Any) -> None:
    Validator(json.loads(file.read_text()))


def test_an_inner_field_is_named_with_its_way() -> None:
    rule = {"description": "Must be short.", "items": {"maxLength": 1}}

    with pytest.raises(SchemaError, match=r"^list\.1: must be short$"):
        Validator({"properties": {"list": rule}}).check({"list": ["a", "bc"]})
