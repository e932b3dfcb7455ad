"""AWS with published quotas and a history of executions, behind boto3's real clients.

Time is simulated: each call takes some, and a thread that waits lets it pass.
"""

from __future__ import annotations

import io
import json
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from emulator.quotas import Quotas
from ops.aws.clients import CLIENT_CONFIG
from tests.support.times import START

ACCOUNT, REGION = "111111111111", "us-east-1"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:machine"
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
PAGE = 1000
#: Ten threads make calls of 50 ms each.
CALL_SECONDS = 0.005
THROTTLED = {"__type": "ThrottlingException", "message": "Rate exceeded"}

Answer = dict[str, Any]


class Clock:
    """A clock that moves when a thread sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the seconds since it started."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.seconds += seconds

    @property
    def moment(self) -> datetime:
        """The time as a date."""
        return START + timedelta(seconds=self.seconds)


@dataclass
class Record:
    """One execution of the history."""

    event: str
    started: datetime
    status: str = "SUCCEEDED"
    output: Answer = field(default_factory=dict)
    #: The state in which it ended, and that state's type.
    end: tuple[str, str] = ("Done", "Task")

    @property
    def name(self) -> str:
        """The name that EventBridge gives it."""
        return f"{self.event}_{self.event[::-1]}"

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"{MACHINE.replace('stateMachine', 'execution')}:{self.name}"

    def listed(self) -> Answer:
        """Return it as ListExecutions does, which gives neither input, output nor error."""
        times = {"startDate": self.started.timestamp()}
        if self.status != "RUNNING":
            times["stopDate"] = (self.started + timedelta(seconds=3)).timestamp()
        return {
            "executionArn": self.arn,
            "stateMachineArn": MACHINE,
            "name": self.name,
            "status": self.status,
            **times,
        }


class SimulatedAws:
    """The services that operators' commands call, with the quotas of one account.

    Parameters
    ----------
    clock
        The simulated time.
    records
        The executions, the oldest first; those in the future do not exist yet.
    """

    def __init__(self, clock: Clock, records: list[Record]) -> None:
        self.clock = clock
        self.records = records
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.lines: dict[str, list[Answer]] = {}
        self.answers: dict[str, Callable[[Answer], Answer]] = {
            "ListExecutions": self._list,
            "DescribeExecution": self._describe,
            "GetExecutionHistory": self._history,
            "FilterLogEvents": self._filter,
            "DescribeStateMachine": lambda _: {"definition": DEFINITION},
        }
        self._quotas = Quotas(now=clock.now)
        self._by_arn = {record.arn: record for record in records}

    def client(self, service: str) -> Any:
        """Return a client of boto3 that is answered here."""
        client = boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="test",
            config=CLIENT_CONFIG,
        )
        client.meta.events.register_last("before-send", self._send)
        return client

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        action = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        service = request.headers["Authorization"]
        service = (service.decode() if isinstance(service, bytes) else service).split("/")[3]
        self.calls[action] += 1
        self.clock.sleep(CALL_SECONDS)
        if not self._quotas.admits(ACCOUNT, REGION, service, action):
            self.throttled[action] += 1
            return response(request.url, 400, THROTTLED)
        return response(request.url, 200, self.answers[action](json.loads(request.body)))

    def _list(self, asked: Answer) -> Answer:
        until = bisect_right(self.records, self.clock.moment, key=lambda r: r.started)
        start = int(asked.get("nextToken", until))
        wanted = asked.get("statusFilter")
        page: list[Answer] = []
        at = start
        while at > 0 and len(page) < min(asked.get("maxResults", 100), PAGE):
            at -= 1
            if wanted in (None, self.records[at].status):
                page.append(self.records[at].listed())
        return {"executions": page} | ({"nextToken": str(at)} if at else {})

    def _describe(self, asked: Answer) -> Answer:
        record = self._by_arn[asked["executionArn"]]
        event = {"id": record.event, "source": "s", "detail-type": "d", "detail": {}}
        done = {"output": json.dumps(record.output)} if record.status == "SUCCEEDED" else {}
        return {**record.listed(), "input": json.dumps(event), **done}

    def _history(self, asked: Answer) -> Answer:
        events = list(self._events(self._by_arn[asked["executionArn"]]))
        for number, event in enumerate(events, start=1):
            event.update(id=number, previousEventId=number - 1, timestamp=START.timestamp())
        events = events[::-1] if asked.get("reverseOrder") else events
        return {"events": events[: asked.get("maxResults", 100)]}

    @staticmethod
    def _events(record: Record) -> Iterator[Answer]:
        name, kind = record.end
        yield {"type": f"{kind}StateEntered", "stateEnteredEventDetails": {"name": name}}
        if record.status == "SUCCEEDED":
            details = {"output": json.dumps(record.output)}
            yield {"type": "ExecutionSucceeded", "executionSucceededEventDetails": details}
        elif record.status != "RUNNING":
            details = {"error": "Broken", "cause": "because"}
            yield {"type": "ExecutionFailed", "executionFailedEventDetails": details}

    def _filter(self, asked: Answer) -> Answer:
        lines = self.lines.get(asked["logGroupName"], [])
        found = [line for line in lines if line["timestamp"] >= asked.get("startTime", 0)]
        start = int(asked.get("nextToken", 0))
        page = found[start : start + PAGE]
        more = start + PAGE < len(found)
        return {"events": page} | ({"nextToken": str(start + PAGE)} if more else {})


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yield it whole."""
        yield self.read()


def response(url: str, status: int, body: Answer) -> AWSResponse:
    """Return an answer in JSON."""
    headers = HTTPHeaders.from_pairs([("content-type", "application/x-amz-json-1.0")])
    return AWSResponse(url, status, headers, Raw(json.dumps(body).encode()))
