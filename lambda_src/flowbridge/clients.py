"""AWS clients, made when a function first needs one and kept between its invocations.

botocore is imported here and at that moment only: it is the dearest import of a cold start. Its
clients are boto3's; boto3 adds what no function uses, and a sixth to the time until the first one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

#: No call may outlast the function's own timeout unnoticed.
CONNECT_SECONDS = 3
READ_SECONDS = 10


@cache
def client(service: str) -> Any:
    """Return the client of a service, such as ``sqs``."""
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "max_attempts": 3},
    )
    return get_session().create_client(service, config=config)
