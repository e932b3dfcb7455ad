"""The resources that a call is about."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.resource_arns import resources_of

PLACE = "us-east-1:000000000000"


def names(service: str, action: str, **fields: Any) -> list[str]:
    """Return the resources without the beginning of their ARNs."""
    revisions = {"z": "3"}
    found = resources_of(
        service,
        action,
        fields,
        PLACE,
        {"q1": "reports"}.__getitem__,
        lambda x: revisions.get(x, ""),
    )
    return [name.removeprefix(f"arn:aws:{service}:{PLACE}:") for name in found]


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("StartCrawler", {"Name": "leads"}, ["crawler/leads"]),
        ("ListCrawlers", {"Tags": {}}, ["*"]),
        ("StartJobRun", {"JobName": "etl"}, ["job/etl"]),
        ("GetDatabase", {"Name": "crm"}, ["catalog", "database/crm"]),
        ("CreateDatabase", {"DatabaseInput": {"Name": "crm"}}, ["catalog", "database/crm"]),
        ("GetDatabases", {}, ["catalog", "database/*"]),
        (
            "GetTable",
            {"DatabaseName": "crm", "Name": "leads"},
            ["catalog", "database/crm", "table/crm/leads"],
        ),
        (
            "CreateTable",
            {"DatabaseName": "crm", "TableInput": {"Name": "leads"}},
            ["catalog", "database/crm", "table/crm/leads"],
        ),
        (
            "CreatePartition",
            {"DatabaseName": "crm", "TableName": "leads", "PartitionInput": {}},
            ["catalog", "database/crm", "table/crm/leads"],
        ),
        ("GetTables", {"DatabaseName": "crm"}, ["catalog", "database/crm", "table/crm/*"]),
    ],
)
def test_glue(action: str, fields: dict[str, Any], expected: list[str]) -> None:
    assert names("glue", action, **fields) == expected


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("StartQueryExecution", {"QueryString": "SELECT 1"}, ["workgroup/primary"]),
        ("StartQueryExecution", {"WorkGroup": "reports"}, ["workgroup/reports"]),
        ("GetQueryExecution", {"QueryExecutionId": "q1"}, ["workgroup/reports"]),
        ("GetPreparedStatement", {"WorkGroup": "a", "StatementName": "b"}, ["workgroup/a"]),
        ("ListWorkGroups", {}, []),
    ],
)
def test_athena(action: str, fields: dict[str, Any], expected: list[str]) -> None:
    assert names("athena", action, **fields) == expected


@pytest.mark.parametrize(
    ("queue", "definition", "expected"),
    [
        ("jobs", "fit:3", ["job-queue/jobs", "job-definition/fit:3"]),
        ("jobs", "fit", ["job-queue/jobs", "job-definition/fit"]),
        ("jobs", "z", ["job-queue/jobs", "job-definition/z", "job-definition/z:3"]),
        (
            "jobs",
            "arn:aws:batch:us-east-1:1:job-definition/z",
            [
                "job-queue/jobs",
                "arn:aws:batch:us-east-1:1:job-definition/z",
                "arn:aws:batch:us-east-1:1:job-definition/z:3",
            ],
        ),
        (
            "arn:aws:batch:us-east-1:1:job-queue/x",
            "arn:aws:batch:us-east-1:1:job-definition/y:1",
            [
                "arn:aws:batch:us-east-1:1:job-queue/x",
                "arn:aws:batch:us-east-1:1:job-definition/y:1",
            ],
        ),
    ],
)
def test_a_batch_job_is_about_its_queue_and_its_definition(
    queue: str, definition: str, expected: list[str]
) -> None:
    assert names("batch", "SubmitJob", jobQueue=queue, jobDefinition=definition) == expected


def test_a_batch_job_is_terminated_itself() -> None:
    assert names("batch", "TerminateJob", jobId="1", reason="late") == ["job/1"]


def test_a_transcription_job() -> None:
    assert names("transcribe", "StartTranscriptionJob", TranscriptionJobName="a") == [
        "transcription-job/a"
    ]


def test_other_services_are_left_to_ministack() -> None:
    assert names("sqs", "SendMessage", QueueUrl="http://x/1/a") == []
