"""Validate values against a JSON Schema, with messages that quote no data.

A complete JSON Schema library would cost more cold start time than all our other code, and events
need only a few keywords. An unknown keyword is an error when the schema is loaded, so no rule is
silently ignored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any

Schema = dict[str, Any]
Path = tuple[str, ...]

#: Annotations, which do not restrict a value; keywords that begin with "x-" are annotations too.
NOTES = frozenset({"$schema", "title", "description"})
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "number": (int, float),
}


class SchemaError(ValueError):
    """A value breaks a rule; the message has the field and the rule, without the value."""


class Validator:
    """Validate values against one schema.

    Parameters
    ----------
    schema
        A JSON Schema, draft 7, restricted to the keywords in `RULES`. Patterns are Python regular
        expressions, except that ``$`` matches only at the very end, never before a final newline.

    Raises
    ------
    ValueError
        When it has an unknown keyword.
    """

    def __init__(self, schema: Schema) -> None:
        _refuse_unknown(schema)
        self._schema = schema

    def check(self, value: Any) -> None:
        """Validate a value.

        Raises
        ------
        SchemaError
            For the first broken rule.
        """
        broken = _broken(self._schema, value)
        if broken:
            raise SchemaError(self._message(*broken))

    def _message(self, path: Path, keyword: str, rule: Any, value: Any) -> str:
        if keyword == "additionalProperties":
            known = ", ".join(self._schema.get("properties", {}))
            return f"unknown field; the known fields are {known}"
        if keyword == "required":
            missing = [name for name in rule if name not in value]
            return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        if not path:
            return f"must be a JSON {rule}"
        definition = self._schema["properties"][path[0]]
        text = definition.get("description", f"must satisfy '{keyword}'")
        return f"{'.'.join(path)}: {text[0].lower()}{text[1:].rstrip('.')}"


def read_schema(module: str, name: str) -> Schema:
    """Return the schema from a file next to a module.

    Parameters
    ----------
    module
        The module's ``__file__``.
    name
        The schema's file name.
    """
    with open(os.path.join(os.path.dirname(module), name), encoding="utf-8") as file:
        schema: Schema = json.load(file)
    return schema


def subset(schema: Schema, fields: list[str]) -> Schema:
    """Return the schema of an object with exactly these fields, with their rules from `schema`."""
    return {
        "type": "object",
        "required": fields,
        "additionalProperties": False,
        "properties": {name: schema["properties"][name] for name in fields},
    }


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern in which ``$`` allows no final newline, unlike in Python."""
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", text))


def _is_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):  # an int in Python, but not a number in JSON
        return kind == "boolean"
    if isinstance(value, float) and kind == "integer":
        return value.is_integer()
    return isinstance(value, TYPES[kind])


def _only(kind: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a rule that applies to values of one type only."""
    return lambda value, rule: not _is_type(value, kind) or holds(value, rule)


#: The check of each keyword, in the order of evaluation.
RULES: dict[str, Callable[[Any, Any], bool]] = {
    "type": _is_type,
    "enum": lambda value, texts: value in texts,
    "oneOf": lambda value, options: sum(not _broken(one, value) for one in options) == 1,
    "minLength": _only("string", lambda value, least: len(value) >= least),
    "maxLength": _only("string", lambda value, most: len(value) <= most),
    "pattern": _only("string", lambda value, text: bool(_pattern(text).search(value))),
    "minimum": _only("number", lambda value, least: value >= least),
    "maximum": _only("number", lambda value, most: value <= most),
    "maxItems": _only("array", lambda value, most: len(value) <= most),
    "items": lambda *_: True,  # this and the last two are checked by `_broken`
    "required": _only("object", lambda value, names: all(name in value for name in names)),
    "properties": lambda *_: True,
    "additionalProperties": lambda *_: True,
}


def _broken(schema: Schema, value: Any, path: Path = ()) -> tuple[Path, str, Any, Any] | None:
    """Return the first broken rule: path, keyword, the keyword's argument, and the value."""
    for keyword, holds in RULES.items():
        if keyword in schema and not holds(value, schema[keyword]):
            return path, keyword, schema[keyword], value
    if "items" in schema and isinstance(value, list):
        for number, item in enumerate(value):
            if found := _broken(schema["items"], item, (*path, str(number))):
                return found
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for name, rules in properties.items():
            if name in value and (found := _broken(rules, value[name], (*path, name))):
                return found
        if schema.get("additionalProperties") is False and not value.keys() <= properties.keys():
            return path, "additionalProperties", False, value
    return None


def _refuse_unknown(schema: Schema) -> None:
    for keyword, rule in schema.items():
        known = keyword in RULES or keyword in NOTES or keyword.startswith("x-")
        if keyword == "type":
            known = isinstance(rule, str) and rule in TYPES
        elif keyword == "enum":
            known = all(isinstance(text, str) for text in rule)
        elif keyword == "additionalProperties":
            known = isinstance(rule, bool)
        if not known:
            raise ValueError(f"The schema rule '{keyword}' is not supported: {rule!r}")
    for inner in (*schema.get("properties", {}).values(), *schema.get("oneOf", ())):
        _refuse_unknown(inner)
    if "items" in schema:
        _refuse_unknown(schema["items"])
