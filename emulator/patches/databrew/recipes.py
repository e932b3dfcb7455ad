"""The steps of recipes, in SQL.

https://docs.aws.amazon.com/databrew/latest/dg/recipe-actions-reference.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emulator.sql.types import literal, quoted

Step = Mapping[str, Any]
Parameters = Mapping[str, str]


class UnknownStepError(Exception):
    """A step that this DataBrew cannot carry out."""


def query(table: str, steps: Sequence[Step]) -> str:
    """Return the SQL that applies steps to a table, one after the other.

    Raises
    ------
    UnknownStepError
        When no SQL is known for a step.
    """
    select = f"SELECT * FROM {table}"  # noqa: S608  a name that this module's caller makes
    for step in steps:
        action = step["Action"]
        known = ACTIONS.get(action["Operation"])
        if known is None:
            raise UnknownStepError(
                f"The emulator cannot do the recipe action {action['Operation']}."
            )
        conditions = step.get("ConditionExpressions") or []
        select = known(f"({select})", action.get("Parameters") or {}, conditions)
    return select


def delete(source: str, parameters: Parameters, _: Sequence[Step]) -> str:
    """Remove columns."""
    columns = ", ".join(quoted(column) for column in json.loads(parameters["sourceColumns"]))
    return f"SELECT * EXCLUDE ({columns}) FROM {source}"  # noqa: S608  names are quoted


def rename(source: str, parameters: Parameters, _: Sequence[Step]) -> str:
    """Give a column another name."""
    before, after = quoted(parameters["sourceColumn"]), quoted(parameters["targetColumn"])
    return f"SELECT * RENAME ({before} AS {after}) FROM {source}"  # noqa: S608


def changed(function: str) -> Callable[[str, Parameters, Sequence[Step]], str]:
    """Return an action that changes the text of a column."""

    def change(source: str, parameters: Parameters, _: Sequence[Step]) -> str:
        column = quoted(parameters["sourceColumn"])
        return f"SELECT * REPLACE ({function}({column}) AS {column}) FROM {source}"  # noqa: S608

    return change


def remove_values(source: str, _: Parameters, conditions: Sequence[Step]) -> str:
    """Remove the rows that fulfil all conditions."""
    wanted = " AND ".join(condition(one) for one in conditions)
    # What is neither true nor false, as with an empty value, stays.
    return f"SELECT * FROM {source} WHERE ({wanted}) IS NOT TRUE"  # noqa: S608


def condition(given: Step) -> str:
    """Return the SQL of one condition.

    Raises
    ------
    UnknownStepError
        When no SQL is known for it.
    """
    column, kind, value = quoted(given["TargetColumn"]), given["Condition"], given.get("Value", "")
    if kind in ("IS_MISSING", "IS_NOT_MISSING"):
        is_missing = f"({column} IS NULL OR {column} = '')"
        return is_missing if kind == "IS_MISSING" else f"NOT {is_missing}"
    if kind in ("IS", "IS_NOT"):
        listed = ", ".join(literal(str(one)) for one in json.loads(value))
        found = f"coalesce({column}, '') IN ({listed})"
        return found if kind == "IS" else f"NOT {found}"
    if kind in COMPARISONS:
        return f"TRY_CAST({column} AS DOUBLE) {COMPARISONS[kind]} {float(value)}"
    raise UnknownStepError(f"The emulator cannot do the condition {kind}.")


COMPARISONS = {
    "LESS_THAN": "<",
    "LESS_THAN_EQUAL": "<=",
    "GREATER_THAN": ">",
    "GREATER_THAN_EQUAL": ">=",
}
ACTIONS: Mapping[str, Callable[[str, Parameters, Sequence[Step]], str]] = {
    "DELETE": delete,
    "RENAME": rename,
    "UPPER_CASE": changed("upper"),
    "LOWER_CASE": changed("lower"),
    "REMOVE_VALUES": remove_values,
}
