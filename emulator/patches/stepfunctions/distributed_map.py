"""Distributed Map: batches, results in S3, tolerated failures, JSONata, children with histories.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from emulator import policies
from emulator.patches.stepfunctions import branches, interpreter, scopes
from emulator.patches.stepfunctions.branches import number

JsonObject = dict[str, Any]
#: Evaluates a template of the state.
Fill = Callable[[Any], Any]

#: AWS runs up to 10,000 children at the same time; here each is a thread.
CHILDREN = 100
COUNTS = (
    "pending",
    "running",
    "succeeded",
    "failed",
    "timedOut",
    "aborted",
    "total",
    "resultsWritten",
    "failuresNotRedrivable",
    "pendingRedrive",
)
#: The count and the result file of each status of a child.
COUNT_OF = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut"}
FILES = ("SUCCEEDED", "FAILED", "PENDING")
THRESHOLD = "States.ExceedToleratedFailureThreshold"


def apply() -> None:
    """Replace MiniStack's function."""
    from ministack.services import s3
    from ministack.services import stepfunctions as machines

    machines._run_distributed_map = partial(run, machines, s3)


@dataclass
class MapRun:
    """A Map Run: its children, and what it tolerates.

    Parameters
    ----------
    record
        The answer of ``DescribeMapRun``.
    sizes
        How many items each child gets.
    tolerated_count, tolerated_percentage
        How many items may fail; None for no limit.
    """

    record: JsonObject
    sizes: Sequence[int]
    tolerated_count: float | None
    tolerated_percentage: float | None
    children: dict[int, JsonObject] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, index: int, before: str, after: str) -> None:
        """Count a child, and its items, that goes from one status to another."""
        with self.lock:
            for counts, size in (
                (self.record["executionCounts"], 1),
                (self.record["itemCounts"], self.sizes[index]),
            ):
                counts[before] -= size
                counts[after] += size

    @property
    def fails(self) -> bool:
        """Whether more items failed than it tolerates."""
        counts = self.record["itemCounts"]
        failed = counts["failed"] + counts["timedOut"]
        return exceeds(failed, counts["total"], self.tolerated_count, self.tolerated_percentage)


def exceeds(failed: int, total: int, count: float | None, percentage: float | None) -> bool:
    """Return whether so many failures are more than what is tolerated.

    Parameters
    ----------
    failed, total
        How many items failed, of how many.
    count, percentage
        How many may fail. None sets no limit, but without both no item may fail.
    """
    if count is None and percentage is None:
        return failed > 0
    return (count is not None and failed > count) or (
        percentage is not None and failed * 100 > percentage * total
    )


def run(
    machines: Any,
    s3: Any,
    state: JsonObject,
    value: Any,
    given: Any,
    processor: JsonObject,
    execution: JsonObject,
    context: JsonObject,
) -> tuple[Any, str | None]:
    """Run each item, or batch of items, as a child execution of a Map Run."""

    def fill(template: Any, own: JsonObject = context) -> Any:
        if machines._state_query_language(state, context) == "JSONata":
            return machines._apply_jsonata_template(template, value, own)
        return machines._resolve_params_obj(template, given, own)

    items = read(machines, state, value, given, context, fill)
    inputs = [
        branches.selected(
            machines, state, value, given, branches.item_context(context, index, item)
        )
        for index, item in enumerate(items)
    ]
    sizes = [1] * len(inputs)
    if batcher := state.get("ItemBatcher"):
        limits = [
            number(machines, batcher, name, value, context)
            for name in ("MaxItemsPerBatch", "MaxInputBytesPerBatch")
        ]
        shared = {}
        if "BatchInput" in batcher:
            shared = {"BatchInput": fill(batcher["BatchInput"])}
        overhead = len(json.dumps({**shared, "Items": []}))
        batches = list(batched(inputs, limits[0], limits[1], overhead))
        sizes = [len(batch) for batch in batches]
        inputs = [{**shared, "Items": batch} for batch in batches]
    machine = context["StateMachine"]["Id"]
    require(machines, context, "States.Permissions", "states:StartExecution", machine)
    made = new_run(machines, state, value, execution, context, sizes)
    error = run_children(machines, made, processor, inputs, execution, context)
    outputs = [made.children[index]["output"] for index in sorted(made.children)]
    result: Any = [None if output is None else json.loads(output) for output in outputs]
    if writer := state.get("ResultWriter"):
        place = fill(writer.get("Arguments") or writer.get("Parameters") or {})
        config = writer.get("WriterConfig") or {}
        if place:
            result = write(machines, s3, made, inputs, place, config, context)
        else:
            result = transformed([made.children[index] for index in sorted(made.children)], config)
    if error is not None:
        raise error
    return branches.finished(machines, state, value, context, result)


def require(machines: Any, context: JsonObject, error: str, action: str, resource: str) -> None:
    """Check that the state machine's role may do something.

    Raises
    ------
    machines._ExecutionError
        The error with this name, when it may not.
    """
    if cause := policies.role_refusal(context["Execution"]["RoleArn"], action, resource):
        raise machines._ExecutionError(error, cause)


def read(
    machines: Any, state: JsonObject, value: Any, given: Any, context: JsonObject, fill: Fill
) -> list[Any]:
    """Return the items, of the reader if there is one."""
    reader = state.get("ItemReader")
    if not reader:
        items: list[Any] = branches.items_of(machines, state, value, given, context)
        return items
    place = fill(reader.get("Arguments") or reader.get("Parameters") or {})
    config = dict(reader.get("ReaderConfig") or {})
    most = number(machines, config, "MaxItems", value, context)
    config.pop("MaxItemsPath", None)
    if most is not None:
        config["MaxItems"] = most
    bucket = f"arn:aws:s3:::{place.get('Bucket')}"
    needed = ("s3:GetObject", f"{bucket}/{place.get('Key')}")
    if reader["Resource"].endswith(":listObjectsV2"):
        needed = ("s3:ListBucket", bucket)
    require(machines, context, "States.ItemReaderFailed", *needed)
    filled = {**reader, "Parameters": place, "Arguments": None, "ReaderConfig": config}
    try:
        items = machines._read_map_items(filled, given, context)
    except (ValueError, LookupError, TypeError) as error:
        raise machines._ExecutionError("States.ItemReaderFailed", str(error)) from None
    return items if isinstance(items, list) else [items]


def batched(
    items: Sequence[Any], most: float | None, most_bytes: float | None, overhead: int = 0
) -> Iterator[list[Any]]:
    """Yield the items in batches.

    Parameters
    ----------
    items
        The items.
    most, most_bytes
        The limits of a batch: its items, and the size of its JSON. An item that is larger is a
        batch of its own.
    overhead
        The size of a batch without items.
    """
    batch: list[Any] = []
    size = overhead
    for item in items:
        # With the separator.
        item_size = len(json.dumps(item).encode()) + 2 if most_bytes else 0
        is_full = most is not None and len(batch) >= most
        is_too_large = most_bytes is not None and size + item_size > most_bytes
        if batch and (is_full or is_too_large):
            yield batch
            batch, size = [], overhead
        batch.append(item)
        size += item_size
    if batch:
        yield batch


def new_run(
    machines: Any,
    state: JsonObject,
    value: Any,
    execution: JsonObject,
    context: JsonObject,
    sizes: Sequence[int],
) -> MapRun:
    """Return a new Map Run, which ``DescribeMapRun`` knows."""
    before, machine = execution["stateMachineArn"].split(":stateMachine:")
    label = state.get("Label") or machines.new_uuid()
    count, percentage, concurrency = (
        number(machines, state, name, value, context)
        for name in ("ToleratedFailureCount", "ToleratedFailurePercentage", "MaxConcurrency")
    )
    children, items = (
        {**dict.fromkeys(COUNTS, 0), "total": total, "pending": total}
        for total in (len(sizes), sum(sizes))
    )
    arn = f"{before}:mapRun:{machine}/{label}:{machines.new_uuid()}"
    record = {
        "mapRunArn": arn,
        "executionArn": execution["executionArn"],
        "status": "RUNNING",
        "startDate": machines.now_iso(),
        "maxConcurrency": concurrency or 0,
        "toleratedFailureCount": count or 0,
        "toleratedFailurePercentage": percentage or 0,
        "itemCounts": items,
        "executionCounts": children,
        "redriveCount": 0,
        # MiniStack leaves out names that begin so.
        "_stateMachineArn": f"{before}:stateMachine:{machine}/{label}",
    }
    machines._map_runs[arn] = record
    return MapRun(record, sizes, count, percentage)


def run_children(
    machines: Any,
    made: MapRun,
    processor: JsonObject,
    inputs: Sequence[Any],
    execution: JsonObject,
    context: JsonObject,
) -> Exception | None:
    """Run the children; return the error if more fail than the Map tolerates."""
    error: Exception | None = None
    status = "ABORTED"
    works = [
        partial(run_child, machines, made, processor, index, given, execution, context)
        for index, given in enumerate(inputs)
    ]
    try:
        branches.run_together(works, min(made.record["maxConcurrency"] or CHILDREN, CHILDREN))
        status = "SUCCEEDED"
    except machines._ExecutionError as found:
        status, error = "FAILED", found
    finally:
        for child in list(made.children.values()):
            interpreter.end(machines, child, "ABORTED")
        made.record.update(status=status, stopDate=machines.now_iso())
    return error


def run_child(
    machines: Any,
    made: MapRun,
    processor: JsonObject,
    index: int,
    given: Any,
    execution: JsonObject,
    context: JsonObject,
) -> None:
    """Run one child.

    Raises
    ------
    machines._ExecutionError
        When the Map Run fails with it.
    """
    machine = made.record["_stateMachineArn"]
    name = machines.new_uuid()
    kind = (processor.get("ProcessorConfig") or {}).get("ExecutionType", "STANDARD")
    now, text = machines.now_iso(), json.dumps(given)
    started = {"input": text, "roleArn": context["Execution"]["RoleArn"]}
    child = {
        "executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
        "stateMachineArn": machine,
        "name": name,
        "status": "RUNNING",
        "startDate": now,
        "stopDate": None,
        "input": text,
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "mapRunArn": made.record["mapRunArn"],
        "testCase": execution.get("testCase"),
        "mockAttempts": {},
        "events": [
            {
                "id": 1,
                "type": "ExecutionStarted",
                "timestamp": now,
                "previousEventId": 0,
                "executionStartedEventDetails": started,
            }
        ],
    }
    machines._executions[child["executionArn"]] = child
    with made.lock:
        made.children[index] = child
    made.count(index, "pending", "running")
    try:
        definition = {**processor, "QueryLanguage": context["QueryLanguage"]}
        interpret_child(machines, definition, kind, child, given, context)
    finally:
        made.count(index, "running", COUNT_OF.get(child["status"], "aborted"))
    if made.fails:
        cause = "The specified tolerated failure threshold was exceeded"
        raise machines._ExecutionError(THRESHOLD, cause)


def interpret_child(
    machines: Any,
    definition: JsonObject,
    kind: str,
    child: JsonObject,
    given: Any,
    context: JsonObject,
) -> None:
    """Interpret the states of a child until it ends, at the latest with its Map Run."""
    # It has no variables of its parent's.
    own = {
        **context,
        "Execution": {
            **context["Execution"],
            "Id": child["executionArn"],
            "Name": child["name"],
            "Input": given,
            "StartTime": child["startDate"],
        },
        "variables": {},
    }

    def abort() -> None:
        interpreter.end(machines, child, "ABORTED")

    try:
        with scopes.current().calling(abort):
            interpreter.interpret_states(machines, child, kind, definition, given, own)
    finally:
        abort()


def transformed(children: Any, config: JsonObject) -> Any:
    """Return the results of children in the form that a writer's ``WriterConfig`` names."""
    kind = config.get("Transformation", "NONE")
    if kind == "NONE":
        return [described(child) for child in children]
    outputs = [json.loads(child["output"]) for child in children if child["output"] is not None]
    if kind == "FLATTEN":
        return [item for one in outputs for item in (one if isinstance(one, list) else [one])]
    return outputs


def described(child: JsonObject) -> JsonObject:
    """Return a child as a file of results has it."""
    names = {
        "ExecutionArn": "executionArn",
        "Input": "input",
        "Name": "name",
        "Output": "output",
        "Error": "error",
        "Cause": "cause",
        "StartDate": "startDate",
        "StopDate": "stopDate",
        "StateMachineArn": "stateMachineArn",
        "Status": "status",
    }
    found = {name: child[key] for name, key in names.items() if child.get(key) is not None}
    return {
        **found,
        "InputDetails": {"Included": True},
        "OutputDetails": {"Included": "Output" in found},
        "RedriveCount": 0,
        "RedriveStatus": "REDRIVABLE_BY_MAP_RUN"
        if found["Status"] in ("FAILED", "TIMED_OUT", "ABORTED")
        else "NOT_REDRIVABLE",
    }


def write(
    machines: Any,
    s3: Any,
    made: MapRun,
    inputs: Sequence[Any],
    place: JsonObject,
    config: JsonObject,
    context: JsonObject,
) -> JsonObject:
    """Write the results to S3; return where.

    Raises
    ------
    machines._ExecutionError
        ``States.ResultWriterFailed`` when S3 or the role's policies refuse.
    """
    arn = made.record["mapRunArn"]
    folder = "/".join(
        part for part in (place.get("Prefix", "").strip("/"), arn.rpartition(":")[2]) if part
    )

    def put(name: str, text: str) -> JsonObject:
        body, key = text.encode(), f"{folder}/{name}"
        target = f"arn:aws:s3:::{place['Bucket']}/{key}"
        require(machines, context, "States.ResultWriterFailed", "s3:PutObject", target)
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        answer = s3._put_object(place["Bucket"], key, body, headers)
        if answer[0] != 200:
            cause = f"The results cannot be written to s3://{place['Bucket']}/{key}."
            raise machines._ExecutionError("States.ResultWriterFailed", cause)
        return {"Key": key, "Size": len(body)}

    by_file: dict[str, list[JsonObject]] = {name: [] for name in FILES}
    for index in range(len(inputs)):
        child = made.children.get(index)
        if child is None:
            text = json.dumps(inputs[index])
            child = {"input": text, "status": "PENDING", "output": None}
        status = child["status"]
        by_file[{"SUCCEEDED": "SUCCEEDED", "PENDING": "PENDING"}.get(status, "FAILED")].append(
            child
        )
    is_lines = config.get("OutputType") == "JSONL"
    files: dict[str, list[JsonObject]] = {name: [] for name in FILES}
    for name, children in by_file.items():
        if not children:
            continue
        # Failures keep their details in every form.
        rows = transformed(children, config if name == "SUCCEEDED" else {})
        text = "\n".join(map(json.dumps, rows)) if is_lines else json.dumps(rows)
        files[name].append(put(f"{name}_0.json{'l' if is_lines else ''}", text))
    made.record["itemCounts"]["resultsWritten"] = made.record["itemCounts"]["total"]
    made.record["executionCounts"]["resultsWritten"] = made.record["executionCounts"]["total"]
    manifest = {"DestinationBucket": place["Bucket"], "MapRunArn": arn, "ResultFiles": files}
    key = put("manifest.json", json.dumps(manifest))["Key"]
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": place["Bucket"], "Key": key}}
