"""Keeps a failed refund in its queue and publishes that it failed."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import boto3


def handler(failure: dict[str, Any], _context: object) -> None:
    """Queue the refund with its error, then publish that it failed."""
    body = json.dumps(failure)
    boto3.client("sqs").send_message(QueueUrl=os.environ["FAILED_QUEUE_URL"], MessageBody=body)
    # The alarms of the workflow count this line by its error.
    line = {"message": "execution failed", "error": failure["error"]["Error"]}
    sys.stdout.write(json.dumps(line) + "\n")
    event = {"Source": "example.refunds", "DetailType": "RefundFailed", "Detail": body}
    boto3.client("events").put_events(
        Entries=[{**event, "EventBusName": os.environ["EVENT_BUS_NAME"]}]
    )
