"""AWS clients, made when a function first needs one and kept between its invocations.

boto3 is imported here and at that moment only: it is the dearest import of a cold start.
"""

from __future__ import annotations

from functools import cache
from typing import Any

#: No call may outlast the function's own timeout unnoticed.
CONNECT_SECONDS = 3
READ_SECONDS = 10


@cache
def client(service: str) -> Any:
    """Return the boto3 client of a service, such as ``sqs``."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "max_attempts": 3},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]
