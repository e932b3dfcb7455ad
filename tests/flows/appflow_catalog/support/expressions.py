"""The expressions of the state machine, as Step Functions evaluates them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonata  # type: ignore[import-untyped]
import yaml

from ops.settings import REPOSITORY

FILE = REPOSITORY / "terraform" / "flows" / "appflow_catalog" / "expressions.yaml"


def evaluate(name: str, file: Path = FILE, **variables: Any) -> Any:
    """Return the value of an expression, given the variables that it reads."""
    text = yaml.safe_load(file.read_text(encoding="utf-8"))[name]
    expression = jsonata.Jsonata(text.strip().removeprefix("{%").removesuffix("%}"))
    frame = expression.create_frame()
    for variable, value in variables.items():
        frame.bind(variable, json.loads(json.dumps(value)))
    return json.loads(json.dumps(expression.evaluate(None, frame)))
