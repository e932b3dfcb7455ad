"""StartJob: start the job of a call."""

from __future__ import annotations

from typing import Any

from async_polling.results import load
from async_polling.service import service
from flowbridge.logs import get_logger

log = get_logger("start_job")


def handler(request: dict[str, Any], _context: object) -> dict[str, Any]:
    """Start the job of ``action`` and ``payload``, and return its ``id``.

    The payload has the job's ``input``, or its ``inputLocation``, which is the ``resultLocation``
    of the call before.

    Raises
    ------
    ServiceRefused, ServiceUnavailable, ResultsUnavailable, ConfigurationError, SecretUnavailable
        As `Service.start` and `load` do.
    """
    payload = request["payload"]
    given = load(payload["inputLocation"]) if "inputLocation" in payload else payload["input"]
    job = service().start(request["token"], request["action"], given)
    log.info("job started", extra={"token": request["token"], "job": job["id"]})
    return {"id": job["id"]}
