"""Athena.

- ``queries``: without DuckDB, every query succeeds with a made-up row; with it, functions and names
  of Athena's SQL fail. Every query scans as many bytes as its result has.
- ``result-locations``: the result of a query is not at the ``OutputLocation`` of its execution.
- ``query-parameters``: ``ExecutionParameters`` and ``EXECUTE ... USING`` are ignored.
- ``unload``: ``UNLOAD`` writes nothing.
- ``tables-of-queries``: ``CREATE TABLE AS`` and ``INSERT`` make no table and add no rows.
- ``catalog-statements``: ``MSCK REPAIR TABLE``, ``SHOW`` and ``DESCRIBE`` give a made-up answer.
- ``rights-of-queries``: a query reads tables and objects without any right of its caller.
- ``prepared-statements``: ``UpdatePreparedStatement`` and ``BatchGetPreparedStatement`` are
  missing.
- ``workgroup-settings``: a workgroup neither overrides the settings of its queries nor limits the
  bytes that they scan.

DuckDB runs the queries, see `emulator.sql`. Views, Iceberg tables, federated catalogs, and files of
the formats ORC and Avro are missing.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emulator import callers, engines
from emulator.settings import Settings
from emulator.sql.catalog import bucket_and_prefix
from emulator.sql.errors import LimitExceeded, QueryFailed
from emulator.sql.ministack import GlueCatalog, S3Store
from emulator.sql.queries import Engine, Outcome
from emulator.sql.statements import executed, read

#: The name of each gap, and what AWS does.
GAPS = {
    "queries": "A query runs on the files of its tables, and reports the bytes that it read.",
    "result-locations": "The result of a query is at the ``OutputLocation`` of its execution.",
    "query-parameters": "Question marks get their values from the call or from ``EXECUTE``.",
    "unload": "``UNLOAD`` writes files, and lists them in a manifest.",
    "tables-of-queries": "``CREATE TABLE AS`` makes a table of a query, ``INSERT`` adds rows.",
    "catalog-statements": "``MSCK REPAIR TABLE`` finds partitions; ``SHOW``, ``DESCRIBE`` list.",
    "rights-of-queries": "A query needs its caller's rights on Glue and S3.",
    "prepared-statements": "Prepared statements can be changed, and read by the batch.",
    "workgroup-settings": "A workgroup may enforce its result location and limit scanned bytes.",
}

JsonObject = dict[str, Any]
#: AWS's category of errors that the caller made.
USER_ERROR = 2


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.core import iam_evaluator
    from ministack.services import athena

    iam_evaluator.enforce = with_callers(iam_evaluator.enforce)
    athena._start_query_execution = with_parameters(athena, athena._start_query_execution)
    athena._execute_query = executing(athena)
    athena.handle_request = with_statements(athena, athena.handle_request)


def with_callers(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's check of a request, which remembers who sent it."""

    def enforce_and_remember(access_key: str, *more: Any, **named: Any) -> Any:
        callers.remember(access_key)
        return enforce(access_key, *more, **named)

    return enforce_and_remember


def with_parameters(
    athena: Any, start: Callable[[JsonObject], tuple[int, Any, bytes]]
) -> Callable[[JsonObject], tuple[int, Any, bytes]]:
    """Return MiniStack's start of a query, with the parameters and the workgroup's settings."""

    def start_query(data: JsonObject) -> tuple[int, Any, bytes]:
        name = data.get("WorkGroup", "primary")
        workgroup = athena._workgroups.get(name)
        problem = ""
        if workgroup is None:
            problem = f"WorkGroup {name} is not found."
        elif workgroup.get("State") == "DISABLED":
            problem = f"WorkGroup {name} is disabled."
        if problem:
            answer: tuple[int, Any, bytes] = athena.error_response_json(
                "InvalidRequestException", problem, 400
            )
            return answer
        settings = workgroup.get("Configuration") or {}
        own = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
        asked = (data.get("ResultConfiguration") or {}).get("OutputLocation")
        is_enforced = settings.get("EnforceWorkGroupConfiguration", True) and own
        location = own if is_enforced else asked or own
        if location:
            place = f"{location.rstrip('/')}/"
            given = data.get("ResultConfiguration") or {}
            data = {**data, "ResultConfiguration": {**given, "OutputLocation": place}}
        answer = start(data)
        if answer[0] == 200:
            execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
            execution["_parameters"] = list(data.get("ExecutionParameters") or [])
            execution["_folder"] = location
            execution["_most_bytes"] = int(settings.get("BytesScannedCutoffPerQuery") or 0)
            if execution["_parameters"]:
                execution["ExecutionParameters"] = execution["_parameters"]
            if is_enforced and "EncryptionConfiguration" in settings["ResultConfiguration"]:
                found = settings["ResultConfiguration"]["EncryptionConfiguration"]
                execution["ResultConfiguration"]["EncryptionConfiguration"] = found
        return answer

    return start_query


def executing(athena: Any) -> Callable[..., Any]:
    """Return what runs a query."""

    async def execute(
        identifier: str, query: str, database: str, ddl: Any, _catalog: str | None = None
    ) -> None:
        execution = athena._executions[identifier]
        # StartQueryExecution answers first.
        await asyncio.sleep(0)
        began = time.monotonic()
        status = execution["Status"]
        status["State"] = "RUNNING"
        folder = Path(tempfile.mkdtemp(prefix="athena-"))
        try:
            text, parameters = expanded(athena, execution, query)
            outcome = await outcome_of(athena, execution, text, parameters, database, ddl, folder)
            if status["State"] != "CANCELLED":
                await save(execution, outcome)
                status["State"] = "SUCCEEDED"
        except LimitExceeded:
            status["State"] = "CANCELLED"
            status["StateChangeReason"] = "Query cancelled! : Bytes scanned limit was exceeded"
        except Exception as error:
            status["State"] = "FAILED"
            status["StateChangeReason"] = str(error)[:2000]
            status["AthenaError"] = {
                "ErrorCategory": USER_ERROR,
                "ErrorMessage": str(error)[:2000],
                "ErrorType": 1,
                "Retryable": False,
            }
            if not isinstance(error, QueryFailed | engines.EngineMissing | ValueError):
                athena.logger.exception("The query %s failed", identifier)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            status["CompletionDateTime"] = time.time()
            spent = int((time.monotonic() - began) * 1000)
            execution["Statistics"] |= {
                "EngineExecutionTimeInMillis": spent,
                "TotalExecutionTimeInMillis": spent,
            }
            if not execution["Statistics"].get("DataManifestLocation"):
                execution["Statistics"].pop("DataManifestLocation", None)

    return execute


def expanded(athena: Any, execution: JsonObject, query: str) -> tuple[str, list[str]]:
    """Return the text and the parameters of what a query runs: of EXECUTE, the named statement.

    Raises
    ------
    QueryFailed
        When the workgroup has no such statement.
    """
    found = executed(query)
    if found is None:
        return query, execution["_parameters"]
    name, given = found
    workgroup = execution["WorkGroup"]
    statement = athena._prepared_statements.get(f"{workgroup}/{name}")
    if statement is None:
        raise QueryFailed(
            f"INVALID_PREPARED_STATEMENT: PreparedStatement {name} was not found in workGroup "
            f"{workgroup}"
        )
    return statement["QueryStatement"], given or execution["_parameters"]


async def outcome_of(
    athena: Any,
    execution: JsonObject,
    text: str,
    parameters: list[str],
    database: str,
    ddl: Any,
    folder: Path,
) -> Outcome:
    """Run a statement, outside of the event loop."""
    from ministack.core.responses import get_account_id, get_region

    statement = read(text)
    execution["StatementType"] = statement.of
    base = execution["ResultConfiguration"]["OutputLocation"].rpartition("/")[0]
    bucket, prefix = bucket_and_prefix(f"{base}/")
    ask("s3:GetBucketLocation", f"arn:aws:s3:::{bucket}")
    ask("s3:PutObject", f"arn:aws:s3:::{bucket}/{prefix}{execution['QueryExecutionId']}")
    if statement.kind == "OTHER":
        if ddl is None:
            raise QueryFailed(f"SYNTAX_ERROR: mismatched input: {text[:60]}")
        place = f"{get_region()}:{get_account_id()}"
        action = "glue:CreateTable" if hasattr(ddl, "external") else "glue:DeleteTable"
        for name in ("catalog", f"database/{ddl.database or database}"):
            ask(action, f"arn:aws:glue:{place}:{name}")
        ask(action, f"arn:aws:glue:{place}:table/{ddl.database or database}/{ddl.table}")
        athena._run_ddl(ddl, database)
        return Outcome("DDL")
    engines.use(engines.SQL)
    engine = Engine(
        GlueCatalog(),
        S3Store(),
        ask,
        f"{get_region()}:{get_account_id()}",
        folder,
        execution["_most_bytes"],
    )
    found = await asyncio.to_thread(engine.run, text, parameters, database, f"{base}/")
    if found is None:
        raise QueryFailed("SYNTAX_ERROR: nothing to run")
    return found


def ask(action: str, resource: str) -> None:
    """Ask the rights of the query's caller.

    Raises
    ------
    QueryFailed
        When they do not suffice.
    """
    if refused := callers.refusal(action, resource):
        where = "Permission denied" if action.startswith("s3:") else "Insufficient permissions"
        raise QueryFailed(f"{where} to execute the query. {refused}")


async def save(execution: JsonObject, outcome: Outcome) -> None:
    """Put what a statement made into S3: its files, its result and a manifest."""
    store, identifier = S3Store(), execution["QueryExecutionId"]
    for bucket, key, file in outcome.written:
        store.put(bucket, key, await asyncio.to_thread(file.read_bytes))
    if outcome.finish:
        outcome.finish()
    base = execution["ResultConfiguration"]["OutputLocation"].rpartition("/")[0]
    bucket, prefix = bucket_and_prefix(f"{base}/")
    if outcome.is_unload or (outcome.written and outcome.kind != "UTILITY"):
        name = f"{prefix}{identifier}-manifest.csv"
        lines = "".join(f"s3://{b}/{k}\n" for b, k, _ in outcome.written)
        store.put(bucket, name, lines.encode(), "text/csv")
        execution["Statistics"]["DataManifestLocation"] = f"s3://{bucket}/{name}"
        ending, content = "", b""
    elif outcome.kind == "DML":
        ending, content = ".csv", as_csv(outcome)
    else:
        ending, content = ".txt", "".join(f"{line}\n" for line in outcome.lines).encode()
    execution["ResultConfiguration"]["OutputLocation"] = f"{base}/{identifier}{ending}"
    if ending:
        store.put(bucket, f"{prefix}{identifier}{ending}", content)
    metadata = {"columns": outcome.columns, "types": outcome.types}
    store.put(bucket, f"{prefix}{identifier}{ending}.metadata", json.dumps(metadata).encode())
    execution["Statistics"]["DataScannedInBytes"] = outcome.scanned
    execution["_results"] = {"columns": outcome.columns, "rows": outcome.rows}
    execution["_column_types"] = outcome.types


def as_csv(outcome: Outcome) -> bytes:
    """Return a result as Athena writes it: every value in quotes, and nothing for null."""
    from ministack.services import athena

    def quoted(value: Any) -> str:
        if value is None:
            return ""
        text: str = athena._datum_text(value).replace('"', '""')
        return f'"{text}"'

    lines = [",".join(map(quoted, row)) for row in (outcome.columns, *outcome.rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def with_statements(athena: Any, handle: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's handler of Athena's requests, with more of prepared statements."""

    def update(data: JsonObject) -> Any:
        name, workgroup = data.get("StatementName"), data.get("WorkGroup", "primary")
        known = athena._prepared_statements.get(f"{workgroup}/{name}")
        if known is None:
            return athena.error_response_json(
                "ResourceNotFoundException", f"Prepared statement {name} was not found", 400
            )
        known["QueryStatement"] = data.get("QueryStatement", known["QueryStatement"])
        known["Description"] = data.get("Description", "")
        known["LastModifiedTime"] = int(time.time())
        return athena.json_response({})

    def batch(data: JsonObject) -> Any:
        workgroup = data.get("WorkGroup", "primary")
        names = data.get("PreparedStatementNames") or []
        found = {name: athena._prepared_statements.get(f"{workgroup}/{name}") for name in names}
        return athena.json_response(
            {
                "PreparedStatements": [one for one in found.values() if one],
                "UnprocessedPreparedStatementNames": [
                    {
                        "StatementName": name,
                        "ErrorCode": "STATEMENT_NOT_FOUND",
                        "ErrorMessage": "prepared statement was not found",
                    }
                    for name, one in found.items()
                    if one is None
                ],
            }
        )

    more = {"UpdatePreparedStatement": update, "BatchGetPreparedStatement": batch}

    async def handle_more(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in more:
            return more[action](json.loads(body or b"{}"))
        return await handle(method, path, headers, body, query)

    return handle_more
