"""Queues that call a function.

MiniStack polls all mappings in one thread and runs the batches in threads of their own, as many at
once as `MaximumConcurrency` and the function's reserved concurrency allow. That stays; a batch is
read, called and deleted here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from emulator import event_sources
from emulator.patches.event_sources.reports import failed_items
from emulator.patches.event_sources.rights import Right, missing_of, wanted

JsonObject = dict[str, Any]
Message = dict[str, Any]

#: The largest batch without a window.
MOST_WITHOUT_WINDOW = 10
#: How often a call that was refused for the moment is repeated.
REFUSED_SECONDS = 0.5
DELETE = "sqs:DeleteMessage"
#: Functions of MiniStack's ``sqs`` that change a queue's messages.
CHANGES = (
    "_act_change_visibility",
    "_act_delete_message",
    "_act_delete_message_batch",
    "_act_purge_queue",
    "_act_send_message",
    "_collect_msgs",
    "_dlq_sweep",
    "_expire_retained",
)


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import lambda_svc, sqs

    lock = lock_changes(sqs)
    poller = QueuePoller(lambda_svc, sqs, lock)
    lambda_svc._poll_sqs = poller.poll
    lambda_svc._create_esm = event_sources.checked(
        lambda_svc._create_esm,
        event_sources.config_of(lambda_svc),
        lambda config, asked: problem_of(
            asked, sqs._queue_by_arn(asked.get("EventSourceArn", "")), config
        ),
        lambda_svc._invalid_parameter_value,
    )


def lock_changes(queues: Any) -> threading.RLock:
    """Let one thread at a time change the messages of queues; return the lock.

    Requests run in one thread, batches in others, and both replace a queue's list of messages.
    Without a lock, a message that is sent meanwhile is lost.
    """
    lock = threading.RLock()

    def locked(change: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(change)
        def change_alone(*given: Any, **named: Any) -> Any:
            with lock:
                return change(*given, **named)

        return change_alone

    for name in CHANGES:
        before = getattr(queues, name)
        after = locked(before)
        setattr(queues, name, after)
        for action, handler in queues._HANDLERS.items():
            if handler is before:
                queues._HANDLERS[action] = after
    return lock


def problem_of(data: Mapping[str, Any], queue: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Return why a queue cannot call a function; an empty text when it can.

    Parameters
    ----------
    data
        The request to create the mapping.
    queue
        MiniStack's queue; None for another source.
    config
        The function's configuration.
    """
    if queue is None:
        return ""
    hidden = int(queue["attributes"].get("VisibilityTimeout", 30))
    timeout = int(config.get("Timeout", 3))
    if hidden < timeout:
        return (
            f"Queue visibility timeout: {hidden} seconds is less than Function timeout: "
            f"{timeout} seconds"
        )
    if (data.get("BatchSize") or 0) > MOST_WITHOUT_WINDOW and not data.get(
        "MaximumBatchingWindowInSeconds"
    ):
        return (
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            f"greater than {MOST_WITHOUT_WINDOW}"
        )
    return ""


@dataclass
class QueuePoller:
    """Reads queues for their functions.

    Parameters
    ----------
    functions, queues
        MiniStack's ``lambda_svc`` and ``sqs``.
    lock
        Held while messages change.
    """

    functions: Any
    queues: Any
    lock: threading.RLock
    #: When the first message of the next batch was seen, by the mapping's id.
    _waiting_since: dict[str, float] = field(default_factory=dict)

    def poll(self) -> bool:
        """Start a batch of each queue that has one; return whether there was any."""
        any_started = False
        for account, region, mapping in self.functions._iter_all_esms():
            if mapping.get("Enabled", True) and ":sqs:" in mapping.get("EventSourceArn", ""):
                with self._scope(account, region):
                    any_started |= self._poll_one(mapping)
        return any_started

    @contextmanager
    def _scope(self, account: str, region: str) -> Iterator[None]:
        of_account = self.functions._request_account_id.set(account)
        of_region = self.functions._request_region.set(region)
        try:
            yield
        finally:
            self.functions._request_account_id.reset(of_account)
            self.functions._request_region.reset(of_region)

    def _poll_one(self, mapping: JsonObject) -> bool:
        source = mapping["EventSourceArn"]
        queue = self.queues._queue_by_arn(source)
        # By its weights, the alias names one of its versions for each batch.
        function, config, _ = self.functions._get_func_record_for_ref(mapping["FunctionArn"])
        if queue is None or function is None:
            return False
        limit = self.functions._sqs_esm_concurrency(mapping, function, config, queue)
        if self.functions._esm_inflight.get(mapping["UUID"], 0) >= limit:
            return False
        if not self._is_due(mapping, queue):
            return False
        missing = set(missing_of(str(config.get("Role", "")), rights_on(source, queue)))
        if missing - {(DELETE, source)}:
            names = ", ".join(sorted(action for action, _ in missing))
            mapping["LastProcessingResult"] = f"PROBLEM: Lambda does not have permissions: {names}"
            return False
        batch = self._receive(mapping, queue)
        if not batch:
            return False
        self.functions._dispatch_esm_batch(
            mapping["UUID"], self._run, mapping, function, queue, batch, not missing
        )
        return True

    def _is_due(self, mapping: JsonObject, queue: JsonObject) -> bool:
        """Return whether a batch is large enough, or has waited for its window."""
        window = mapping.get("MaximumBatchingWindowInSeconds") or 0
        now = time.time()
        visible = sum(message.get("visible_at", 0) <= now for message in list(queue["messages"]))
        if not visible:
            self._waiting_since.pop(mapping["UUID"], None)
            return False
        since = self._waiting_since.setdefault(mapping["UUID"], now)
        return visible >= size_of(mapping) or now - since >= window

    def _receive(self, mapping: JsonObject, queue: JsonObject) -> list[Message]:
        """Return the messages of the next batch; delete those that the filter leaves out."""
        self._waiting_since.pop(mapping["UUID"], None)
        with self.lock:
            self.queues._expire_retained(queue)
            self.queues._dlq_sweep(queue)
            hidden = int(queue["attributes"].get("VisibilityTimeout", 30))
            batch: list[Message] = self.queues._collect_msgs(queue, size_of(mapping), hidden)
        records = [record_of(message, mapping["EventSourceArn"]) for message in batch]
        kept = {x["messageId"] for x in self.functions._apply_filter_criteria(records, mapping)}
        left_out = {m["receipt_handle"] for m in batch if m["id"] not in kept}
        self._delete(queue, left_out)
        return [message for message in batch if message["id"] in kept]

    def _run(
        self,
        mapping: JsonObject,
        function: JsonObject,
        queue: JsonObject,
        batch: list[Message],
        may_delete: bool,
    ) -> None:
        """Call the function with a batch, and delete the messages that it has handled."""
        source = mapping["EventSourceArn"]
        event = {"Records": [record_of(message, source) for message in batch]}
        result = self._call(function, event, min(message["visible_at"] for message in batch))
        failed = failed_items(mapping, result)
        mapping["LastProcessingResult"] = "OK" if failed is not None else "PROBLEM: Function error"
        if failed is None or not may_delete:
            return
        done = {message["receipt_handle"] for message in batch if message["id"] not in failed}
        self._delete(queue, done)

    def _delete(self, queue: JsonObject, receipts: set[str]) -> None:
        """Delete the messages with these receipts, unless they were received again meanwhile."""
        with self.lock:
            messages = queue["messages"]
            queue["messages"] = [m for m in messages if m.get("receipt_handle") not in receipts]

    def _call(self, function: JsonObject, event: JsonObject, until: float) -> JsonObject:
        """Call the function, again while it has no free environment and the messages are hidden."""
        while True:
            result: JsonObject = self.functions._execute_function(function, event)
            if not result.get("throttle") or time.time() + REFUSED_SECONDS >= until:
                return result
            time.sleep(REFUSED_SECONDS)


def size_of(mapping: Mapping[str, Any]) -> int:
    """Return how many messages a batch has at most."""
    return int(mapping.get("BatchSize") or MOST_WITHOUT_WINDOW)


def rights_on(source: str, queue: Mapping[str, Any]) -> list[Right]:
    """Return the rights that reading a queue needs; one more for a queue with a key of KMS."""
    key = str(queue["attributes"].get("KmsMasterKeyId", ""))
    if not key:
        return wanted(source)
    region, account = source.split(":")[3:5]
    arn = key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
    return [*wanted(source), ("kms:Decrypt", arn)]


def record_of(message: Message, source: str) -> JsonObject:
    """Return a message as the function gets it."""
    _, _, _, region, account, _ = source.split(":")
    attributes = {
        "ApproximateReceiveCount": str(message["receive_count"]),
        "SentTimestamp": str(int(message["sent_at"] * 1000)),
        "SenderId": account,
        "ApproximateFirstReceiveTimestamp": str(int(message["first_receive_at"] * 1000)),
    }
    more = {
        "AWSTraceHeader": (message.get("sys") or {}).get("AWSTraceHeader"),
        "DeadLetterQueueSourceArn": (message.get("sys") or {}).get("DeadLetterQueueSourceArn"),
        "MessageGroupId": message.get("group_id"),
        "MessageDeduplicationId": message.get("dedup_id"),
        "SequenceNumber": message.get("seq"),
    }
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": {**attributes, **{k: str(v) for k, v in more.items() if v}},
        "messageAttributes": {
            name: {key[:1].lower() + key[1:]: value for key, value in attribute.items()}
            for name, attribute in (message.get("message_attributes") or {}).items()
        },
        "md5OfBody": message.get("md5_body") or "",
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": region,
    }
