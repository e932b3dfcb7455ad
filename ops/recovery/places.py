"""What the flows leave behind: rows, records, posts, to be compared with what executions say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.aws.invoke import invoke
from ops.executions.executions import Execution
from ops.recovery.dead_letters import DeadLetter
from ops.recovery.rows import KEYS, Key

#: Nobody's RUT begins like this: the rows of a smoke test's lead are removed by that test.
SYNTHETIC_PREFIX = "000"
#: What BatchGetItem takes at most.
MOST_AT_ONCE = 100
#: What the function that counts rows takes at most.
MOST_ROWS_AT_ONCE = 3000


@dataclass(frozen=True)
class Contents:
    """How often each key is in each table.

    `columns` are, by table, the fields of an execution's answer that make the key of the row which
    it left there.
    """

    columns: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, Mapping[Key, int]]

    def missing(self, execution: Execution) -> list[str]:
        """Return the tables that lack the row that an execution says it left."""
        answer = execution.answer
        if answer is None or is_synthetic(answer):
            return []
        return [
            table
            for table, columns in self.columns.items()
            if key(answer, columns) not in self.counts[table]
        ]

    def claimed(self, execution: Execution, letters: Iterable[DeadLetter]) -> DeadLetter | None:
        """Return the letter whose event, sent again, leaves the rows of an execution."""
        answer = execution.answer or {}
        for letter in letters:
            detail = (letter.event or {}).get("detail")
            if isinstance(detail, dict) and all(
                key(detail, columns) == key(answer, columns) for columns in self.columns.values()
            ):
                return letter
        return None


#: Looks at what a flow left, given its executions that succeeded.
Look = Callable[[Iterable[Execution]], Contents]


def is_synthetic(answer: Mapping[str, Any]) -> bool:
    """Tell whether an execution was a smoke test's, which removes its rows."""
    return str(answer.get("rut", "")).startswith(SYNTHETIC_PREFIX)


def key(values: Mapping[str, Any], columns: tuple[str, ...]) -> Key:
    """Return the key that values make."""
    return tuple(str(values.get(column)) for column in columns)


def crm_rows(client: Callable[[str], Any], function: str) -> Look:
    """Return the look at the CRM's database; only those rows are counted that executions name.

    Parameters
    ----------
    client
        Returns the client of a service.
    function
        The name of the function that counts them: the database is private.
    """

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
            answer = invoke(client("lambda"), function, {"keys": asked})
            for table, keys in asked.items():
                counts[table] |= {k: n for k, n in zip(keys, answer[table], strict=True) if n}
        return Contents(KEYS, counts)

    return look


def users(client: Callable[[str], Any], state_machine_arn: str) -> Look:
    """Return the look at the table of users; only those are read that executions name.

    Parameters
    ----------
    client
        Returns the client of a service.
    state_machine_arn
        The user onboarding's, whose definition names the table.
    """
    columns = ("tenantId", "userId")

    def look(executions: Iterable[Execution]) -> Contents:
        machine = client("stepfunctions").describe_state_machine(stateMachineArn=state_machine_arn)
        states = json.loads(machine["definition"])["States"]
        table = states["CreateUser"]["Arguments"]["TableName"]
        wanted = sorted({key(e.answer, columns) for e in executions if e.answer})
        found: Counter[Key] = Counter()
        for start in range(0, len(wanted), MOST_AT_ONCE):
            some = wanted[start : start + MOST_AT_ONCE]
            asked: Any = {
                table: {
                    "Keys": [{c: {"S": v} for c, v in zip(columns, k, strict=True)} for k in some],
                    "ProjectionExpression": ", ".join(columns),
                    "ConsistentRead": True,
                }
            }
            while asked:
                answer = client("dynamodb").batch_get_item(RequestItems=asked)
                items = answer["Responses"].get(table, [])
                found.update(tuple(item[c]["S"] for c in columns) for item in items)
                asked = answer.get("UnprocessedKeys")
        return Contents({"users": columns}, {"users": found})

    return look


def posts(executions: Iterable[Execution]) -> Contents:
    """Return how often each revision was posted to each target, as the outcomes say."""
    made: Counter[Key] = Counter()
    for answer in (execution.answer for execution in executions):
        for target in (answer or {}).get("targets", []):
            if answer and target["outcome"] == "published":
                made[answer["document"], answer["revision"], target["target"]] += 1
    return Contents({}, {"posts": made})


def of(flow: str, client: Callable[[str], Any], outputs: Mapping[str, Any]) -> Look | None:
    """Return the look at what a flow leaves, as far as there is one."""
    if flow == "crm_registration":
        return crm_rows(client, outputs["functions"][flow]["count_rows"]["name"])
    if flow == "user_onboarding":
        return users(client, outputs["state_machine_arns"][flow])
    return posts if flow == "article_publishing" else None
