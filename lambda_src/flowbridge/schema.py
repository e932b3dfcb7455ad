"""Check values against a JSON Schema, with messages that hold no value of the data.

The rules are read as they stand. A library that can do all of JSON Schema would cost a cold start
more than everything else of ours together, and the rules of an event need a few keywords. One that
is not known is refused when the rules are read, so no rule is ever passed over.
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

#: Keywords that tell readers something, and ask nothing of a value; so do those with "x-".
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
    """A value breaks a rule; the message names the field and the rule, never the value."""


class Validator:
    """The rules of a value.

    Parameters
    ----------
    schema
        A JSON Schema, draft 7, of the keywords in `RULES`. Patterns are regular expressions of
        Python, but ``$`` is the very end, not before a line's end.

    Raises
    ------
    ValueError
        When it has a keyword that is not known.
    """

    def __init__(self, schema: Schema) -> None:
        _refuse_unknown(schema)
        self._schema = schema

    def check(self, value: Any) -> None:
        """Check a value.

        Raises
        ------
        SchemaError
            For the first rule that it breaks.
        """
        broken = _broken(self._schema, value)
        if broken:
            raise SchemaError(self._message(*broken))

    def _message(self, path: Path, keyword: str, rule: Any, value: Any) -> str:
        if keyword == "additionalProperties":
            known = ", ".join(self._schema.get("properties", {}))
            return f"has a field that is not known; the known ones are {known}"
        if keyword == "required":
            return f"lacks {', '.join(name for name in rule if name not in value)}"
        if not path:
            return f"must be a JSON {rule}"
        definition = self._schema["properties"][path[0]]
        text = definition.get("description", f"must satisfy '{keyword}'")
        return f"{'.'.join(path)}: {text[0].lower()}{text[1:].rstrip('.')}"


def read_schema(module: str, name: str) -> Schema:
    """Return the schema in the file of this name beside a module, which gives its ``__file__``."""
    with open(os.path.join(os.path.dirname(module), name), encoding="utf-8") as file:
        schema: Schema = json.load(file)
    return schema


def subset(schema: Schema, fields: list[str]) -> Schema:
    """Return the schema of an object that has exactly these fields of another."""
    return {
        "type": "object",
        "required": fields,
        "additionalProperties": False,
        "properties": {name: schema["properties"][name] for name in fields},
    }


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Return a pattern whose end is the text's; Python's own ``$`` lets a line's end follow."""
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", text))


def _is_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):  # an int to Python, and no number to JSON
        return kind == "boolean"
    if isinstance(value, float) and kind == "integer":
        return value.is_integer()
    return isinstance(value, TYPES[kind])


def _only(kind: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a rule that asks nothing of values of other types."""
    return lambda value, rule: not _is_type(value, kind) or holds(value, rule)


#: What each keyword asks of a value, in the order in which they are asked.
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
    "items": lambda *_: True,  # by `_broken`, which goes into them
    "required": _only("object", lambda value, names: all(name in value for name in names)),
    "properties": lambda *_: True,
    "additionalProperties": lambda *_: True,
}


def _broken(schema: Schema, value: Any, path: Path = ()) -> tuple[Path, str, Any, Any] | None:
    """Return the first rule that a value breaks: where, its keyword, what it asks, of what."""
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
            raise ValueError(f"the rule '{keyword}' of a schema is not known here")
    for inner in (*schema.get("properties", {}).values(), *schema.get("oneOf", ())):
        _refuse_unknown(inner)
    if "items" in schema:
        _refuse_unknown(schema["items"])
