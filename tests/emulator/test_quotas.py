"""AWS's quotas: the buckets by an injected clock, and each service's error through boto3."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker

from emulator.quotas import FILE, Quotas, TokenBucket, scale_of
from tests.emulator.test_gaps import ACCOUNT, OTHER_ACCOUNT, REGION, SECONDS, Server
from tests.support.emulator import running_emulator

#: Of AWS's quotas, so that few calls meet them.
SCALE = 0.0002
DESCRIBE = (ACCOUNT, REGION, "states", "DescribeExecution")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds


def test_a_bucket_starts_full_refills_with_time_and_never_holds_more() -> None:
    clock = Clock()
    bucket = TokenBucket(3, 2, clock.now)

    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.seconds += 0.4
    assert not bucket.take()
    clock.seconds += 0.1
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.seconds += 1000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_claim_waits_for_the_tokens_of_those_before_it() -> None:
    clock = Clock()
    bucket = TokenBucket(2, 4, clock.now)

    assert [bucket.claim() for _ in range(4)] == [0, 0, 0.25, 0.5]
    clock.seconds += 0.5
    assert bucket.claim() == 0.25


def test_each_account_region_and_action_has_a_bucket_of_its_own() -> None:
    quotas = Quotas(now=Clock().now)

    assert [quotas.admits(*DESCRIBE) for _ in range(301)] == [True] * 300 + [False]
    assert quotas.admits(OTHER_ACCOUNT, *DESCRIBE[1:])
    assert quotas.admits(ACCOUNT, "eu-west-1", *DESCRIBE[2:])
    assert quotas.admits(ACCOUNT, REGION, "states", "ListExecutions")
    assert all(quotas.admits(ACCOUNT, REGION, "states", "TagResource") for _ in range(9999))


def test_actions_with_a_combined_quota_share_a_bucket() -> None:
    quotas = Quotas(0.0002, Clock().now)
    read = [(ACCOUNT, REGION, "secretsmanager", a) for a in ("GetSecretValue", "DescribeSecret")]

    assert [quotas.admits(*call) for call in [*read, *read]] == [True, True, False, False]


def test_a_scale_multiplies_buckets_rates_and_limits() -> None:
    clock = Clock()
    quotas = Quotas(0.1, clock.now)

    assert [quotas.admits(*DESCRIBE) for _ in range(31)] == [True] * 30 + [False]
    clock.seconds += 1
    assert [quotas.admits(*DESCRIBE) for _ in range(2)] == [True, False]
    assert quotas.limit("lambda_concurrency") == 100


def test_which_short_polls_find_nothing_depends_on_the_seed_alone() -> None:
    def polls(seed: int) -> list[bool]:
        quotas = Quotas(seed=seed)
        return [quotas.short_poll_finds_nothing() for _ in range(1000)]

    assert polls(1) == polls(1) != polls(2)
    assert 200 < sum(polls(1)) < 400


@pytest.mark.parametrize(("setting", "scale"), [("aws", 1), ("aws:0.1", 0.1), ("aws:2", 2)])
def test_a_setting_has_a_scale(setting: str, scale: float) -> None:
    assert scale_of(setting) == scale


@pytest.mark.parametrize(
    "setting", ["", "yes", "AWS", "aws:", "aws:0", "aws:-1", "aws:x", "aws:inf"]
)
def test_another_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=r"^.*$"):
        scale_of(setting)


def test_each_number_names_its_page_and_the_day_on_which_it_was_read() -> None:
    read = json.loads(FILE.read_text())

    for entry in [*read["buckets"], *read["limits"].values()]:
        assert entry["source"].startswith("https://")
        assert date.fromisoformat(entry["read"]) <= date.today()
    assert all(bucket["refill"] > 0 and bucket["capacity"] > 0 for bucket in read["buckets"])


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
    url = sqs.create_queue(QueueName="target")["QueueUrl"]
    events.put_rule(Name="rule", EventPattern=json.dumps({"source": ["s"]}))
    arn = f"arn:aws:sqs:{REGION}:333333333333:target"
    events.put_targets(Rule="rule", Targets=[{"Id": "queue", "Arn": arn}])

    events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}] * 10)
    sent = time.monotonic()
    received = 0
    while received < 10 and time.monotonic() < sent + 15:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        received += len(answer.get("Messages", []))

    assert received == 10
    assert time.monotonic() - sent > 1.5
