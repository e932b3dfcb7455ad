"""Find the rows of the CRM database for ``make reconcile``.

A Lambda function reads them, because the database is private.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ops.aws.invoke import invoke
from ops.executions.executions import Execution
from ops.flows import DeployedFlow
from ops.flows.crm_registration.rows import KEYS
from ops.recovery.places import Contents, Inspector, Key, key

#: Begins the RUT of a synthetic lead. Such a RUT is never assigned to a person.
SYNTHETIC_PREFIX = "000"
#: The limit of the function that counts rows.
MOST_ROWS_AT_ONCE = 3000


def is_synthetic(answer: Mapping[str, Any]) -> bool:
    """Return whether an execution was a smoke test's, which removes its rows."""
    return str(answer.get("rut", "")).startswith(SYNTHETIC_PREFIX)


def inspect(deployed: DeployedFlow) -> Inspector:
    """Return what reads the rows of executions."""
    client, function = deployed.client("lambda"), deployed.function("count_rows")

    def look(executions: Iterable[Execution]) -> Contents:
        answers = [e.answer for e in executions if e.answer and not is_synthetic(e.answer)]
        wanted = [
            (table, found)
            for table, columns in KEYS.items()
            for found in sorted({key(answer, columns) for answer in answers})
        ]
        counts: dict[str, dict[Key, int]] = {table: {} for table in KEYS}
        for start in range(0, len(wanted), MOST_ROWS_AT_ONCE):
            some = wanted[start : start + MOST_ROWS_AT_ONCE]
            asked = {table: [k for t, k in some if t == table] for table in KEYS}
            answer = invoke(client, function, {"keys": asked})
            for table, keys in asked.items():
                counts[table] |= {k: n for k, n in zip(keys, answer[table], strict=True) if n}
        return Contents(KEYS, counts, is_synthetic)

    def complete(executions: Iterable[Execution]) -> set[str]:
        # A row names the execution that wrote it. Of a lead whose client was there already, some
        # rows name an earlier one.
        names = [execution.name for execution in executions]
        found: set[str] = set()
        for start in range(0, len(names), MOST_ROWS_AT_ONCE):
            some = names[start : start + MOST_ROWS_AT_ONCE]
            found.update(invoke(client, function, {"executions": some})["complete"])
        return found

    return Inspector(look, complete)
