"""PollJob: look at the job of a call."""

from __future__ import annotations

import json
from typing import Any

from async_polling.results import store
from async_polling.service import service
from flowbridge import config
from flowbridge.logs import get_logger

log = get_logger("poll_job")

#: The service's statuses, and those of modules/async_call; a job that was cancelled has failed.
STATUSES = {"running": "running", "succeeded": "succeeded", "failed": "failed"}


def handler(asked: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the ``status`` of a job, and its ``result``, ``resultLocation`` or ``cause``.

    A result of more than ``INLINE_BYTES`` is in S3: a state's output has 256 KB, which the calls of
    a Map share.

    Parameters
    ----------
    asked
        ``job``, which `start_job` returned, and ``request`` with the ``token``.

    Raises
    ------
    ServiceRefused, ServiceUnavailable, ResultsUnavailable, ConfigurationError, SecretUnavailable
        As `Service.poll` and `store` do.
    """
    job, seconds = service().poll(asked["job"]["id"])
    status = STATUSES.get(job.get("status", ""), "failed")
    answer: dict[str, Any] = {"status": status}
    if status == "running":
        return {**answer, "retryAfterSeconds": seconds}
    if status == "failed":
        return {**answer, "cause": str(job.get("cause") or f"its status is {job.get('status')}")}
    result = json.dumps(job.get("result"), ensure_ascii=False)
    log.info("job succeeded", extra={"job": job["id"], "bytes": len(result.encode())})
    if len(result.encode()) > int(config.required("INLINE_BYTES")):
        return {**answer, "resultLocation": store(asked["request"]["token"], result)}
    return {**answer, "result": job.get("result")}
