"""Where an environment keeps anything, to be searched for what must not be there."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import requests

from emulator.stand_ins.team_webhook import PATH as CHAT
from ops.settings import REPOSITORY
from tests.support.platform import Platform

Place = tuple[str, bytes]


def forms(value: str) -> set[bytes]:
    """Return what a value looks like: as it is, in an address, in base64 behind other bytes."""
    found = {value.encode(), urllib.parse.quote(value, safe="").encode()}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + value.encode())
        # The letters at both ends depend on the neighbours too.
        found.add(coded[(0, 2, 3)[shift] : -4])
    return found


def where(places: Iterable[Place], marks: dict[str, str]) -> dict[str, set[str]]:
    """Return the places that hold a value, for each mark by its name."""
    wanted = {name: forms(value) for name, value in marks.items()}
    found: dict[str, set[str]] = {name: set() for name in marks}
    for place, content in places:
        for name, looks in wanted.items():
            if any(look in content for look in looks):
                found[name].add(place)
    return found


def unpacked(place: str, content: bytes) -> Iterator[Place]:
    """Yield a file and, when it is packed, what is in it."""
    yield place, content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from unpacked(f"{place}!{name}", archive.read(name))
    elif content.startswith(b"\x1f\x8b"):
        yield from unpacked(f"{place}!gzip", gzip.decompress(content))


def files(name: str, paths: Iterable[Path]) -> Iterator[Place]:
    """Yield files with their content; one that goes away meanwhile is left out."""
    for path in paths:
        try:
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        except FileNotFoundError:
            continue
        if content is not None:
            yield from unpacked(f"{name} {path}", content)


def text(value: Any) -> bytes:
    """Return an answer of an API as text to search."""
    return json.dumps(value, default=str, ensure_ascii=False).encode()


def everywhere(platform: Platform, plan: Path) -> Iterator[Place]:
    """Yield all that an environment keeps outside of Secrets Manager and its database's tables.

    The emulator keeps no traces. On AWS Lambda's own segments hold times and names; nothing of ours
    adds to them, which a test sees to.

    Parameters
    ----------
    platform
        The environment.
    plan
        A file with a plan of it.
    """
    yield from files("plan", [plan])
    yield "outputs", text(platform.outputs)
    yield from _objects(platform)
    yield from _functions(platform)
    yield from _logs(platform)
    yield from _queues(platform)
    yield from _settings(platform)
    yield from _machines(platform)
    yield from _tables(platform)
    for place, path in (("mails", "/_ministack/ses/messages"), ("chat", CHAT)):
        yield place, requests.get(f"{platform.settings.endpoint}{path}", timeout=10).content
    yield from files("built", (REPOSITORY / "build" / "dist").rglob("*"))
    yield from files("tree", _tree())
    yield from files("folder", platform.settings.folder.rglob("*"))
    for process in psutil.process_iter(["cmdline"]):
        yield f"process {process.pid}", text(process.info["cmdline"])


def _objects(platform: Platform) -> Iterator[Place]:
    s3 = platform.aws.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            for version in page.get("Versions", []):
                at = {"Bucket": bucket["Name"], "Key": version["Key"]}
                answer = s3.get_object(**at, VersionId=version["VersionId"])
                place = f"bucket {bucket['Name']}/{version['Key']}"
                yield place, text(answer["Metadata"])
                yield from unpacked(place, answer["Body"].read())


def _functions(platform: Platform) -> Iterator[Place]:
    client = platform.aws.client("lambda")
    for page in client.get_paginator("list_functions").paginate(FunctionVersion="ALL"):
        for function in page["Functions"]:
            yield f"function {function['FunctionArn']}", text(function)


def _logs(platform: Platform) -> Iterator[Place]:
    client = platform.aws.client("logs")
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            events = client.get_paginator("filter_log_events").paginate(logGroupName=name)
            yield f"log {name}", text([list(found["events"]) for found in events])


def _queues(platform: Platform) -> Iterator[Place]:
    client = platform.aws.client("sqs")
    for url in client.list_queues().get("QueueUrls", []):
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        tags = client.list_queue_tags(QueueUrl=url)
        yield f"queue {url}", text([attributes["Attributes"], tags.get("Tags")])


def _settings(platform: Platform) -> Iterator[Place]:
    ssm = platform.aws.client("ssm")
    for page in ssm.get_paginator("describe_parameters").paginate():
        for parameter in page["Parameters"]:
            name = parameter["Name"]
            yield f"parameter {name}", text(ssm.get_parameter(Name=name, WithDecryption=True))
    events = platform.aws.client("events")
    for bus in events.list_event_buses()["EventBuses"]:
        for rule in events.list_rules(EventBusName=bus["Name"])["Rules"]:
            targets = events.list_targets_by_rule(EventBusName=bus["Name"], Rule=rule["Name"])
            yield f"rule {rule['Name']}", text([rule, targets["Targets"]])
    gateway = platform.aws.client("apigateway")
    for api in gateway.get_rest_apis()["items"]:
        stages = gateway.get_stages(restApiId=api["id"])["item"]
        yield f"api {api['name']}", text([api, stages, gateway.get_resources(restApiId=api["id"])])
    # AWS returns their values only on request; the emulator always does.
    keys = [{**key, "value": None} for key in gateway.get_api_keys()["items"]]
    yield "api keys", text(keys)
    secrets = platform.aws.client("secretsmanager").list_secrets()["SecretList"]
    yield "descriptions of secrets", text(secrets)
    alarms = platform.aws.client("cloudwatch").describe_alarms()
    yield "alarms", text(alarms["MetricAlarms"])


def _machines(platform: Platform) -> Iterator[Place]:
    client = platform.aws.client("stepfunctions")
    for machine in client.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        yield f"machine {machine['name']}", text(client.describe_state_machine(stateMachineArn=arn))
        if machine["type"] == "EXPRESS":
            # Its executions are in its log.
            continue
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=arn)
        for execution in (item for page in pages for item in page["executions"]):
            found = execution["executionArn"]
            described = client.describe_execution(executionArn=found)
            events = client.get_paginator("get_execution_history").paginate(executionArn=found)
            history = [page["events"] for page in events]
            yield f"execution {found}", text([described, history])


def _tables(platform: Platform) -> Iterator[Place]:
    client = platform.aws.client("dynamodb")
    for name in client.list_tables()["TableNames"]:
        pages = client.get_paginator("scan").paginate(TableName=name)
        yield f"table {name}", text([page["Items"] for page in pages])


def messages(platform: Platform, url: str) -> bytes:
    """Return what the messages of a queue hold; they stay in it."""
    client = platform.aws.client("sqs")
    found: list[Any] = []
    while answer := client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=5,
        WaitTimeSeconds=0,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages"):
        found.extend(answer)
    for message in found:
        client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return text(found)


def _tree() -> list[Path]:
    """Return the files that are under version control, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name]
