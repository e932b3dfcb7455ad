"""Clients of a command wait below AWS's quotas, and count each attempt."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from emulator.quotas import Quotas
from ops.aws.clients import Aws
from ops.aws.pace import Pace
from ops.executions.executions import Executions
from ops.settings import LOCAL, LocalSettings, Ports
from tests.support.simulated_aws import MACHINE, Clock, Record, SimulatedAws


def test_calls_above_the_rate_wait_for_their_turn() -> None:
    clock = Clock()
    aws = SimulatedAws(clock, [Record("a", clock.moment)])
    pace = Pace(Quotas(0.1, clock.now), clock.now, clock.sleep)
    client = aws.client("stepfunctions")
    pace.watch(client)
    executions = Executions(client, MACHINE)

    for _ in range(50):
        executions.describe(aws.records[0].arn)

    # A tenth of 300 at once, and of 15 a second.
    assert 13 <= clock.now() < 14
    assert pace.calls == {"DescribeExecution": 50}


def test_without_quotas_calls_are_counted_alone() -> None:
    clock = Clock()
    aws = SimulatedAws(clock, [Record("a", clock.moment)])
    pace = Pace(None, clock.now, clock.sleep)
    client = aws.client("stepfunctions")
    pace.watch(client)

    for _ in range(100):
        Executions(client, MACHINE).newest(1)

    assert clock.now() < 1
    assert pace.summary.startswith("100 AWS calls in ")
    assert pace.summary.endswith("200 a second: ListExecutions 100")


def test_a_command_on_aws_is_paced_and_patient(tmp_path: Path) -> None:
    def paced(environment: str, quotas: str = "") -> bool:
        settings = LocalSettings(tmp_path, Ports(4566, 13306), quotas=quotas)
        return Aws(environment, settings).quotas is not None

    assert paced("dev")
    assert not paced(LOCAL)
    assert paced(LOCAL, "aws:0.1")
    aws = Aws("dev", LocalSettings(tmp_path, Ports(4566, 13306)))
    modes = {
        service: aws.client(service).meta.config.retries["mode"]
        for service in ("stepfunctions", "logs", "sqs")
    }
    assert modes == {"stepfunctions": "adaptive", "logs": "adaptive", "sqs": "standard"}


def test_every_client_of_a_command_is_paced(tmp_path: Path) -> None:
    aws = Aws(LOCAL, LocalSettings(tmp_path, Ports(4566, 13306)))
    client = aws.client("sqs")

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, HTTPHeaders(), SimpleNamespace(stream=lambda: [b"{}"]))

    client.meta.events.register_last("before-send", answer)
    client.list_queues()

    assert aws.calls.calls == {"ListQueues": 1}
