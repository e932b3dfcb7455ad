"""An emulator with AWS's quotas answers each service's throttling error to boto3."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker

from tests.emulator.end_to_end.test_gaps import OTHER_ACCOUNT, REGION, SECONDS, Server
from tests.support.emulator import running_emulator

#: Of AWS's quotas, so that few calls meet them.
SCALE = 0.0002


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An emulator with a small share of AWS's quotas."""
    folder: Path = tmp_path_factory.mktemp("quotas")
    with running_emulator(folder, f"--quotas=aws:{SCALE}") as settings:
        yield Server(settings.endpoint)


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    """Return code and status of the first of some calls that is refused."""
    for _ in range(60):
        try:
            call()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return error.response["Error"]["Code"], status
    return "", 200


def test_each_service_refuses_calls_above_its_quota_as_aws_does(server: Server) -> None:
    machine = server.machine({"A": {"Type": "Succeed"}})
    states, events, logs = (server.client(s) for s in ("stepfunctions", "events", "logs"))
    execution = {"executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:none"}
    entry = {"Source": "s", "DetailType": "d", "Detail": "{}"}
    server.client("secretsmanager").create_secret(Name="kept", SecretString="x")
    server.client("ssm").put_parameter(Name="p", Value="x", Type="String")
    logs.create_log_group(logGroupName="group")

    def described(call: Callable[..., Any]) -> None:
        with suppress(states.exceptions.ExecutionDoesNotExist):
            call(**execution)

    calls: dict[str, Callable[[], Any]] = {
        "StartExecution": lambda: states.start_execution(stateMachineArn=machine),
        "DescribeExecution": lambda: described(states.describe_execution),
        "GetExecutionHistory": lambda: described(states.get_execution_history),
        "ListExecutions": lambda: states.list_executions(stateMachineArn=machine),
        "PutEvents": lambda: events.put_events(Entries=[entry]),
        "FilterLogEvents": lambda: logs.filter_log_events(logGroupName="group"),
        "GetSecretValue": lambda: server.client("secretsmanager").get_secret_value(SecretId="kept"),
        "GetParameter": lambda: server.client("ssm").get_parameter(Name="p"),
    }
    refused = {name: refusal(call) for name, call in calls.items()}

    assert refused == dict.fromkeys(calls, ("ThrottlingException", 400))
    # boto3 treats the code as throttling, and another account is not affected.
    assert "ThrottlingException" in vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"]
    server.client("events", OTHER_ACCOUNT).put_events(Entries=[entry])


def test_an_api_refuses_requests_above_the_accounts_throttle(server: Server) -> None:
    path = f"/_aws/execute-api/{server.mock_api()}/s/mock"

    answers = [server.get(path) for _ in range(20)]

    assert answers[0] == 200
    assert 429 in answers
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    for _ in range(20):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            break
    assert json.loads(body) == {"message": "Too Many Requests"}


def test_a_function_is_refused_above_the_accounts_concurrency(server: Server) -> None:
    name = server.function("import time", "time.sleep(2)", "return 1")

    def invoked(_: int) -> tuple[str, int]:
        client = server.client("lambda")
        try:
            client.invoke(FunctionName=name, Payload=b"null")
        except client.exceptions.TooManyRequestsException as error:
            reason = error.response["Reason"]
            return reason, error.response["ResponseMetadata"]["HTTPStatusCode"]
        return "", 200

    with ThreadPoolExecutor(3) as pool:
        answers = sorted(pool.map(invoked, range(3)))

    assert answers == [("", 200)] + [("ConcurrentInvocationLimitExceeded", 429)] * 2


def test_a_short_poll_may_find_nothing_and_a_long_poll_finds_it(server: Server) -> None:
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="polled")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="here")

    def found(wait: int) -> bool:
        return "Messages" in sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=wait, VisibilityTimeout=0
        )

    assert {found(0) for _ in range(40)} == {True, False}
    assert {found(1) for _ in range(40)} == {True}


def test_too_many_messages_in_flight_refuse_a_short_poll(server: Server) -> None:
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="full")["QueueUrl"]
    for start in range(0, 40, 10):
        entries = [{"Id": str(n), "MessageBody": "x"} for n in range(start, start + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    taken = 0
    for _ in range(4):
        long = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        taken += len(long.get("Messages", []))

    assert taken == 30
    assert refusal(lambda: sqs.receive_message(QueueUrl=url)) == (
        "OverLimit",
        403,
    )


def test_the_name_of_a_deleted_secret_stays_taken(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "--quotas=aws") as settings:
        secrets = Server(settings.endpoint).client("secretsmanager")
        secrets.create_secret(Name="gone", SecretString="x")
        secrets.delete_secret(SecretId="gone", RecoveryWindowInDays=7)

        with pytest.raises(secrets.exceptions.InvalidRequestException, match="already scheduled"):
            secrets.create_secret(Name="gone", SecretString="x")
        secrets.delete_secret(SecretId="gone", ForceDeleteWithoutRecovery=True)
        secrets.create_secret(Name="gone", SecretString="x")


def test_transitions_above_their_quota_come_later(server: Server) -> None:
    states: dict[str, Any] = {f"P{n}": {"Type": "Pass", "Next": f"P{n + 1}"} for n in range(3)}
    definition = {"StartAt": "P0", "States": {**states, "P3": {"Type": "Pass", "End": True}}}
    trusted = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}}
    statement = {**trusted, "Action": "sts:AssumeRole"}
    role = server.client("iam", OTHER_ACCOUNT).create_role(
        RoleName="machine",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    client = server.client("stepfunctions", OTHER_ACCOUNT)
    machine = client.create_state_machine(
        name="slow", definition=json.dumps(definition), roleArn=role["Role"]["Arn"]
    )["stateMachineArn"]

    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    # DescribeExecution has a quota, too.
    time.sleep(6)
    ended = client.describe_execution(executionArn=arn)

    assert ended["status"] == "SUCCEEDED"
    assert (ended["stopDate"] - ended["startDate"]).total_seconds() > 2


def test_targets_above_their_quota_get_their_events_later(server: Server) -> None:
    sqs, events = (server.client(service, "333333333333") for service in ("sqs", "events"))
    arn = f"arn:aws:sqs:{REGION}:333333333333:target"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.create_queue(QueueName="target", Attributes={"Policy": policy})["QueueUrl"]
    events.put_rule(Name="rule", EventPattern=json.dumps({"source": ["s"]}))
    events.put_targets(Rule="rule", Targets=[{"Id": "queue", "Arn": arn}])

    events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}] * 10)
    sent = time.monotonic()
    received = 0
    while received < 10 and time.monotonic() < sent + 15:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        received += len(answer.get("Messages", []))

    assert received == 10
    assert time.monotonic() - sent > 1.5


def test_a_rule_repeats_the_starts_above_their_quota_as_its_policy_says(server: Server) -> None:
    account = "444444444444"
    iam, states, sqs, events = (
        server.client(service, account) for service in ("iam", "stepfunctions", "sqs", "events")
    )

    def document(**statement: Any) -> str:
        return json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
        )

    services = ["states.amazonaws.com", "events.amazonaws.com"]
    trust = document(Action="sts:AssumeRole", Principal={"Service": services})
    role = iam.create_role(RoleName="any", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    right = document(Action="states:StartExecution", Resource="*")
    iam.put_role_policy(RoleName="any", PolicyName="start", PolicyDocument=right)
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    machine = states.create_state_machine(
        name="started", definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]
    letters = f"arn:aws:sqs:{REGION}:{account}:letters"
    let = document(Action="sqs:SendMessage", Resource="*", Principal="*")
    url = sqs.create_queue(QueueName="letters", Attributes={"Policy": let})["QueueUrl"]
    events.put_rule(Name="rule", EventPattern=json.dumps({"source": ["s"]}))
    target = {"Id": "machine", "Arn": machine, "RoleArn": role}
    kept = {"DeadLetterConfig": {"Arn": letters}, "RetryPolicy": {"MaximumRetryAttempts": 1}}
    events.put_targets(Rule="rule", Targets=[{**target, **kept}])

    events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}] * 3)
    [letter] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15, MessageAttributeNames=["All"])[
        "Messages"
    ]

    texts = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (texts["ERROR_CODE"], texts["RETRY_ATTEMPTS"]) == ("THROTTLING", "1")
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1
