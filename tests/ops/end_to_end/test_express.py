"""An Express state machine's executions, read from the log that it writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.aws.clients import Aws
from ops.executions.executions import Status
from ops.executions.express import ExpressExecutions
from ops.settings import LOCAL
from tests.support.emulator import running_emulator
from tests.support.platform import wait_for
from tests.support.state_machine import create_role

GROUP = "/aws/vendedlogs/states/prices"
DEFINITION = {
    "StartAt": "Check",
    "QueryLanguage": "JSONata",
    "TimeoutSeconds": 20,
    "States": {
        "Check": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.detail.price > 0 %}", "Next": "Priced"}],
            "Default": "Refused",
        },
        "Priced": {"Type": "Pass", "Output": {"price": 3}, "End": True},
        "Refused": {"Type": "Fail", "Error": "NoPrice", "Cause": "the price is 0"},
    },
}


def test_executions_are_found_by_their_events_and_told_in_states(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as settings:
        aws = Aws(LOCAL, settings)
        client, logs = aws.client("stepfunctions"), aws.client("logs")
        logs.create_log_group(logGroupName=GROUP)
        group_arn = logs.describe_log_groups()["logGroups"][0]["arn"].removesuffix(":*")
        machine = client.create_state_machine(
            name="prices",
            type="EXPRESS",
            definition=json.dumps(DEFINITION),
            roleArn=create_role(aws),
            loggingConfiguration={
                "level": "ALL",
                "includeExecutionData": True,
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": f"{group_arn}:*"}}],
            },
        )["stateMachineArn"]
        for event_id, price in (("good", 5), ("bad", 0)):
            client.start_execution(
                stateMachineArn=machine,
                name=f"{event_id}_rule",
                input=json.dumps({"id": event_id, "detail": {"price": price}}),
            )
        executions = ExpressExecutions(client, logs, machine, GROUP)

        def both_over() -> bool:
            found = executions.newest(10)
            return len(found) == 2 and all(execution.is_over for execution in found)

        wait_for(both_over, "the ends of the executions")
        found = {e.event_id: e for e in executions.since(datetime.now(UTC) - timedelta(hours=1))}

        assert found["good"].answer == {"price": 3}
        assert found["good"].named_event == "good"
        assert (found["bad"].status, found["bad"].error) == ("FAILED", "NoPrice")
        runs = executions.history(found["bad"].arn)
        assert [(run.name, run.status) for run in runs] == [
            ("Check", Status.SUCCEEDED),
            ("Refused", Status.FAILED),
        ]
        end = executions.end(found["bad"].arn)
        assert (end.state, end.kind, end.error) == ("Refused", "Fail", "NoPrice")
        assert executions.definition() == DEFINITION
