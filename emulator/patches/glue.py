"""Glue.

- ``crawlers``: a crawl takes five seconds and succeeds, but makes no table.
- ``rights-of-crawlers``: a crawl needs no right of the crawler's role.
- ``crawler-fields``: a crawler forgets its tags, and its policies if they are AWS's defaults, so
  every plan would show differences.
- ``crawler-lists``: ``ListCrawlers`` and ``BatchGetCrawlers`` are missing.
- ``table-versions``: ``GetTableVersions`` is missing.
- ``partition-changes``: ``UpdatePartition`` is missing.

DuckDB infers columns, see `emulator.sql.crawling`. Targets other than S3, classifiers, schedules of
crawlers, and crawls of new folders only are missing.
"""

from __future__ import annotations

import contextvars
import copy
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from emulator import engines, policies
from emulator.settings import Settings
from emulator.sql.catalog import arns
from emulator.sql.crawling import Found, crawl
from emulator.sql.errors import QueryFailed
from emulator.sql.ministack import GlueCatalog, S3Store

#: The name of each gap, and what AWS does.
GAPS = {
    "crawlers": "A crawl makes tables of what lies in S3, with columns and partitions.",
    "rights-of-crawlers": "A crawl fails without the rights of the crawler's role.",
    "crawler-fields": "A crawler keeps its tags and policies.",
    "crawler-lists": "``ListCrawlers`` selects by tags, ``BatchGetCrawlers`` describes some.",
    "table-versions": "``GetTableVersions`` has what a table was before each change.",
    "partition-changes": "``UpdatePartition`` changes one partition.",
}

JsonObject = dict[str, Any]
Answer = tuple[int, Any, bytes]
#: How long a crawl takes at least, so that it can be seen to run.
SECONDS = 1.0
#: How long the state STOPPING lasts.
STOPPING_SECONDS = 0.3
PAGE = 100
DEFAULTS: JsonObject = {
    "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
    "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
    "SchemaChangePolicy": {
        "UpdateBehavior": "UPDATE_IN_DATABASE",
        "DeleteBehavior": "DEPRECATE_IN_DATABASE",
    },
}


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.services import glue

    glue._create_crawler = with_fields(glue, glue._create_crawler)
    glue._start_crawler = starting(glue)
    glue._stop_crawler = stopping(glue)
    glue._update_table = with_versions(glue, glue._update_table)
    glue._handle_request_sync = with_lists(glue, glue._handle_request_sync)


def with_fields(
    glue: Any, create: Callable[[JsonObject], Answer]
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's creation of a crawler, which keeps all that it was given."""

    def create_crawler(data: JsonObject) -> Answer:
        answer = create(data)
        if answer[0] == 200:
            crawler = glue._crawlers[data["Name"]]
            for name, value in DEFAULTS.items():
                crawler[name] = {**value, **(data.get(name) or {})}
            arn = glue._arn("crawler", data["Name"])
            glue._tags.pop(arn, None)
            if data.get("Tags"):
                glue._tags[arn] = dict(data["Tags"])
        return answer

    return create_crawler


def starting(glue: Any) -> Callable[[JsonObject], Answer]:
    """Return what starts a crawl."""

    def start_crawler(data: JsonObject) -> Answer:
        crawler = glue._crawlers.get(data.get("Name"))
        if crawler is None:
            return missing(glue, data.get("Name"))
        if crawler["State"] != "READY":
            return refused(
                glue,
                "CrawlerRunningException",
                f"Crawler with name {crawler['Name']} has already started",
            )
        crawl_id = str(uuid4())
        crawler |= {"State": "RUNNING", "CrawlElapsedTime": 0}
        crawler |= {"_crawl": crawl_id, "_began": time.time()}
        context = contextvars.copy_context()
        work = threading.Thread(
            target=context.run, args=(run, glue, crawler, crawl_id), daemon=True
        )
        work.start()
        empty: Answer = glue.json_response({})
        return empty

    return start_crawler


def stopping(glue: Any) -> Callable[[JsonObject], Answer]:
    """Return what stops a crawl."""

    def stop_crawler(data: JsonObject) -> Answer:
        crawler = glue._crawlers.get(data.get("Name"))
        if crawler is None:
            return missing(glue, data.get("Name"))
        if crawler["State"] == "STOPPING":
            return refused(glue, "CrawlerStoppingException", "The crawler is stopping.")
        if crawler["State"] != "RUNNING":
            return refused(glue, "CrawlerNotRunningException", "The crawler is not running.")
        end(crawler, crawler["_began"], "CANCELLED")
        empty: Answer = glue.json_response({})
        return empty

    return stop_crawler


def run(glue: Any, crawler: JsonObject, crawl_id: str) -> None:
    """Crawl, and record how it ended."""
    began = time.time()
    problem = ""
    folder = Path(tempfile.mkdtemp(prefix="crawl-"))
    try:
        place = f"{glue.get_region()}:{glue.get_account_id()}"
        found = tables(crawler, place, folder)
        time.sleep(max(0.0, began + SECONDS - time.time()))
        if crawler["_crawl"] == crawl_id and crawler["State"] == "RUNNING":
            for one in found:
                keep(crawler, one, place)
    except (QueryFailed, engines.EngineMissing) as error:
        problem = str(error)
    except Exception as error:
        glue.logger.exception("The crawler %s failed", crawler["Name"])
        problem = f"Internal Service Exception: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if crawler["_crawl"] != crawl_id or crawler["State"] != "RUNNING":
        return
    crawler["State"] = "STOPPING"
    time.sleep(STOPPING_SECONDS)
    end(crawler, began, "FAILED" if problem else "SUCCEEDED", problem)


def end(crawler: JsonObject, began: float, status: str, problem: str = "") -> None:
    """Record how a crawl ended."""
    crawler["CrawlElapsedTime"] = int((time.time() - began) * 1000)
    crawler["LastCrawl"] = {
        "Status": status,
        "LogGroup": "/aws-glue/crawlers",
        "LogStream": crawler["Name"],
        "MessagePrefix": str(uuid4()),
        "StartTime": began,
        **({"ErrorMessage": problem} if problem else {}),
    }
    crawler["State"] = "READY"


def tables(crawler: JsonObject, place: str, folder: Path) -> list[Found]:
    """Return the tables in the targets of a crawler.

    Raises
    ------
    QueryFailed
        When the role lacks a right, or files are unreadable.
    """
    role = role_of(crawler, place)
    keys = {
        "aws:SourceAccount": place.partition(":")[2],
        "aws:SourceArn": f"arn:aws:glue:{place}:crawler/{crawler['Name']}",
    }
    if cause := policies.trust_refusal(role, "glue.amazonaws.com", keys):
        raise QueryFailed(
            f"Service is unable to assume provided role. Please verify role's TrustPolicy: {cause}"
        )
    engines.use(engines.SQL)

    def rights(action: str, resource: str) -> None:
        ask(role, action, resource)

    found = []
    for number, target in enumerate(crawler["Targets"].get("S3Targets") or []):
        inner = folder / str(number)
        inner.mkdir()
        prefix = crawler.get("TablePrefix") or ""
        excluded = target.get("Exclusions") or ()
        one = crawl(S3Store(), rights, target["Path"], prefix, inner, excluded)
        if one is not None:
            found.append(one)
    return found


def keep(crawler: JsonObject, found: Found, place: str) -> None:
    """Put a table that was found into the catalog, with the rights of the crawler's role."""
    role, catalog = role_of(crawler, place), GlueCatalog()
    database, name = crawler["DatabaseName"], found.table["Name"]
    found.table["Parameters"]["UPDATED_BY_CRAWLER"] = crawler["Name"]
    if catalog.database(database) is None:
        raise QueryFailed(f"Database {database} not found")
    is_new = catalog.table(database, name) is None
    actions = ["glue:GetDatabase", "glue:GetTable"]
    actions += ["glue:CreateTable" if is_new else "glue:UpdateTable"]
    known = {tuple(one["Values"]) for one in catalog.partitions(database, name)}
    new = [one for one in found.partitions if tuple(one["Values"]) not in known]
    actions += ["glue:BatchCreatePartition"] if new else []
    for action in actions:
        some = arns(place, database, name)
        for arn in some[:2] if action == "glue:GetDatabase" else some:
            ask(role, action, arn)
    if is_new:
        catalog.create_table(database, found.table)
    elif crawler["SchemaChangePolicy"]["UpdateBehavior"] == "UPDATE_IN_DATABASE":
        catalog.update_table(database, found.table)
    catalog.add_partitions(database, name, new)
    gone = known - {tuple(one["Values"]) for one in found.partitions}
    if gone and crawler["SchemaChangePolicy"]["DeleteBehavior"] == "DELETE_FROM_DATABASE":
        catalog.remove_partitions(database, name, [list(values) for values in gone])


def role_of(crawler: JsonObject, place: str) -> str:
    """Return the ARN of a crawler's role, which may be given by its name."""
    role = str(crawler["Role"])
    return (
        role if role.startswith("arn:") else f"arn:aws:iam::{place.partition(':')[2]}:role/{role}"
    )


def ask(role: str, action: str, resource: str) -> None:
    """Ask the rights of a crawler's role.

    Raises
    ------
    QueryFailed
        When they do not suffice.
    """
    if cause := policies.role_refusal(role, action, resource):
        raise QueryFailed(f"{cause} (Status Code: 403; Error Code: AccessDenied)")


def with_versions(
    glue: Any, update: Callable[[JsonObject], Answer]
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's change of a table, which keeps what the table was before."""

    def update_table(data: JsonObject) -> Answer:
        key = f"{data.get('DatabaseName')}/{data.get('TableInput', {}).get('Name')}"
        before = copy.deepcopy(glue._tables.get(key))
        answer = update(data)
        if answer[0] == 200 and before is not None:
            glue._tables[key].setdefault("_versions", []).append(before)
            before.pop("_versions", None)
        return answer

    return update_table


def with_lists(glue: Any, handle: Callable[..., Answer]) -> Callable[..., Answer]:
    """Return MiniStack's handler of Glue's requests, with more actions."""

    def list_crawlers(data: JsonObject) -> JsonObject:
        wanted = (data.get("Tags") or {}).items()
        tags = {name: glue._tags.get(glue._arn("crawler", name)) or {} for name in glue._crawlers}
        names = sorted(name for name in glue._crawlers if wanted <= tags[name].items())
        start, size = int(data.get("NextToken") or 0), int(data.get("MaxResults") or PAGE)
        more = {"NextToken": str(start + size)} if start + size < len(names) else {}
        return {"CrawlerNames": names[start : start + size], **more}

    def batch_get_crawlers(data: JsonObject) -> JsonObject:
        names = data.get("CrawlerNames") or []
        return {
            "Crawlers": [shown(glue._crawlers[name]) for name in names if name in glue._crawlers],
            "CrawlersNotFound": [name for name in names if name not in glue._crawlers],
        }

    def get_table_versions(data: JsonObject) -> JsonObject:
        key = f"{data.get('DatabaseName')}/{data.get('TableName')}"
        table = glue._tables.get(key)
        every = [table, *reversed(table.get("_versions", []))] if table else []
        return {
            "TableVersions": [{"Table": shown(one), "VersionId": one["VersionId"]} for one in every]
        }

    more = {
        "ListCrawlers": list_crawlers,
        "BatchGetCrawlers": batch_get_crawlers,
        "GetTableVersions": get_table_versions,
    }

    def update_partition(data: JsonObject) -> Answer:
        entry = {key: data.get(key) for key in ("PartitionValueList", "PartitionInput")}
        table = {key: data[key] for key in ("DatabaseName", "TableName")}
        changed: Answer = glue._batch_update_partition({**table, "Entries": [entry]})
        errors = json.loads(changed[2]).get("Errors") if changed[0] == 200 else None
        if not errors:
            return (200, changed[1], b"{}") if changed[0] == 200 else changed
        detail = errors[0]["ErrorDetail"]
        refused: Answer = glue.error_response_json(detail["ErrorCode"], detail["ErrorMessage"], 400)
        return refused

    def handle_more(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Answer:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action == "UpdatePartition":
            return update_partition(json.loads(body or b"{}"))
        if action in more:
            answer: Answer = glue.json_response(more[action](json.loads(body or b"{}")))
            return answer
        return handle(method, path, headers, body, query)

    return handle_more


def shown(resource: JsonObject) -> JsonObject:
    """Return a resource without what is only kept here."""
    return {name: value for name, value in resource.items() if not name.startswith("_")}


def missing(glue: Any, name: Any) -> Answer:
    """Return the answer for a crawler that does not exist."""
    return refused(glue, "EntityNotFoundException", f"Crawler with name {name} not found")


def refused(glue: Any, code: str, message: str) -> Answer:
    """Return an answer with an error."""
    answer: Answer = glue.error_response_json(code, message, 400)
    return answer
