"""Checks of Athena and Glue, for `test_gaps`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

JsonObject = dict[str, Any]

SECONDS = 20.0
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
RESULTS = "results/"
#: The smallest limit of a workgroup, in bytes.
LIMIT = 10_000_000
SERDES = {
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "csv": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
}


class Lake:
    """A bucket with a database over it, and queries of one user."""

    def __init__(self, server: Any, *statements: JsonObject) -> None:
        self.server = server
        self.s3, self.glue = server.client("s3"), server.client("glue")
        user = (lambda name: server.client_with(name, *statements)) if statements else server.client
        self.athena = user("athena")
        self.bucket, self.database = f"lake-{uuid4().hex[:12]}", f"db{uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, key: str, *lines: Any) -> None:
        text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def table(
        self,
        name: str,
        columns: JsonObject,
        keys: tuple[str, ...] = (),
        kind: str = "json",
        **parameters: str,
    ) -> None:
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"classification": kind, **parameters},
                "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
                "StorageDescriptor": {
                    "Columns": [{"Name": n, "Type": t} for n, t in columns.items()],
                    "Location": f"s3://{self.bucket}/{name}/",
                    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                    "SerdeInfo": {
                        "SerializationLibrary": SERDES[kind],
                        "Parameters": {"field.delim": "\t"} if kind == "csv" else {},
                    },
                },
            },
        )

    def run(self, query: str, *parameters: str, **more: Any) -> JsonObject:
        """Return the ended execution of a query."""
        given = {"ExecutionParameters": list(parameters)} if parameters else {}
        identifier = self.athena.start_query_execution(
            QueryString=query,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/{RESULTS}"},
            **given,
            **more,
        )["QueryExecutionId"]
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            client = self.server.client("athena")
            found: JsonObject = client.get_query_execution(QueryExecutionId=identifier)
            if found["QueryExecution"]["Status"]["State"] in ENDED:
                return dict(found["QueryExecution"])
            time.sleep(0.1)
        raise TimeoutError(query)

    def rows(self, query: str, *parameters: str, **more: Any) -> list[list[str | None]]:
        """Return the rows of a query, with its header if it has one."""
        execution = self.run(query, *parameters, **more)
        if execution["Status"]["State"] != "SUCCEEDED":
            raise LookupError(execution["Status"].get("StateChangeReason"))
        found = self.server.client("athena").get_query_results(
            QueryExecutionId=execution["QueryExecutionId"]
        )
        return [[d.get("VarCharValue") for d in r["Data"]] for r in found["ResultSet"]["Rows"]]

    def failure(self, query: str, *parameters: str, **more: Any) -> str:
        """Return why a query failed; an empty text when it did not."""
        status = self.run(query, *parameters, **more)["Status"]
        return str(status["StateChangeReason"]) if status["State"] == "FAILED" else ""

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [one["Key"] for one in found]

    def text(self, location: str) -> str:
        key = location.removeprefix(f"s3://{self.bucket}/")
        content: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content.decode()

    def workgroup(self, **settings: Any) -> str:
        name = f"group-{uuid4().hex[:8]}"
        self.server.client("athena").create_work_group(Name=name, Configuration=settings)
        return name

    def daily(self) -> None:
        """Make a table with a partition a day, and put it into the catalog by its folders."""
        for day in ("01", "02", "03"):
            self.put(f"daily/day={day}/a.json", {"User": "ann", "usage": int(day)})
        self.table("daily", {"user": "string", "usage": "int"}, ("day",))
        self.run("MSCK REPAIR TABLE daily")


def queries(server: Any) -> bool:
    """Structures, partitions, Athena's functions, bytes of the files read, failures."""
    lake = Lake(server)
    words = {"transcripts": [{"transcript": "you know that you know"}]}
    lake.put("jobs/a.json", {"JobName": "a", "results": words})
    lake.table(
        "jobs",
        {"jobname": "string", "results": "struct<transcripts:array<struct<transcript:string>>>"},
    )
    lake.put("items/a.tsv", "id\tprice\tday", "1\t2.5\t2026-11-01", "2\tnone\t2026-11-02")
    columns = {"id": "int", "price": "double", "day": "date"}
    lake.table("items", columns, (), "csv", **{"skip.header.line.count": "1"})
    lake.daily()
    said = "results.transcripts[1].transcript"
    counted = lake.rows(f"SELECT cardinality(regexp_extract_all({said}, 'you know')) FROM jobs")
    whole, part = (
        lake.run(f"SELECT sum(usage) FROM daily {where}") for where in ("", "WHERE day = '02'")
    )
    scanned = [one["Statistics"]["DataScannedInBytes"] for one in (whole, part)]
    sizes = [len(json.dumps({"User": "ann", "usage": day})) + 1 for day in (1, 2, 3)]
    return (
        counted == [["_col0"], ["2"]]
        and lake.rows("SELECT id, price, day FROM items ORDER BY id")[1:]
        == [["1", "2.5", "2026-11-01"], ["2", None, "2026-11-02"]]
        and lake.rows("SELECT sum(usage) AS all FROM daily WHERE day > '01'") == [["all"], ["5"]]
        and scanned == [sum(sizes), sizes[1]]
        and "TABLE_NOT_FOUND" in lake.failure("SELECT * FROM nothing")
        and "COLUMN_NOT_FOUND" in lake.failure("SELECT nothing FROM daily")
        and "SYNTAX_ERROR" in lake.failure("SELECT FROM WHERE")
        and lake.failure("SELECT * FROM read_text('/etc/hostname')") != ""
    )


def result_locations(server: Any) -> bool:
    lake = Lake(server)
    execution = lake.run("SELECT 1 AS one, 'a \"b\"' AS two, NULL AS three")
    found = execution["ResultConfiguration"]["OutputLocation"]
    return (
        found == f"s3://{lake.bucket}/{RESULTS}{execution['QueryExecutionId']}.csv"
        and lake.text(found) == '"one","two","three"\n"1","a ""b""",\n'
    )


def query_parameters(server: Any) -> bool:
    """A value stays a value, however it looks."""
    lake = Lake(server)
    lake.put("people/a.json", {"name": "O'Neil", "age": 3}, {"name": "' OR 1=1 --", "age": 4})
    lake.table("people", {"name": "string", "age": "int"})
    group = lake.workgroup()
    lake.athena.create_prepared_statement(
        StatementName="find",
        WorkGroup=group,
        QueryStatement="SELECT age FROM people WHERE name = ?",
    )

    def find(*given: str) -> list[list[str | None]]:
        return lake.rows("EXECUTE find", *given, WorkGroup=group)[1:]

    return (
        lake.rows("EXECUTE find USING 'O''Neil'", WorkGroup=group)[1:] == [["3"]]
        and find("''' OR 1=1 --'") == [["4"]]
        and find("'nobody'") == []
        and lake.rows("SELECT name FROM people WHERE age = ?", "3")[1:] == [["O'Neil"]]
        and "literal" in lake.failure("EXECUTE find", "'a' OR 1=1", WorkGroup=group)
        and "expected 1 but found 2" in lake.failure("EXECUTE find", "'a'", "'b'", WorkGroup=group)
        and "not found" in lake.failure("EXECUTE other", WorkGroup=group)
    )


def unload(server: Any) -> bool:
    """Parquet by partition, JSON, text, a manifest; a folder that has files is refused."""
    lake = Lake(server)
    lake.daily()
    place = f"s3://{lake.bucket}"
    parquet = (
        f"UNLOAD (SELECT usage, day FROM daily) TO '{place}/parquet/' "
        "WITH (format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['day'])"
    )
    made = lake.run(parquet)
    files = lake.text(made["Statistics"]["DataManifestLocation"]).split()
    json_text = (
        f"UNLOAD (SELECT usage FROM daily WHERE day = ?) TO '{place}/json/' "
        "WITH (format = 'JSON', compression = 'NONE')"
    )
    lake.run(json_text, "'02'")
    lake.run(f"UNLOAD (SELECT 1, 2) TO '{place}/text/' WITH (format = 'TEXTFILE')")
    wrong = parquet.replace("usage, day", "day, usage").replace("/parquet/", "/other/")
    return (
        len(files) == 3
        and sorted(files) == sorted(f"{place}/{key}" for key in lake.keys("parquet/"))
        and sorted(file.split("/")[4] for file in files) == ["day=01", "day=02", "day=03"]
        and [lake.text(f"{place}/{key}") for key in lake.keys("json/")] == ['{"usage":2}\n']
        and [key[-3:] for key in lake.keys("text/")] == [".gz"]
        and "HIVE_PATH_ALREADY_EXISTS" in lake.failure(parquet)
        and "HIVE_COLUMN_ORDER_MISMATCH" in lake.failure(wrong)
    )


def tables_of_queries(server: Any) -> bool:
    lake = Lake(server)
    lake.daily()
    where = f"external_location = 's3://{lake.bucket}/copy/', partitioned_by = ARRAY['day']"
    made = f"CREATE TABLE copy WITH (format = 'PARQUET', {where}) AS SELECT usage, day FROM daily"
    lake.run(made)
    lake.run("INSERT INTO copy SELECT 10, '04'")
    described = lake.glue.get_table(DatabaseName=lake.database, Name="copy")["Table"]
    return (
        lake.rows("SELECT sum(usage), max(day) FROM copy")[1:] == [["16", "04"]]
        and [one["Name"] for one in described["PartitionKeys"]] == ["day"]
        and lake.rows("SELECT usage FROM copy WHERE day = '04'")[1:] == [["10"]]
        and "TABLE_ALREADY_EXISTS" in lake.failure(made)
    )


def catalog_statements(server: Any) -> bool:
    lake = Lake(server)
    lake.daily()
    lake.put("daily/day=04/a.json", {"user": "bob", "usage": 4})
    before = lake.rows("SELECT count(*) FROM daily")[1:]
    repaired = lake.rows("MSCK REPAIR TABLE daily")
    return (
        (before, lake.rows("SELECT count(*) FROM daily")[1:]) == ([["3"]], [["4"]])
        and repaired == [["Repair: Added partition to metastore daily:day=04"]]
        and lake.rows("SHOW PARTITIONS daily") == [[f"day=0{n}"] for n in range(1, 5)]
        and lake.rows("SHOW TABLES") == [["daily"]]
        and [row[:2] for row in lake.rows("DESCRIBE daily")]
        == [["user", "string"], ["usage", "int"], ["day", "string"]]
    )


def rights_of_queries(server: Any) -> bool:
    """Each right is needed: the query of a caller without it fails."""
    needed = {
        "athena": ["athena:StartQueryExecution"],
        "glue": ["glue:GetTable"],
        "partitions": ["glue:GetPartitions"],
        "list": ["s3:ListBucket", "s3:GetBucketLocation"],
        "read": ["s3:GetObject"],
        "write": ["s3:PutObject"],
    }

    def lake_without(*missing: str) -> Lake:
        actions = [a for name, some in needed.items() if name not in missing for a in some]
        return Lake(server, {"Action": actions})

    def reads(lake: Lake) -> str:
        root = Lake.__new__(Lake)
        root.__dict__ = {**lake.__dict__, "athena": server.client("athena")}
        root.daily()
        return lake.failure("SELECT sum(usage) FROM daily")

    refused = {name: reads(lake_without(name)) for name in ("glue", "partitions", "read", "write")}
    return (
        reads(lake_without()) == ""
        and "glue:GetTable" in refused["glue"]
        and "glue:GetPartitions" in refused["partitions"]
        and "s3:GetObject" in refused["read"]
        and "s3:PutObject" in refused["write"]
    )


def prepared_statements(server: Any) -> bool:
    lake = Lake(server)
    group = lake.workgroup()
    named = {"StatementName": "one", "WorkGroup": group}
    lake.athena.create_prepared_statement(QueryStatement="SELECT 1", **named)
    lake.athena.update_prepared_statement(QueryStatement="SELECT 2 AS n", **named)
    found = lake.athena.batch_get_prepared_statement(
        PreparedStatementNames=["one", "two"], WorkGroup=group
    )
    return (
        [one["QueryStatement"] for one in found["PreparedStatements"]] == ["SELECT 2 AS n"]
        and [one["StatementName"] for one in found["UnprocessedPreparedStatementNames"]] == ["two"]
        and lake.rows("EXECUTE one", WorkGroup=group) == [["n"], ["2"]]
    )


def workgroup_settings(server: Any) -> bool:
    lake = Lake(server)
    lake.put("large/a.json", {"text": "x" * LIMIT})
    lake.table("large", {"text": "string"})
    own = {"OutputLocation": f"s3://{lake.bucket}/own"}
    enforced = lake.workgroup(EnforceWorkGroupConfiguration=True, ResultConfiguration=own)
    limited = lake.workgroup(BytesScannedCutoffPerQuery=LIMIT, EnforceWorkGroupConfiguration=False)
    made = lake.run("SELECT 1", WorkGroup=enforced)
    stopped = lake.run("SELECT text FROM large", WorkGroup=limited)["Status"]
    return (
        made["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{lake.bucket}/own/")
        and lake.text(made["ResultConfiguration"]["OutputLocation"]) != ""
        and stopped["State"] == "CANCELLED"
        and "Bytes scanned limit" in stopped["StateChangeReason"]
    )


class Crawler:
    """A crawler of a lake's folder, with a role that has some rights."""

    def __init__(self, lake: Lake, folder: str, *statements: JsonObject, **more: Any) -> None:
        self.glue, self.name = lake.glue, f"crawler-{uuid4().hex[:8]}"
        role = lake.server.role("glue", *(statements or ({"Action": ["s3:*", "glue:*"]},)))
        self.glue.create_crawler(
            Name=self.name,
            Role=role,
            DatabaseName=lake.database,
            Targets={"S3Targets": [{"Path": f"s3://{lake.bucket}/{folder}/"}]},
            **more,
        )

    def crawl(self) -> JsonObject:
        """Return the crawler after a crawl."""
        self.glue.start_crawler(Name=self.name)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            found: JsonObject = self.glue.get_crawler(Name=self.name)["Crawler"]
            if found["State"] == "READY":
                return found
            time.sleep(0.1)
        raise TimeoutError(self.name)


def crawlers(server: Any) -> bool:
    """JSON with structures, partitions and texts; new partitions; separated values."""
    lake = Lake(server)
    lake.put("Daily-Users/year=2016/month=01/a.json", {"user": "ann", "at": "2016-01-02", "n": 1})
    lake.put("Daily-Users/year=2016/month=02/a.json", {"user": "bob", "tags": [{"k": 2.5}]})
    lake.put("raw/a.tsv", "id\tname\tprice", "1\tone\t2.5", "2\ttwo\t3")
    first, second = Crawler(lake, "Daily-Users"), Crawler(lake, "raw")
    ended = [first.crawl(), second.crawl()]
    lake.put("Daily-Users/year=2017/month=01/a.json", {"user": "eve", "n": 5})
    first.glue.start_crawler(Name=first.name)
    try:
        first.glue.start_crawler(Name=first.name)
        return False
    except ClientError as error:
        is_refused = error.response["Error"]["Code"] == "CrawlerRunningException"
    until = time.monotonic() + SECONDS
    while lake.glue.get_crawler(Name=first.name)["Crawler"]["State"] != "READY":
        assert time.monotonic() < until
        time.sleep(0.1)
    table = lake.glue.get_table(DatabaseName=lake.database, Name="daily_users")["Table"]
    raw = lake.glue.get_table(DatabaseName=lake.database, Name="raw")["Table"]
    types = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}
    return (
        is_refused
        and [one["LastCrawl"]["Status"] for one in ended] == ["SUCCEEDED"] * 2
        and types
        == {"user": "string", "at": "string", "n": "int", "tags": "array<struct<k:double>>"}
        and [one["Name"] for one in table["PartitionKeys"]] == ["year", "month"]
        and lake.rows("SELECT sum(n) FROM daily_users WHERE year = '2017'")[1:] == [["5"]]
        and lake.rows("SELECT count(*), sum(n) FROM daily_users")[1:] == [["3", "6"]]
        and [c["Type"] for c in raw["StorageDescriptor"]["Columns"]]
        == ["bigint", "string", "double"]
        and lake.rows("SELECT name, price FROM raw WHERE id = 2")[1:] == [["two", "3.0"]]
    )


def rights_of_crawlers(server: Any) -> bool:
    lake = Lake(server)
    lake.put("some/a.json", {"a": 1})
    allowed = ["s3:ListBucket", "s3:GetObject", "glue:GetDatabase", "glue:GetTable"]

    def ended(*actions: str) -> JsonObject:
        return dict(Crawler(lake, "some", {"Action": list(actions)}).crawl()["LastCrawl"])

    failed = ended(*allowed[1:])
    return (
        failed["Status"] == "FAILED"
        and "s3:ListBucket" in failed["ErrorMessage"]
        and "glue:CreateTable" in ended(*allowed).get("ErrorMessage", "")
        and ended(*allowed, "glue:CreateTable")["Status"] == "SUCCEEDED"
    )


def crawler_fields(server: Any) -> bool:
    lake = Lake(server)
    made = Crawler(lake, "some", Tags={"datatype": "json"})
    found = lake.glue.get_crawler(Name=made.name)["Crawler"]
    arn = f"arn:aws:glue:{server.region}:{server.account}:crawler/{made.name}"
    return (
        bool(lake.glue.get_tags(ResourceArn=arn)["Tags"] == {"datatype": "json"})
        and found["RecrawlPolicy"] == {"RecrawlBehavior": "CRAWL_EVERYTHING"}
        and found["LineageConfiguration"] == {"CrawlerLineageSettings": "DISABLE"}
    )


def crawler_lists(server: Any) -> bool:
    lake, mark = Lake(server), uuid4().hex
    names = sorted(Crawler(lake, "some", Tags={"mark": mark}).name for _ in range(3))
    Crawler(lake, "some", Tags={"mark": "other"})
    first = lake.glue.list_crawlers(Tags={"mark": mark}, MaxResults=2)
    rest = lake.glue.list_crawlers(Tags={"mark": mark}, MaxResults=2, NextToken=first["NextToken"])
    some = lake.glue.batch_get_crawlers(CrawlerNames=[names[0], "none"])
    return (
        first["CrawlerNames"] + rest["CrawlerNames"] == names
        and "NextToken" not in rest
        and [one["Name"] for one in some["Crawlers"]] == names[:1]
        and some["CrawlersNotFound"] == ["none"]
    )


def table_versions(server: Any) -> bool:
    lake = Lake(server)
    lake.table("t", {"a": "int"})
    changed = {"Name": "t", "StorageDescriptor": {"Columns": [{"Name": "b", "Type": "int"}]}}
    lake.glue.update_table(DatabaseName=lake.database, TableInput=changed)
    found = lake.glue.get_table_versions(DatabaseName=lake.database, TableName="t")
    columns = [
        one["Table"]["StorageDescriptor"]["Columns"][0]["Name"] for one in found["TableVersions"]
    ]
    return columns == ["b", "a"]


CHECKS: tuple[Callable[[Any], bool], ...] = (
    queries,
    result_locations,
    query_parameters,
    unload,
    tables_of_queries,
    catalog_statements,
    rights_of_queries,
    prepared_statements,
    workgroup_settings,
    crawlers,
    rights_of_crawlers,
    crawler_fields,
    crawler_lists,
    table_versions,
)
