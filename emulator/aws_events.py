"""Events of AWS services, which arrive on the default bus of the account of the request."""

from __future__ import annotations

import json
from typing import Any


def send(source: str, detail_type: str, resources: list[str], detail: dict[str, Any]) -> None:
    """Put the event of a service on the default bus.

    Parameters
    ----------
    source
        Such as ``aws.appflow``.
    detail_type, resources, detail
        The event's own fields.
    """
    from ministack.services import eventbridge

    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": resources,
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
