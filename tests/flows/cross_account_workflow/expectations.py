"""Expectations of the cross-account workflow in the tests of every flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.flows.cross_account_workflow.support.accounts import CrossAccount
from tests.support.expectations import Events, Expectations, Settings
from tests.support.running import RunningFlow


def good(running: RunningFlow) -> Mapping[str, Any]:
    """Return the example's detail, once there is a target."""
    assert isinstance(running, CrossAccount)
    detail: Mapping[str, Any] = running.with_target().example["detail"]
    return detail


TARGET = {"account_id": "222222222222", "api_id": "a", "stage": "v1"}

EXPECTATIONS = Expectations(
    running=CrossAccount,
    libraries={"cross_account_workflow.catch_errors": set()},
    unasked={
        "ApigatewayInvoke": (
            "AWS documents it for every call of an API; with RESOURCE_POLICY the emulator asks the "
            "API's policy alone, and test_policies sees that it is for the called methods"
        )
    },
    events=Events(good=good, bad=lambda _: {"target": "nowhere"}, error="UnknownTarget"),
    settings=Settings(
        wrong={"targets": {"Audits": {**TARGET, "account_id": "1"}}, "poll_seconds": 0},
        sentences=[
            "cross_account_workflow.targets has at least one target",
            "cross_account_workflow.targets need an account_id of 12 digits",
            "cross_account_workflow.poll_seconds is 1 or more",
        ],
        required="targets",
    ),
)
