"""PlanUnload: validate the request, and plan its query and the run's own folder."""

from __future__ import annotations

import re
from typing import Any

from athena_unload.errors import InvalidRequest
from athena_unload.use_cases import USE_CASES
from flowbridge import config
from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator, read_schema

log = get_logger("plan_unload")
validator = Validator(read_schema(__file__, "request.schema.json"))


def handler(task: Any, _context: object) -> dict[str, Any]:
    """Return the plan of an unload.

    Parameters
    ----------
    task
        ``event``, an EventBridge event; ``execution`` and ``startedAt`` of its execution.

    Raises
    ------
    InvalidRequest
        When the event's detail breaks a rule; the message has the field and the rule.
    """
    detail = read_detail(task["event"], "request", dict, validator, InvalidRequest)
    name = detail["useCase"]
    use_case = USE_CASES[name]
    literals = use_case.literals(detail.get("parameters", {}))
    run = run_name(task["startedAt"], task["execution"])
    prefix = f"unload/{name}/{run}/"
    location = f"s3://{config.required('OUTPUT_BUCKET')}/{prefix}"
    plan = {
        "useCase": name,
        "run": run,
        "startedAt": task["startedAt"],
        "crawler": use_case.crawler,
        "prefix": prefix,
        "location": location,
        "query": use_case.statement(location),
        "parameters": literals,
    }
    log.info("unload planned", extra={"use_case": name, "run": run})
    return plan


def run_name(started: str, execution: str) -> str:
    """Return the name of a run's folder, which sorts by time and belongs to one execution."""
    stamp = re.sub(r"[^0-9T]", "", started.partition(".")[0])
    return f"{stamp}-{re.sub(r'[^A-Za-z0-9_-]', '-', execution)}"
