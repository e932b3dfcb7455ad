"""Check values against a JSON Schema, with messages that hold no value of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastjsonschema

Schema = dict[str, Any]


class SchemaError(ValueError):
    """A value breaks a rule; the message names the field and the rule, never the value."""


class Validator:
    """A compiled schema.

    Parameters
    ----------
    schema
        A JSON Schema, draft 7.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._check: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)

    def check(self, value: Any) -> None:
        """Check a value.

        Raises
        ------
        SchemaError
            For the first rule that it breaks.
        """
        try:
            self._check(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise SchemaError(self._message(error)) from None

    def _message(self, error: fastjsonschema.JsonSchemaValueException) -> str:
        path = [str(part) for part in error.path[1:]]
        if error.rule == "additionalProperties":
            known = ", ".join(self._schema.get("properties", {}))
            return f"has a field that is not known; the known ones are {known}"
        if error.rule == "required":
            missing = [n for n in error.rule_definition if n not in error.value]
            return f"lacks {', '.join(missing)}"
        if not path:
            return f"must be {_article(error.rule_definition)}"
        definition = self._schema.get("properties", {}).get(path[0], {})
        rule = definition.get("description", f"must satisfy '{error.rule}'")
        return f"{'.'.join(path)}: {rule[0].lower()}{rule[1:].rstrip('.')}"


def subset(schema: Schema, fields: list[str]) -> Schema:
    """Return the schema of an object that has exactly these fields of another."""
    return {
        "type": "object",
        "required": fields,
        "additionalProperties": False,
        "properties": {name: schema["properties"][name] for name in fields},
    }


def _article(kind: Any) -> str:
    return f"a JSON {kind}"
