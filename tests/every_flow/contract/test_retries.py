"""The retries of every state outlast a database that is away for five minutes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.docs import definition
from ops.terraform.environments import STAGES, Environment, read_hcl
from ops.terraform.runner import ROOT
from ops.terraform.tables import fields_of
from ops.terraform.templates import STATE_MACHINE
from tests.support.expectations import expectations_of

#: An RDS failover takes 60 to 120 s, a reboot of a single zone minutes.
AWAY_SECONDS = 300
#: Share of the events that may give up within that time.
GIVEN_UP = 1 / 1000
#: A state that gave up later would hold its event back from its queue, where it is seen.
MOST_SECONDS = 20 * 60
#: An execution that hangs is seen within a day.
MOST_OF_AN_EXECUTION = 24 * 60 * 60
#: API Gateway answers 504 then.
MOST_FOR_A_CALLER = 29
TEMPLATES = [
    (flow, file.name)
    for flow in sorted(flow_folders(REPOSITORY))
    for file in sorted((ROOT / "flows" / flow).glob(f"*{STATE_MACHINE.partition('.')[2]}"))
]
#: The others: no caller waits for the end of their executions.
PATIENT = [
    (flow, template)
    for flow, template in TEMPLATES
    if template not in expectations_of(flow).synchronous
]


def retry_of(environment: str) -> dict[str, str | float]:
    """Return how the states of an environment retry, as modules/workflow writes it."""
    [variable] = [v for v in read_hcl(ROOT / "variables.tf")["variable"] if "retry" in v]
    kind = str(variable["retry"]["type"]).removeprefix("${").removesuffix("}")
    values = {field.name: float(str(field.default)) for field in fields_of(kind)}
    values |= Environment(environment).variables.get("retry", {})
    return {
        "IntervalSeconds": values["interval_seconds"],
        "MaxAttempts": values["max_attempts"],
        "BackoffRate": values["backoff_rate"],
        "MaxDelaySeconds": values["max_delay_seconds"],
        "JitterStrategy": "FULL",
    }


def longest_waits(retrier: Mapping[str, Any]) -> list[int]:
    """Return the longest wait before each retry, in whole seconds."""
    return [
        int(
            min(
                retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number,
                retrier["MaxDelaySeconds"],
            )
        )
        for number in range(int(retrier["MaxAttempts"]))
    ]


def chance_of_less(waits: list[int], seconds: int) -> float:
    """Return the probability that waits with full jitter are shorter together.

    Each is rounded down to a whole second, so the true one is less.
    """
    chances = [1.0]
    for wait in waits:
        longer = [0.0] * (len(chances) + wait - 1)
        for total, chance in enumerate(chances):
            for more in range(wait):
                longer[total + more] += chance / wait
        chances = longer
    return sum(chances[:seconds])


def retriers(states: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and retriers of every state that retries, those of inner machines included."""
    for name, state in states.items():
        yield from ((name, each) for each in state.get("Retry", ()) if each.get("MaxAttempts"))
        for inner in (*state.get("Branches", ()), state.get("ItemProcessor")):
            if inner:
                yield from retriers(inner["States"])


@pytest.mark.parametrize("account", STAGES)
@pytest.mark.parametrize(("flow", "template"), PATIENT)
def test_retries_outlast_a_database_that_is_away(flow: str, template: str, account: str) -> None:
    rendered = json.loads(definition(flow, template, retry_of(account)))
    found = list(retriers(rendered["States"]))

    assert found
    known: dict[tuple[int, ...], float] = {}
    for name, retrier in found:
        waits = longest_waits(retrier)
        assert retrier["JitterStrategy"] == "FULL", name
        assert sum(waits) / 2 > 1.5 * AWAY_SECONDS, name
        assert sum(waits) < MOST_SECONDS, name
        chance = known.setdefault(tuple(waits), chance_of_less(waits, AWAY_SECONDS))
        assert chance < GIVEN_UP, name


def tasks(states: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and definition of every task, those of inner machines included."""
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        for inner in (*state.get("Branches", ()), state.get("ItemProcessor")):
            if inner:
                yield from tasks(inner["States"])


@pytest.mark.parametrize("account", STAGES)
@pytest.mark.parametrize(("flow", "template"), TEMPLATES)
def test_an_execution_may_take_as_long_as_all_its_retries(
    flow: str, template: str, account: str
) -> None:
    """One that ended before would leave no message: CatchErrors is a state of it."""
    rendered = json.loads(definition(flow, template, retry_of(account)))

    longest = 0
    for name, task in tasks(rendered["States"]):
        assert "TimeoutSeconds" in task, name
        retriers_of_task = [each for each in task.get("Retry", ()) if each.get("MaxAttempts")]
        retries = sum(int(each["MaxAttempts"]) for each in retriers_of_task)
        # Of a nested execution or a wait for a token only the start is repeated, which answers at
        # once.
        is_wait = task["Resource"].endswith((".sync", ".sync:2", ".waitForTaskToken"))
        limit = task["TimeoutSeconds"]
        if isinstance(limit, str):
            limit = expectations_of(flow).longest_waits[name]
        longest += limit + retries * (0 if is_wait else limit)
        longest += sum(sum(longest_waits(each)) for each in retriers_of_task)
    is_patient = (flow, template) in PATIENT
    most = MOST_OF_AN_EXECUTION if is_patient else MOST_FOR_A_CALLER
    assert longest < rendered["TimeoutSeconds"] <= most


def test_a_chance_is_that_of_the_sum() -> None:
    assert chance_of_less([2, 2], 1) == pytest.approx(1 / 4)
    assert chance_of_less([2, 2], 2) == pytest.approx(3 / 4)
    # With the six retries of before, most events gave up in five minutes, and half in one.
    assert chance_of_less([2, 4, 8, 16, 32, 60], AWAY_SECONDS) == pytest.approx(1)
    assert chance_of_less([2, 4, 8, 16, 32, 60], 61) > 0.5
