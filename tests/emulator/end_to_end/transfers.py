"""Checks of the gaps of the services that copy and change records: AppFlow and DataBrew."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import count
from typing import Any

#: A server of `test_gaps`.
Server = Any
JsonObject = dict[str, Any]
SECONDS = 20.0
numbers = count(1)


def policy(*statements: JsonObject) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def bucket(server: Server, *actions: str, service: str = "") -> str:
    """Return a bucket; a service may do some actions there."""
    name = f"records-{next(numbers)}"
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name)
    if actions:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        }
        s3.put_bucket_policy(Bucket=name, Policy=policy(statement))
    return name


def events_of(server: Server, source: str) -> Callable[[], list[JsonObject]]:
    """Return what reads the details of the events of a service, which a queue gets."""
    name = f"events-{next(numbers)}"
    sqs, events = server.client("sqs"), server.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{server.region}:{server.account}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def read() -> list[JsonObject]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"])["detail"] for message in answer.get("Messages", [])]

    return read


def map_task(field: str, kind: str) -> JsonObject:
    return {
        "sourceFields": [field],
        "destinationField": field,
        "taskType": "Map",
        "connectorOperator": {"S3": "NO_OP"},
        "taskProperties": {"DESTINATION_DATA_TYPE": kind},
    }


def transfers(server: Server) -> bool:
    """Whether a run writes the records, typed, and reports their number."""
    client, s3 = server.client("appflow"), server.client("s3")
    client.list_flows()
    service = "appflow.amazonaws.com"
    read = bucket(server, "s3:ListBucket", "s3:GetObject", service=service)
    written = bucket(server, "s3:PutObject", service=service)
    s3.put_object(Bucket=read, Key="in/a.csv", Body=b"id,size\nx,1\ny,\n")
    s3.put_object(Bucket=read, Key="other/b.csv", Body=b"id,size\nz,3\n")
    seen = events_of(server, "aws.appflow")
    name = f"flow-{next(numbers)}"
    client.create_flow(
        flowName=name,
        triggerConfig={"triggerType": "OnDemand"},
        sourceFlowConfig={
            "connectorType": "S3",
            "sourceConnectorProperties": {"S3": {"bucketName": read, "bucketPrefix": "in"}},
        },
        destinationFlowConfigList=[
            {
                "connectorType": "S3",
                "destinationConnectorProperties": {
                    "S3": {
                        "bucketName": written,
                        "s3OutputFormatConfig": {"fileType": "JSON"},
                    }
                },
            }
        ],
        tasks=[map_task("id", "string"), map_task("size", "long")],
    )
    run = client.start_flow(flowName=name)["executionId"]
    [detail] = eventually(seen) or [{}]
    [found] = s3.list_objects_v2(Bucket=written, Prefix=f"{name}/{run}/")["Contents"]
    lines = s3.get_object(Bucket=written, Key=found["Key"])["Body"].read().decode().split("\n")
    records = [json.loads(line) for line in lines if line]
    return (
        detail.get("status") == "Execution Successful"
        and detail["execution-id"] == run
        and detail["num-of-records-processed"] == "2"
        and records == [{"id": "x", "size": 1}, {"id": "y", "size": None}]
    )


def job_runs(server: Server) -> bool:
    """Whether a job of a stack changes its data set as its role may, and sends its state."""
    stacks, s3, brew = (server.client(name) for name in ("cloudformation", "s3", "databrew"))
    read, written = bucket(server), bucket(server)
    s3.put_object(Bucket=read, Key="in.csv", Body=b"id,level,age\n1,Unknown,5\n2,College,6\n")
    role = server.role(
        "databrew", {"Action": ["s3:GetObject", "s3:ListBucket", "s3:PutObject"], "Resource": "*"}
    )
    name = f"job-{next(numbers)}"
    condition = {"Condition": "IS", "Value": '["Unknown"]', "TargetColumn": "level"}
    steps = [
        {"Action": {"Operation": "DELETE", "Parameters": {"sourceColumns": '["age"]'}}},
        {
            "Action": {"Operation": "REMOVE_VALUES", "Parameters": {"sourceColumn": "level"}},
            "ConditionExpressions": [condition],
        },
    ]
    output = {
        "Location": {"Bucket": written, "Key": "out"},
        "Format": "CSV",
        "Overwrite": True,
    }
    template = {
        "Resources": {
            "Data": {
                "Type": "AWS::DataBrew::Dataset",
                "Properties": {
                    "Name": name,
                    "Input": {"S3InputDefinition": {"Bucket": read, "Key": "in.csv"}},
                },
            },
            "Recipe": {
                "Type": "AWS::DataBrew::Recipe",
                "Properties": {"Name": name, "Steps": steps},
            },
            "Job": {
                "Type": "AWS::DataBrew::Job",
                "DependsOn": ["Data", "Recipe"],
                "Properties": {
                    "Name": name,
                    "Type": "RECIPE",
                    "DatasetName": {"Ref": "Data"},
                    "Recipe": {"Name": {"Ref": "Recipe"}},
                    "RoleArn": role,
                    "Outputs": [output],
                },
            },
        }
    }
    seen = events_of(server, "aws.databrew")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    eventually(
        lambda: (
            stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
        )
    )
    run = brew.start_job_run(Name=name)["RunId"]
    [detail] = eventually(seen) or [{}]
    state = brew.describe_job_run(Name=name, RunId=run)["State"]
    body = s3.get_object(Bucket=written, Key=f"out/{name}_part00000.csv")["Body"].read()
    return (detail.get("state"), detail.get("jobRunId"), state) == (
        "SUCCEEDED",
        run,
        "SUCCEEDED",
    ) and body == b"id,level\n2,College\n"


def partition_changes(server: Server) -> bool:
    """Whether one partition gets other columns, and one that is none is refused."""
    glue, name = server.client("glue"), f"table_{next(numbers)}"
    glue.create_database(DatabaseInput={"Name": name})
    glue.create_table(DatabaseName=name, TableInput={"Name": name})
    table = {"DatabaseName": name, "TableName": name}

    def given(column: str) -> JsonObject:
        columns = [{"Name": column, "Type": "string"}]
        return {"Values": ["a"], "StorageDescriptor": {"Columns": columns}}

    glue.create_partition(**table, PartitionInput=given("before"))
    glue.update_partition(**table, PartitionValueList=["a"], PartitionInput=given("after"))
    try:
        glue.update_partition(**table, PartitionValueList=["b"], PartitionInput=given("after"))
    except glue.exceptions.EntityNotFoundException:
        found = glue.get_partition(**table, PartitionValues=["a"])["Partition"]
        return bool(found["StorageDescriptor"]["Columns"][0]["Name"] == "after")
    return False


CHECKS = (transfers, job_runs, partition_changes)
