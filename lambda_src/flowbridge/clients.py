"""AWS clients, made when a function first needs one and kept between its invocations.

botocore is imported here and at that moment only: it is the dearest import of a cold start. Its
clients are boto3's; boto3 adds what no function uses, and a sixth to the time until the first one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

#: A call that is never answered ends after 11 s: two attempts of 5, and up to 1 between them. So it
#: ends before its function is ended, which could then neither answer nor say why: an endpoint that
#: anybody may call has 14 s for one call; CatchErrors 30 for two; the others 25 and more for a
#: secret, and a request of 13 to an API or a statement of 11 to the database.
CONNECT_SECONDS = 1
READ_SECONDS = 4
ATTEMPTS = 2


@cache
def client(service: str, read_seconds: float = READ_SECONDS, attempts: int = ATTEMPTS) -> Any:
    """Return the client of a service, such as ``sqs``.

    Parameters
    ----------
    service
        What boto3 calls it.
    read_seconds
        How long each part of an answer is waited for.
    attempts
        How often a call is tried, the first time included.
    """
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        # Not max_attempts, which leaves the first one out.
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return get_session().create_client(service, config=config)
