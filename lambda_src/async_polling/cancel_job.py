"""CancelJob: cancel the job of a call that ended without its result."""

from __future__ import annotations

from typing import Any

from async_polling.service import service
from flowbridge.logs import get_logger

log = get_logger("cancel_job")


def handler(request: dict[str, Any], _context: object) -> dict[str, Any]:
    """Cancel the job of ``token``.

    Raises
    ------
    ServiceRefused, ServiceUnavailable, ConfigurationError, SecretUnavailable
        As `Service.cancel` does.
    """
    service().cancel(request["token"])
    log.info("job cancelled", extra={"token": request["token"]})
    return {"token": request["token"]}
