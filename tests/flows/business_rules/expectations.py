"""Expectations of the business rules in the tests of every flow."""

from __future__ import annotations

from typing import Any

from ops.executions.executions import Execution
from tests.flows.business_rules.support.rules import (
    API_ROLE,
    HIGH,
    MACHINE,
    TABLE,
    Rules,
    named,
    request,
    unique,
)
from tests.support.expectations import FAILURE, Expectations, Marks, Rights, Settings
from tests.support.platform import wait_for
from tests.support.running import RunningFlow


def rules(running: RunningFlow) -> Rules:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Rules)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = rules(running)

    def asked(times: int = 1) -> str | None:
        new: Any = request()
        answers = [flow.ask(new) for _ in range(times)]
        return next((str(body) for status, body in answers if status != 200), None)

    return Rights(
        {"ExecuteRules": dict(HIGH), "CatchErrors": FAILURE},
        {
            (API_ROLE, "PostExecuteruleset"): asked,
            (MACHINE, "DynamodbUpdateItem"): asked,
            (MACHINE, "DynamodbGetItem"): lambda: asked(times=2),
        },
    )


def send(running: RunningFlow) -> Execution:
    """Have the flow answer a request, and return its execution."""
    flow, new = rules(running), request()
    assert flow.ask(new)[0] == 200
    name = flow.audit(new)["response"]["answered_by"]

    def found() -> Execution | None:
        return next((e for e in flow.executions.newest(20) if e.name == name), None)

    execution: Execution = wait_for(found, f"execution {name} in the log", 30)
    return execution


def marks(running: RunningFlow) -> Marks:
    """Have one request answered, and one refused."""
    flow = rules(running)
    good, bad = named(f"Good{unique()}"), named(f"Bad{unique()}")
    assert flow.ask(good)[0] == 200
    assert flow.ask({**good, "request": bad["request"]})[0] == 409
    people = {
        "name of who got a premium": good["request"]["driver"]["name"],
        "name of who was refused": bad["request"]["driver"]["name"],
    }
    return Marks(
        people=people,
        failed=["name of who was refused"],
        searched={"name of who got a premium": [f"^table {TABLE}$"]},
    )


EXPECTATIONS = Expectations(
    running=Rules,
    libraries={
        "business_rules.execute_rules": {"requests"},
        "business_rules.catch_errors": set(),
    },
    synchronous=["state_machine.asl.json.tftpl"],
    rights=rights,
    events=None,
    send=send,
    marks=marks,
    places=rf"table {TABLE}|log /aws/vendedlogs/states/{MACHINE}",
    settings=Settings(
        wrong={"engine": {"url": "http://rules.example.com"}, "audit_days": 0, "rate": 0},
        sentences=[
            "business_rules.engine.url begins with https://",
            "business_rules.audit_days is a whole number",
            "business_rules.rate is above 0",
        ],
        required="engine",
    ),
)
