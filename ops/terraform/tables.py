"""Describe a module's inputs and outputs as Markdown tables, from its Terraform files."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hcl2

OPTIONS = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False)
HEREDOC = re.compile(r"<<-?(\w+)\n(.*)\n\s*\1", re.DOTALL)
#: A line of a description about single fields, such as "rate, burst: limits of all calls."
FIELD_LINE = re.compile(r"(\w+(?:, \w+)*): (.+)")
#: Of a longer object each field has a row of its own.
MOST_TYPE_CHARACTERS = 60
REQUIRED = "required"
COLLECTIONS = {"list": "[]", "set": "[]", "map": ".*"}


class Row(NamedTuple):
    """An input, or a field of one."""

    name: str
    type: str
    default: str
    description: str


class Field(NamedTuple):
    """A field of an object type; `default` is None where it is required."""

    name: str
    type: str
    default: str | None


def read_blocks(folder: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of one kind in a module, such as ``variable``, by name."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.tf")):
        with file.open(encoding="utf-8") as stream:
            content = hcl2.load(stream, serialization_options=OPTIONS)
        for block in content.get(kind, []):
            found.update(block)
    return found


def inputs_table(folder: Path, leave_out: Collection[str] = ()) -> str:
    """Return the table of a module's variables, and of the fields of those that are objects.

    Parameters
    ----------
    folder
        The module.
    leave_out
        Variables that the table leaves out.
    """
    rows = [
        row
        for name, body in read_blocks(folder, "variable").items()
        if name not in leave_out
        for row in variable_rows(name, body)
    ]
    return markdown_table(
        ["input", "type", "default", "description"],
        [
            [
                f"`{row.name}`",
                _code(re.sub(r"(?<=\{)(?!\})|(?<!\{)(?=\})", " ", row.type)),
                row.default if row.default == REQUIRED else _code(row.default),
                _text(row.description),
            ]
            for row in rows
        ],
    )


def outputs_table(folder: Path) -> str:
    """Return the table of a module's outputs."""
    rows = [
        [f"`{name}`", _text(prose(body))] for name, body in read_blocks(folder, "output").items()
    ]
    return markdown_table(["output", "description"], rows)


def variable_rows(name: str, body: dict[str, Any]) -> Iterator[Row]:
    """Yield the row of a variable, and those of its fields where its type is long.

    Parameters
    ----------
    name
        The variable's name.
    body
        Its block, as `read_blocks` returns it.
    """
    kind = str(body.get("type", "any"))
    kind = kind[2:-1] if kind.startswith("${") else kind
    description, of_fields = split_description(prose(body), kind)
    default = _value(body["default"]) if "default" in body else REQUIRED
    if of_fields or len(kind) > MOST_TYPE_CHARACTERS:
        yield Row(name, outer_type(kind), default, description)
        yield from _field_rows(name, kind, of_fields)
    else:
        yield Row(name, kind, default, description)


def prose(body: dict[str, Any]) -> str:
    """Return the description of a block, without the marks of a heredoc."""
    text = str(body.get("description", ""))
    if match := HEREDOC.fullmatch(text):
        text = textwrap.dedent(match[2])
    return text.replace("$${", "${").replace('\\"', '"').strip()


def split_description(text: str, kind: str) -> tuple[str, dict[str, str]]:
    """Return a description without its lines about single fields, and these by field."""
    known = {field.name for field in fields_of(kind)}
    rest = []
    of_fields = {}
    for line in text.splitlines():
        match = FIELD_LINE.fullmatch(line.strip())
        names = match[1].split(", ") if match else []
        if match and known.issuperset(names):
            of_fields.update(dict.fromkeys(names, match[2][0].upper() + match[2][1:]))
        else:
            rest.append(line.strip())
    # Only lines about fields follow a colon.
    return re.sub(r":$", ".", " ".join(rest).strip()), of_fields


def _field_rows(prefix: str, kind: str, descriptions: dict[str, str]) -> Iterator[Row]:
    name = prefix + _path(kind)
    for field in fields_of(kind):
        default = REQUIRED if field.default is None else field.default
        description = descriptions.get(field.name, "")
        path = f"{name}.{field.name}"
        if len(field.type) > MOST_TYPE_CHARACTERS and fields_of(field.type):
            yield Row(path, outer_type(field.type), default, description)
            yield from _field_rows(path, field.type, {})
        else:
            yield Row(path, field.type, default, description)


def outer_type(kind: str) -> str:
    """Return a type without the fields of its objects, such as ``map(object)``."""
    name, inner = _call(kind)
    if name == "object":
        return name
    return f"{name}({outer_type(inner)})" if name in COLLECTIONS else kind


def fields_of(kind: str) -> list[Field]:
    """Return the fields of an object type, or of the objects in a collection."""
    name, inner = _call(kind)
    if name in COLLECTIONS:
        return fields_of(inner)
    if name != "object":
        return []
    fields = []
    for part in _split(inner.strip()[1:-1]):
        field, _, definition = part.partition("=")
        wrapper, optional = _call(definition.strip())
        if wrapper == "optional":
            inner_type, *default = _split(optional)
            fields.append(Field(field.strip(), inner_type, ", ".join(default) or "null"))
        else:
            fields.append(Field(field.strip(), definition.strip(), None))
    return fields


def _path(kind: str) -> str:
    """Return what stands for the elements of nested collections, such as ``.*``."""
    name, inner = _call(kind)
    return COLLECTIONS[name] + _path(inner) if name in COLLECTIONS else ""


def _call(text: str) -> tuple[str, str]:
    """Return the name of a type and the text between its parentheses."""
    match = re.fullmatch(r"(\w+)\((.*)\)", text.strip(), re.DOTALL)
    return (match[1], match[2]) if match else (text.strip(), "")


def _split(text: str) -> list[str]:
    """Return the parts between the commas that are in no brackets and no string."""
    parts = [""]
    depth = 0
    for part in re.findall(r'"(?:\\.|[^"\\])*"|.', text, re.DOTALL):
        depth += (part in "([{") - (part in ")]}")
        if part == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += part
    return [one.strip() for one in parts if one.strip()]


def _value(value: Any) -> str:
    """Return a default as Terraform writes it."""
    if isinstance(value, dict):
        fields = ", ".join(f"{name} = {_value(one)}" for name, one in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, str) and re.fullmatch(r"\$\{.*\}", value):
        return value[2:-1]
    return json.dumps(value, ensure_ascii=False)


def markdown_table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, or a word where there are no rows."""
    if not rows:
        return "None.\n"
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def _code(text: str) -> str:
    """Return text as code in a table's cell, where a bar ends the cell even between backticks."""
    return f"`{text}`".replace("|", "\\|")


def _text(text: str) -> str:
    return re.sub(r"([|*<])", r"\\\1", text)
