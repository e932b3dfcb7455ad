"""A consumer of a queue that would lose or repeat work is refused when Terraform plans."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import tftest

from ops.terraform.runner import ROOT
from tests.support.plans import plan_modules
from tests.support.resources import of_type

MODULES = ROOT / "modules"
PLATFORM: dict[str, Any] = {
    "name_prefix": "example-dev",
    "environment": "dev",
    "event_bus": {"name": "bus", "arn": "arn:aws:events:us-east-1:111111111111:event-bus/bus"},
    "packages": {
        "orders": {
            "name": "orders",
            "bucket": "packages",
            "key": "orders.zip",
            "sha256_base64": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        }
    },
    "canaries": {},
    "logs": {"retention_days": 30, "level": "INFO", "execution_data": False},
    "role": {"path": "/"},
    "alarm_actions": [],
    "emulator": None,
}


#: Inputs that are wrong together, and the sentences that refuse them.
UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "visible": ({"visibility_timeout_seconds": 359}, "is 359, and 360 is the least"),
    "reserved": (
        {"maximum_concurrency": 5, "function": {"reserved_concurrency": 4}},
        "above the function's reserved concurrency",
    ),
}
#: Inputs that are wrong by themselves; Terraform looks at nothing else then.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "window": ({"batch": {"size": 11}}, "needs a window"),
    "alone": ({"maximum_concurrency": 1}, "maximum_concurrency is 2 to 1000"),
    "filter": ({"filters": ["no JSON"]}, "filters has ten patterns at most"),
}


@pytest.fixture
def plan(terraform_of_dev: tftest.TerraformTest, tmp_path: Path) -> Any:
    """Return a function that plans consumers with some inputs each."""

    def plan_all(**consumers: dict[str, Any]) -> Any:
        # Terraform follows no relative path out of a module that is elsewhere.
        shutil.copytree(MODULES, tmp_path / "modules")
        function = {"module": "take", "description": "Takes", "timeout_seconds": 60}
        modules = {
            name: {
                "source": "./modules/queue_consumer",
                "platform": PLATFORM,
                "flow": "orders",
                "name": name,
                "alarm": {"description": "Redrive them."},
                **more,
                "function": {**function, **more.get("function", {})},
            }
            for name, more in consumers.items()
        }
        return plan_modules(terraform_of_dev, tmp_path, modules)

    return plan_all


def test_a_message_stays_hidden_for_six_attempts_and_the_window(plan: Any) -> None:
    found = plan(work={"batch": {"size": 100, "window_seconds": 20}})
    queues = {queue.values["name"]: queue.values for queue in of_type(found, "aws_sqs_queue")}
    [mapping] = of_type(found, "aws_lambda_event_source_mapping")

    assert queues["example-dev-orders-work"]["visibility_timeout_seconds"] == 6 * 60 + 20
    assert mapping.values["function_response_types"] == ["ReportBatchItemFailures"]
    assert "example-dev-orders-work-dead-letters" in queues


@pytest.mark.parametrize("consumers", [UNFIT, BAD], ids=["unfit", "bad"])
def test_a_wrong_consumer_is_refused(plan: Any, consumers: dict[str, Any]) -> None:
    with pytest.raises(tftest.TerraformTestError) as caught:
        plan(**{name: inputs for name, (inputs, _) in consumers.items()})

    words = " ".join(re.sub(r"\x1b\[[0-9]*m|[│╷╵]", " ", str(caught.value.cmd_error)).split())
    assert [sentence for _, sentence in consumers.values() if sentence not in words] == []
