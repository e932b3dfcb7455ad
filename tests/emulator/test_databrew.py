"""DataBrew's recipes, and the properties of its resources in stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.patches.databrew import as_fields, recipes
from emulator.patches.databrew.service import DataBrew
from emulator.services import without_operation
from emulator.sql.database import database_in

ROWS = (
    "(VALUES ('1', 'Unknown', '5'), ('2', 'College', ''), ('3', NULL, '30')) AS t(id, level, age)"
)


def step(operation: str, *conditions: dict[str, str], **parameters: str) -> dict[str, Any]:
    action = {"Operation": operation, "Parameters": parameters}
    return {"Action": action, "ConditionExpressions": list(conditions)}


def condition(kind: str, column: str, value: str = "") -> dict[str, str]:
    return {"Condition": kind, "TargetColumn": column, "Value": value}


BOTH = [condition("LESS_THAN_EQUAL", "age", "5"), condition("IS", "level", '["x"]')]


def identifiers(tmp_path: Path, *steps: dict[str, Any]) -> list[str]:
    with database_in(tmp_path) as database:
        return [row[0] for row in database.rows(recipes.query(ROWS, steps))]


def test_columns_are_deleted_and_renamed(tmp_path: Path) -> None:
    steps = [
        step("DELETE", sourceColumns='["age"]'),
        step("RENAME", sourceColumn="level", targetColumn="school"),
        step("UPPER_CASE", sourceColumn="school"),
    ]

    with database_in(tmp_path) as database:
        [found] = database.rows(f"SELECT id, school FROM ({recipes.query(ROWS, steps)}) LIMIT 1")

    assert found == ("1", "UNKNOWN")


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ([condition("IS", "level", '["Unknown", "Other"]')], ["2", "3"]),
        ([condition("IS_NOT", "level", '["Unknown"]')], ["1"]),
        ([condition("IS_MISSING", "age")], ["1", "3"]),
        ([condition("IS_NOT_MISSING", "level")], ["3"]),
        ([condition("GREATER_THAN", "age", "5")], ["1", "2"]),
        (
            [condition("LESS_THAN_EQUAL", "age", "5"), condition("IS", "level", '["x"]')],
            ["1", "2", "3"],
        ),
    ],
)
def test_rows_that_fulfil_all_conditions_are_removed(
    tmp_path: Path, conditions: list[dict[str, str]], kept: list[str]
) -> None:
    assert identifiers(tmp_path, step("REMOVE_VALUES", *conditions)) == kept


@pytest.mark.parametrize(
    "unknown", [step("PIVOT"), step("REMOVE_VALUES", condition("CONTAINS", "level", "x"))]
)
def test_a_step_that_cannot_be_done_is_named(unknown: dict[str, Any]) -> None:
    with pytest.raises(recipes.UnknownStepError, match=r"PIVOT|CONTAINS"):
        recipes.query(ROWS, [unknown])


def test_the_properties_of_a_stack_become_fields() -> None:
    given = {
        "Name": "job",
        "Type": "RECIPE",
        "Recipe": {"Name": "recipe", "Version": "1.0"},
        "Tags": [{"Key": "flow", "Value": "x"}],
    }

    assert as_fields(given) == {
        "Name": "job",
        "RecipeReference": {"Name": "recipe", "RecipeVersion": "1.0"},
        "Tags": {"flow": "x"},
    }


def test_every_operation_is_one_of_aws() -> None:
    assert without_operation("databrew", DataBrew("http://127.0.0.1:1")) == []
