"""Look into a queue of failed events without taking anything out of it that is not meant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Message = dict[str, Any]
CALLS = 100
#: How long a message that was looked at stays out of others' sight.
SECONDS = 5


def peek(client: Any, queue_url: str) -> Iterator[Message]:
    """Yield the bodies of the messages that the queue shows, each once.

    A message stays in the queue: it becomes visible again after a few seconds.
    """
    for message in _receive(client, queue_url):
        yield json.loads(message["Body"])


def remove(client: Any, queue_url: str, is_meant: Callable[[Message], bool]) -> int:
    """Delete the messages that are meant; return how many."""
    meant = [m for m in _receive(client, queue_url) if is_meant(json.loads(m["Body"]))]
    for message in meant:
        client.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return len(meant)


def _receive(client: Any, queue_url: str) -> Iterator[Message]:
    seen: set[str] = set()
    for _ in range(CALLS):
        answer = client.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=SECONDS, WaitTimeSeconds=0
        )
        fresh = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
        if not fresh:
            return
        for message in fresh:
            seen.add(message["MessageId"])
            yield message
