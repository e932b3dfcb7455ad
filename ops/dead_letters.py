"""Look into a queue of failed events without taking anything out of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]
CALLS = 100


def peek(client: Any, queue_url: str) -> Iterator[Message]:
    """Yield the bodies of the messages that the queue shows, each once.

    A message stays in the queue: it becomes visible again after a few seconds.
    """
    seen: set[str] = set()
    for _ in range(CALLS):
        answer = client.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=5, WaitTimeSeconds=0
        )
        fresh = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
        if not fresh:
            return
        for message in fresh:
            seen.add(message["MessageId"])
            yield json.loads(message["Body"])
