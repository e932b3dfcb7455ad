"""AWS clients, created on first use and kept between invocations.

botocore is the slowest import of a cold start, so it is imported only when a client is created.
boto3 adds nothing we use; its first client is a sixth slower.
"""

from __future__ import annotations

from functools import cache
from typing import Any

#: An unanswered call fails after 11 s: two attempts of 5 s, and up to 1 s between them. Every
#: function's timeout is longer, so that it can respond and log the cause: a public endpoint has
#: 14 s for one call, CatchErrors 30 s for two. The others have 25 s or more for a secret and
#: either an API request of 13 s or a database statement of 11 s.
CONNECT_SECONDS = 1
READ_SECONDS = 4
ATTEMPTS = 2


@cache
def client(service: str, read_seconds: float = READ_SECONDS, attempts: int = ATTEMPTS) -> Any:
    """Return the client of a service.

    Parameters
    ----------
    service
        Its boto3 name, such as ``sqs``.
    read_seconds
        Timeout of each read from the socket.
    attempts
        Most attempts per call, including the first.
    """
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        # max_attempts would not count the first one.
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return get_session().create_client(service, config=config)
