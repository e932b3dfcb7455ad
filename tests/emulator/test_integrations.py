"""The calls of tasks: the names of arguments, answers and errors, and jobs that are followed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from emulator.patches.stepfunctions import connections, endpoints, services
from emulator.patches.stepfunctions.integrations import INTEGRATIONS, Job, followed, function_arn
from emulator.patches.stepfunctions.roles import Caller, Credentials

CALLER = Caller(
    "arn:aws:states:eu-west-1:1:stateMachine:m", Credentials("role", "k", "s", "t"), "http://e"
)


def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("DBClusterArn", "DbClusterArn"),
        ("SourceDBClusterId", "SourceDbClusterId"),
        ("MultiAZ", "MultiAz"),
        ("SS", "Ss"),
        ("jobName", "JobName"),
        ("S3", "S3"),
        ("", ""),
    ],
)
def test_an_acronym_is_a_word(name: str, known_as: str) -> None:
    assert services.sdk_name(name) == known_as


@pytest.mark.parametrize(
    ("service_id", "prefix"),
    [
        ("DynamoDB", "DynamoDb"),
        ("SFN", "Sfn"),
        ("SESv2", "SesV2"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("Pinpoint SMS Voice V2", "PinpointSmsVoiceV2"),
    ],
)
def test_errors_begin_with_the_sdks_name_of_the_service(service_id: str, prefix: str) -> None:
    assert services.sdk_errors(service_id) == services.Errors(prefix, f"{prefix}Exception")


@pytest.mark.parametrize(
    ("service", "code", "name"),
    [
        ("s3", "NoSuchKey", "NoSuchKeyException"),
        ("rds", "DBInstanceNotFound", "DbInstanceNotFoundException"),
        ("dynamodb", "com.amazonaws#ResourceNotFoundException", "ResourceNotFoundException"),
        ("dynamodb", "AccessDeniedException", "General"),
        ("s3", "", "General"),
    ],
)
def test_an_error_that_the_model_lacks_is_the_general_one(
    service: str, code: str, name: str
) -> None:
    assert services.error_name(model(service), code, "General") == name


def test_arguments_get_the_apis_names_and_json_where_it_takes_text() -> None:
    submit = model("batch").operation_model("SubmitJob").input_shape
    start = model("stepfunctions").operation_model("StartSyncExecution").input_shape
    put = model("s3").operation_model("PutObject").input_shape

    asked = {
        "JobName": "j",
        "ContainerOverrides": {"Environment": [{"Name": "N", "Value": "V"}]},
        "Tags": {"JobName": "kept"},
    }
    assert services.parameters(asked, submit) == {
        "jobName": "j",
        "containerOverrides": {"environment": [{"name": "N", "value": "V"}]},
        "tags": {"JobName": "kept"},
    }
    assert services.parameters({"Input": {"n": 1}}, start) == {"input": '{"n": 1}'}
    assert services.parameters({"Body": {"n": 1}, "Key": "k"}, put) == {
        "Body": b'{"n": 1}',
        "Key": "k",
    }


def test_an_answer_is_json_with_the_sdks_names() -> None:
    describe = model("rds").operation_model("DescribeDBInstances").output_shape
    read = model("s3").operation_model("GetObject").output_shape
    moment = datetime(2026, 11, 30, 7, 30, 1, 250_000, tzinfo=UTC)
    body = SimpleNamespace(read=lambda: "é".encode())

    answer = services.result(
        {"DBInstances": [{"MultiAZ": True, "InstanceCreateTime": moment}]}, describe
    )

    assert answer == {
        "DbInstances": [{"MultiAz": True, "InstanceCreateTime": "2026-11-30T07:30:01.250Z"}]
    }
    assert services.result({"Body": body, "Metadata": {"aBC": "d"}}, read) == {
        "Body": "é",
        "Metadata": {"aBC": "d"},
    }
    json.dumps(answer)


def test_services_have_the_names_of_the_sdk_for_java() -> None:
    names = ["sfn", "eventbridge", "cloudwatchlogs", "pinpointsmsvoicev2", "DynamoDb", "nothing"]

    assert [services.boto3_name(name) for name in names] == [
        "stepfunctions",
        "events",
        "logs",
        "pinpoint-sms-voice-v2",
        "dynamodb",
        None,
    ]


class StateError(Exception):
    """The error of a state."""


class Interrupted(BaseException):
    """The execution ended while its task waited."""


def machines(sleep: Any = lambda _: None) -> Any:
    return SimpleNamespace(_ExecutionError=StateError, time=SimpleNamespace(sleep=sleep))


def job_of(name: str) -> Job:
    job = INTEGRATIONS[name].job
    assert job is not None
    return job


def test_a_job_is_followed_to_its_end() -> None:
    answers = [{"Jobs": [{"Status": status}]} for status in ("RUNNABLE", "RUNNING", "SUCCEEDED")]
    asked: list[Any] = []

    def action(name: str, arguments: Any) -> Any:
        asked.append((name, arguments))
        return answers.pop(0)

    found = followed(machines(), job_of("batch:submitJob"), action, {"JobId": "7"}, {})

    assert found == {"Status": "SUCCEEDED"}
    assert asked == [("describeJobs", {"Jobs": ["7"]})] * 3


def test_a_job_that_failed_is_the_cause() -> None:
    run = {"JobRun": {"JobRunState": "TIMEOUT"}}

    with pytest.raises(StateError) as raised:
        followed(
            machines(),
            job_of("glue:startJobRun"),
            lambda *_: run,
            {"JobRunId": "r"},
            {"JobName": "j"},
        )

    assert raised.value.args == ("States.TaskFailed", '{"JobRunState": "TIMEOUT"}')


def test_a_job_is_stopped_when_its_execution_ends() -> None:
    called: list[Any] = []

    def action(name: str, arguments: Any) -> Any:
        called.append((name, arguments))
        return {"JobRun": {"JobRunState": "RUNNING"}}

    def interrupt(_: float) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        followed(
            machines(interrupt),
            job_of("glue:startJobRun"),
            action,
            {"JobRunId": "r"},
            {"JobName": "j"},
        )

    assert called[-1] == ("batchStopJobRun", {"JobName": "j", "JobRunIds": ["r"]})


def test_a_function_is_known_by_its_arn() -> None:
    assert function_arn("f:live", CALLER) == "arn:aws:lambda:eu-west-1:1:function:f:live"
    assert function_arn("arn:aws:lambda:r:2:function:f", CALLER) == "arn:aws:lambda:r:2:function:f"


def test_a_request_is_written_as_step_functions_writes_it() -> None:
    asked = {"QueryParameters": {"a": ["1", "2"], "b": "x y"}}

    assert endpoints.query(asked) == "?a=1&a=2&b=x+y"
    assert endpoints.query({}) == ""
    assert endpoints.texts({"A": ["1", "2"], "B": 3}) == {"A": "1,2", "B": "3"}
    assert [endpoints.content(body) for body in (None, "text", {"n": 1})] == [
        None,
        b"text",
        b'{"n": 1}',
    ]


CONNECTION = "arn:aws:events:r:1:connection/c/id"


def connection(**known: Any) -> connections.Connection:
    """Return a connection, whose credentials are the number of the token."""
    record = {"ConnectionState": "AUTHORIZED", "AuthorizationType": "BASIC", **known}

    def headers(found: Any, key: Any, is_new: bool) -> dict[str, str]:
        assert (found, key) == (record, ("1", "r", "c"))
        if "broken" in record:
            raise OSError("unreachable")
        return {"Authorization": "new" if is_new else "old"}

    events = SimpleNamespace(
        _connections={"c": record},
        _connection_auth_headers=headers,
        _connection_params_map=lambda found: {one["Key"]: one["Value"] for one in found or ()},
    )
    return connections.Connection(events, CONNECTION, StateError)


def test_a_connection_has_a_secret() -> None:
    rights = dict(connections.rights(CONNECTION))

    assert rights["events:RetrieveConnectionCredentials"] == CONNECTION
    assert rights["secretsmanager:GetSecretValue"].startswith(
        "arn:aws:secretsmanager:r:1:secret:events!connection/c/"
    )


def test_only_an_expired_token_is_renewed() -> None:
    basic, oauth = connection(), connection(AuthorizationType="OAUTH_CLIENT_CREDENTIALS")

    assert basic.credentials() == {"Authorization": "old"}
    assert [one.renewed(status) for one in (basic, oauth) for status in (401, 403)] == [
        None,
        None,
        {"Authorization": "new"},
        None,
    ]


@pytest.mark.parametrize("known", [{"ConnectionState": "DEAUTHORIZED"}, {"broken": True}])
def test_a_connection_that_cannot_authorize_fails_the_task(known: Any) -> None:
    with pytest.raises(StateError, match="InvalidConnectionState"):
        connection(**known).credentials()


def test_the_parameters_of_a_connection_replace_those_of_a_task() -> None:
    added = {
        kind: [{"Key": "x-a", "Value": "theirs"}]
        for kind in ("HeaderParameters", "QueryStringParameters", "BodyParameters")
    }
    plain = connection()
    rich = connection(AuthParameters={"InvocationHttpParameters": added})

    assert rich.headers({"X-A": "own", "b": "own"}) == {"x-a": "theirs", "b": "own"}
    assert rich.query({"x-a": "own", "b": "own"}) == {"x-a": "theirs", "b": "own"}
    assert [rich.body(own) for own in (None, {"b": 1})] == [
        {"x-a": "theirs"},
        {"b": 1, "x-a": "theirs"},
    ]
    assert (plain.headers({"a": "b"}), plain.query(None), plain.body("text")) == (
        {"a": "b"},
        {},
        "text",
    )
    with pytest.raises(StateError, match=r"States\.Runtime"):
        rich.body("text")


@pytest.mark.parametrize("header", ["Authorization", "host", "X-Amz-Date", "X-Forwarded-For"])
def test_a_task_sets_no_header_of_the_protocol(header: str) -> None:
    with pytest.raises(StateError, match="may not set the header"):
        endpoints.api(CALLER, StateError, {"Headers": {header: "x"}, "Method": "GET"})
