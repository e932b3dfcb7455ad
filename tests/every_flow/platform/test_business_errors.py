"""Errors that events cause raise no alarm at once; every other error does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from emulator.filter_patterns import compile_json
from ops.settings import REPOSITORY
from tests.support.expectations import expectations_of
from tests.support.plugins.terraform import Found
from tests.support.resources import Resource

SOURCES = REPOSITORY / "lambda_src"
NAME = re.compile(r'\$\.error(?:Type)? != "(\w+)"')
SERVICE_ERRORS = json.loads(
    (REPOSITORY / "terraform/modules/workflow/service_errors.json").read_text(encoding="utf-8")
)

#: Lines of Lambda and its runtime for invocations that end otherwise.
ENDED = [
    {"type": "platform.report", "record": {"status": "timeout"}},
    {"type": "platform.report", "record": {"status": "error", "errorType": "Runtime.OutOfMemory"}},
    {"type": "platform.report", "record": {"status": "error", "errorType": "Runtime.ExitError"}},
    {"level": "ERROR", "errorType": "Runtime.ImportModuleError", "errorMessage": "no module"},
    {"level": "ERROR", "errorType": "KeyError", "errorMessage": "'rut'"},
]
USUAL = [
    {"type": "platform.start", "record": {"requestId": "1", "version": "3"}},
    {"type": "platform.report", "record": {"status": "success"}},
    {"level": "ERROR", "message": "request failed", "error": "KeyError"},
]


def machines(found: Found) -> list[Resource]:
    """Return the state machines of workflows; the failure of what they start is theirs too."""
    every = found.of_type("aws_sfn_state_machine")
    return [m for m in every if "CatchErrors" in json.loads(m.values["definition"])["States"]]


def named(found: Found, kind: str, **values: Any) -> list[Resource]:
    """Return the resources of a type that have some values."""
    return [r for r in found.of_type(kind) if values.items() <= r.values.items()]


def flow_of(machine: Resource) -> str:
    """Return the flow of a state machine."""
    flow: str = machine.values["tags"]["flow"]
    return flow


def business_errors(found: Found, machine: Resource) -> list[str]:
    """Return the business errors of a state machine: those that its metric leaves out."""
    name = f"{machine.values['name']}-technical-failures"
    patterns = [
        found_filter.values["pattern"]
        for found_filter in found.of_type("aws_cloudwatch_log_metric_filter")
        if found_filter.values["metric_transformation"][0]["name"] == name
    ]
    return sorted({error for pattern in patterns for error in NAME.findall(pattern)})


def retries(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the entries of ``Retry`` of every state."""
    if isinstance(value, dict):
        yield from value.get("Retry", [])
        value = list(value.values())
    for part in value if isinstance(value, list) else []:
        yield from retries(part)


def test_a_workflow_knows_its_business_errors(found: Found) -> None:
    for machine in machines(found):
        errors, flow = business_errors(found, machine), flow_of(machine)
        definition = machine.values["definition"]
        # Errors may come from what it starts, too.
        definitions = "".join(
            every.values["definition"]
            for every in found.of_type("aws_sfn_state_machine")
            if flow_of(every) == flow
        )
        source = "".join(f.read_text(encoding="utf-8") for f in (SOURCES / flow).glob("*.py"))
        retried = {
            error
            for retry in retries(json.loads(definition))
            if retry.get("MaxAttempts") != 0
            for error in retry["ErrorEquals"]
        }
        events = expectations_of(flow).events

        assert errors, machine.address
        for error in errors:
            named = re.search(rf"""["']{error}["']""", definitions)
            is_known = f"class {error}(" in source or named
            assert is_known, f"{flow} has no error {error}"
        # A retry may succeed, so the event is not the cause.
        assert not {*errors} & {*retried, *SERVICE_ERRORS}
        assert events is None or events.error in errors


def test_executions_page_for_technical_failures_only(found: Found) -> None:
    for machine in machines(found):
        name, errors = machine.values["name"], business_errors(found, machine)
        [alarm] = named(found, "aws_cloudwatch_metric_alarm", alarm_name=f"{name}-failed")
        counted = [
            compile_json(found_filter.values["pattern"])
            for found_filter in found.of_type("aws_cloudwatch_log_metric_filter")
            if found_filter.values["metric_transformation"][0]["name"]
            == alarm.values["metric_name"]
        ]

        def pages(line: dict[str, Any], counted: list[Any] = counted) -> bool:
            return any(matches(json.dumps(line)) for matches in counted)

        assert alarm.values["namespace"] == "Flowbridge"
        assert (alarm.values["period"], alarm.values["evaluation_periods"]) == (60, 1)
        for error in errors:
            assert not pages({"message": "execution failed", "error": error})
            assert not pages({"type": "ExecutionFailed", "details": {"error": error}})
        for error in ("Unknown", "States.Timeout", "ConfigurationError", "Lambda.Unknown"):
            assert pages({"message": "execution failed", "error": error})
        assert pages({"type": "ExecutionFailed", "details": {"error": "States.Runtime"}})
        assert not pages({"type": "ExecutionFailed", "details": {}})
        assert not pages({"message": "lead received"})


def test_functions_page_for_technical_errors_only(found: Found) -> None:
    for machine in machines(found):
        stem, errors = machine.values["name"], business_errors(found, machine)
        names = {
            function.values["function_name"]
            for function in found.of_type("aws_lambda_function")
            if f"{function.values['function_name']}:live" in machine.values["definition"]
        }
        assert names
        for name in names:
            [alarm] = named(found, "aws_cloudwatch_metric_alarm", alarm_name=f"{name}-errors")
            if name == f"{stem}-catch-errors":
                # No event is at fault when it fails.
                assert alarm.values["metric_name"] == "Errors"
                continue
            [counted] = named(
                found, "aws_cloudwatch_log_metric_filter", log_group_name=f"/aws/lambda/{name}"
            )
            matches = compile_json(counted.values["pattern"])

            [metric] = counted.values["metric_transformation"]
            assert alarm.values["metric_name"] == metric["name"] == f"{name}-technical-errors"
            assert alarm.values["namespace"] == metric["namespace"]
            for error in errors:
                assert not matches(json.dumps({"level": "ERROR", "errorType": error}))
            assert [line for line in ENDED if not matches(json.dumps(line))] == []
            assert [line for line in USUAL if matches(json.dumps(line))] == []


def test_business_errors_alarm_as_a_share(found: Found) -> None:
    for machine in machines(found):
        name = machine.values["name"]
        [alarm] = named(found, "aws_cloudwatch_metric_alarm", alarm_name=f"{name}-failed-share")
        queries = {query["id"]: query for query in alarm.values["metric_query"]}
        metrics = {
            identifier: query["metric"][0]
            for identifier, query in queries.items()
            if query.get("metric")
        }

        assert alarm.values["threshold"] == 5
        assert queries["share"]["expression"] == "IF(failed >= 3, 100 * failed / started, 0)"
        assert {metric["period"] for metric in metrics.values()} == {900}
        assert {identifier: metric["metric_name"] for identifier, metric in metrics.items()} == {
            "failed": "ExecutionsFailed",
            "started": "ExecutionsStarted",
        }


def test_a_waiting_business_error_pages_nobody(found: Found) -> None:
    for queue in found.of_type("aws_sqs_queue"):
        if not queue.address.endswith(".module.workflow.module.failed.aws_sqs_queue.this"):
            continue
        name = queue.values["name"]
        names = [a.values["alarm_name"] for a in found.of_type("aws_cloudwatch_metric_alarm")]

        assert f"{name}-depth" not in names
        assert f"{name}-age" in names
