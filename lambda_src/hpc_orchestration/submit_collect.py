"""SubmitCollect: submit the job Collect of a batch, which answers the state's task token."""

from __future__ import annotations

import hashlib
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger
from hpc_orchestration.files import Files
from hpc_orchestration.record import DONE, Record
from hpc_orchestration.tokens import succeed

log = get_logger("submit_collect")

#: The states of a batch's job; dead_jobs also writes FAILED. A job that is found as SUBMITTING may
#: not exist, and is submitted again: two of them have the same result.
SUBMITTING, SUBMITTED = "SUBMITTING", "SUBMITTED"


def handler(asked: dict[str, Any], _context: object) -> dict[str, Any]:
    """Submit the job, unless the batch has one or its prices.

    Parameters
    ----------
    asked
        ``runId``, ``batch``, ``shards``, and the task's ``token``.

    Returns
    -------
    dict
        ``job``: the name of the batch's job; nothing when its prices are there.
    """
    run, batch, token = asked["runId"], asked["batch"], asked["token"]
    record = Record(client("dynamodb"), config.required("TABLE"), run, batch)
    # First: a job that ends now reads this token after it writes DONE.
    record.write(token=token)
    found = record.read()
    if found.get("status") == DONE:
        key = Files(None, "", run, batch).key("prices")
        succeed(client("stepfunctions"), token, {"prices": key})
        return {"job": None}
    if found.get("jobState") == SUBMITTED:
        log.info("the job of the batch is there already", extra={"job": found["job"]})
        return {"job": found["job"]}
    # The event of a job's failure has its name, by which the workflow dead_jobs knows it.
    name = f"{run}_{batch}_{hashlib.sha256(token.encode()).hexdigest()[:12]}"
    record.write(job=name, jobState=SUBMITTING)
    client("batch").submit_job(
        jobName=name,
        jobQueue=config.required("JOB_QUEUE"),
        jobDefinition=config.required("JOB_DEFINITION"),
        parameters={"runId": run, "batch": batch, "shards": str(asked["shards"])},
    )
    # A job that died by now stays FAILED.
    record.write(when={"job": name, "jobState": SUBMITTING}, jobState=SUBMITTED)
    log.info("job submitted", extra={"job": name})
    return {"job": name}
