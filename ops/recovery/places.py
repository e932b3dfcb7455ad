"""The results of flows, such as rows, which are compared with the answers of executions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.executions.executions import Execution
from ops.recovery.dead_letters import DeadLetter

#: The values of the columns that identify a row.
Key = tuple[str, ...]


def never(_: Mapping[str, Any]) -> bool:
    """Return that an answer is not a smoke test's."""
    return False


@dataclass(frozen=True)
class Contents:
    """The rows of tables.

    Parameters
    ----------
    columns
        By table, the fields of an execution's answer that make the key of its row.
    counts
        By table, the number of rows of each key.
    is_synthetic
        Whether an answer is a smoke test's, which removes its rows.
    """

    columns: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, Mapping[Key, int]]
    is_synthetic: Callable[[Mapping[str, Any]], bool] = never

    def missing(self, execution: Execution) -> list[str]:
        """Return the tables without the row that an execution reports."""
        answer = execution.answer
        if answer is None or self.is_synthetic(answer):
            return []
        return [
            table
            for table, columns in self.columns.items()
            if key(answer, columns) not in self.counts[table]
        ]

    def claimed(self, execution: Execution, letters: Iterable[DeadLetter]) -> DeadLetter | None:
        """Return the letter whose event, when redriven, creates the rows of an execution."""
        answer = execution.answer or {}
        for letter in letters:
            detail = (letter.event or {}).get("detail")
            if isinstance(detail, dict) and all(
                key(detail, columns) == key(answer, columns) for columns in self.columns.values()
            ):
                return letter
        return None


#: Reads the results of a flow, given its executions that succeeded, with their outputs.
Look = Callable[[Iterable[Execution]], Contents]
#: Returns the names of those executions whose results are all there, each once.
Complete = Callable[[Iterable[Execution]], set[str]]


@dataclass(frozen=True)
class Inspector:
    """Reads the results of a flow.

    Parameters
    ----------
    look
        Counts the results that the outputs of executions name.
    complete
        Finds results by the name of their execution, where they hold it. AWS returns outputs
        slowly, so only those of other executions are read.
    """

    look: Look
    complete: Complete = lambda _: set()


def key(values: Mapping[str, Any], columns: tuple[str, ...]) -> Key:
    """Return the key that values make."""
    return tuple(str(values.get(column)) for column in columns)
