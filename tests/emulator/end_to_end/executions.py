"""Checks of the interpreter of Step Functions, for `test_gaps`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

JsonObject = dict[str, Any]

SECONDS = 5.0
ALL: JsonObject = {"Action": "*"}
PASS: JsonObject = {"Type": "Pass", "End": True}
FAIL: JsonObject = {"Type": "Fail", "Error": "Wrong", "Cause": "because"}
#: Longer than a check waits, and short enough for MiniStack to end soon after.
LONG: JsonObject = {"Type": "Wait", "Seconds": 12, "End": True}
ENDED = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")
#: How long an Express execution may run in the emulator of `test_gaps`.
EXPRESS_SECONDS = 1.5


def new(kind: str) -> str:
    """Return a name that no other resource has."""
    return f"{kind}-{uuid4()}"


def eventually(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Return the first true value of a condition, or its last value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value


def machine(server: Any, states: JsonObject, kind: str = "STANDARD", **more: Any) -> str:
    """Return a new state machine that may do everything."""
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    settings = {key: more.pop(key) for key in ("loggingConfiguration",) if key in more}
    made = server.client("stepfunctions").create_state_machine(
        name=new("machine"),
        definition=json.dumps({**definition, **more}),
        roleArn=server.role("states", ALL),
        type=kind,
        **settings,
    )
    return str(made["stateMachineArn"])


def ended(server: Any, arn: str, seconds: float = SECONDS) -> Any:
    """Return an execution that has ended; nothing if it does not."""
    client = server.client("stepfunctions")

    def found() -> Any:
        execution = client.describe_execution(executionArn=arn)
        return execution if execution["status"] in ENDED else None

    return eventually(found, seconds) or {"status": "RUNNING"}


def start(server: Any, arn: str, value: Any = None, **more: Any) -> str:
    """Return the ARN of a new execution."""
    text = json.dumps(value if value is not None else {})
    client = server.client("stepfunctions")
    return str(client.start_execution(stateMachineArn=arn, input=text, **more)["executionArn"])


def run(server: Any, states: JsonObject, value: Any = None, **more: Any) -> Any:
    """Return an execution of new states that has ended."""
    return ended(server, start(server, machine(server, states, **more), value))


def code_of(call: Callable[..., Any], **arguments: Any) -> str | None:
    """Return the code of the error of a call."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def task(resource: str, arguments: Any, **more: Any) -> JsonObject:
    """Return a state that calls a service."""
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "End": True,
        **more,
    }


def kinds_of(server: Any, arn: str) -> list[str]:
    """Return the types of the events of an execution."""
    history = server.client("stepfunctions").get_execution_history(executionArn=arn)
    return [event["type"] for event in history["events"]]


def queue_of_changes(server: Any) -> str:
    """Return the URL of a queue that gets the changes of executions' statuses."""
    sqs, events, name = server.client("sqs"), server.client("events"), new("changes")
    allowed = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Principal": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": document})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.states"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn["QueueArn"]}])
    return str(url)


def time_limits(server: Any) -> bool:
    """An execution ends when its time is over or when it is stopped, whatever it waits for."""
    client, sqs = server.client("stepfunctions"), server.client("sqs")
    queue = queue_of_changes(server)
    arn = start(server, machine(server, {"Wait": LONG}, TimeoutSeconds=1))
    stopped = start(server, machine(server, {"Wait": LONG}))
    eventually(lambda: "WaitStateEntered" in kinds_of(server, stopped))
    client.stop_execution(executionArn=stopped)
    seen: set[tuple[str, str]] = set()

    def change() -> bool:
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            seen.add((detail["executionArn"], detail["status"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return {(arn, "TIMED_OUT"), (stopped, "ABORTED")} <= seen

    found = ended(server, arn, 3)
    return bool(
        found["status"] == "TIMED_OUT"
        and eventually(change)
        and kinds_of(server, arn)[-1] == "ExecutionTimedOut"
        and kinds_of(server, stopped)[-1] == "ExecutionAborted"
    )


def express_limit(server: Any) -> bool:
    """An Express execution ends after its five minutes, shortened here."""
    client = server.client("stepfunctions")
    begin = time.monotonic()
    wait = {**LONG, "Seconds": 4}
    found = client.start_sync_execution(stateMachineArn=machine(server, {"Wait": wait}, "EXPRESS"))
    return bool(
        (found["status"], found.get("error")) == ("TIMED_OUT", "States.Timeout")
        and time.monotonic() - begin < 2 * EXPRESS_SECONDS
    )


def heartbeats(server: Any) -> bool:
    """A task whose worker is silent for too long fails; one that sends heartbeats does not."""
    sqs, client = server.client("sqs"), server.client("stepfunctions")
    url = sqs.create_queue(QueueName=new("work"))["QueueUrl"]
    asked = {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"}
    limits = {"HeartbeatSeconds": 1, "TimeoutSeconds": 30}
    state = task("sqs:sendMessage.waitForTaskToken", asked, **limits)
    arn = start(server, machine(server, {"Work": state}))
    token = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]["Body"]
    for _ in range(4):
        time.sleep(0.4)
        client.send_task_heartbeat(taskToken=token)
    alive = client.describe_execution(executionArn=arn)["status"]
    found = ended(server, arn, 3)
    return bool(
        alive == "RUNNING"
        and found.get("error") == "States.HeartbeatTimeout"
        and "TaskTimedOut" in kinds_of(server, arn)
    )


def limits_of_tasks(server: Any) -> bool:
    """The limits of a task may be expressions."""
    wait = machine(server, {"Wait": LONG})
    state = task(
        "states:startExecution.sync:2",
        {"StateMachineArn": wait, "Input": {}},
        TimeoutSeconds="{% $states.input.limit %}",
    )
    found = run(server, {"Run": state}, {"limit": 1})
    return bool(found.get("error") == "States.Timeout" and aborted(server, wait))


def aborted(server: Any, arn: str) -> bool:
    """Return whether the executions of a state machine are aborted, soon at the latest."""
    client = server.client("stepfunctions")

    def statuses() -> bool:
        found = client.list_executions(stateMachineArn=arn)["executions"]
        return [execution["status"] for execution in found] == ["ABORTED"]

    return bool(eventually(statuses))


def retry_delays(server: Any) -> bool:
    """A retry waits ``MaxDelaySeconds`` at most, and jitter makes the delays different."""
    retry = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 0.1,
        "BackoffRate": 1000,
        "MaxDelaySeconds": 0.2,
        "MaxAttempts": 2,
    }
    asked = {"QueueName": "missing"}
    state = task("aws-sdk:sqs:getQueueUrl", asked, Retry=[retry])
    if run(server, {"Task": state})["status"] != "FAILED":
        return False
    jitter = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 0.5,
        "MaxAttempts": 1,
        "JitterStrategy": "FULL",
    }
    arn = machine(server, {"Task": task("aws-sdk:sqs:getQueueUrl", asked, Retry=[jitter])})
    delays = [delay_of_retry(server, arn) for arn in [start(server, arn) for _ in range(10)]]
    # Ten delays are this near to each other, or all this long, less than once in 100,000 times.
    return max(delays) - min(delays) > 0.1 and min(delays) < 0.4


def delay_of_retry(server: Any, arn: str) -> float:
    """Return how long an execution waited between a task's first failure and its retry."""
    ended(server, arn)
    history = server.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    [failed, *_] = (event["timestamp"] for event in history if event["type"] == "TaskFailed")
    [_, again] = (event["timestamp"] for event in history if event["type"] == "TaskScheduled")
    return float((again - failed).total_seconds())


def fast_executions(server: Any) -> bool:
    """An execution begins at once."""
    arn = machine(server, {"Pass": PASS})

    def seconds() -> float:
        found = ended(server, start(server, arn))
        return float((found["stopDate"] - found["startDate"]).total_seconds())

    return min(seconds() for _ in range(5)) < 0.1


def express_requests(server: Any) -> bool:
    """Requests of the wrong kind are refused."""
    client = server.client("stepfunctions")
    express = machine(server, {"Pass": PASS}, "EXPRESS")
    standard = machine(server, {"Pass": PASS})
    arn = start(server, express)
    wait = task("states:startExecution.sync:2", {"StateMachineArn": express, "Input": {}})
    child = run(server, {"Run": wait})
    return {
        code_of(client.start_sync_execution, stateMachineArn=standard),
        code_of(client.list_executions, stateMachineArn=express),
        child.get("error", "").removeprefix("StepFunctions.").removesuffix("Exception"),
    } == {"StateMachineTypeNotSupported"} and {
        code_of(getattr(client, name), executionArn=arn)
        for name in (
            "describe_execution",
            "describe_state_machine_for_execution",
            "get_execution_history",
            "redrive_execution",
            "stop_execution",
        )
    } == {"InvalidArn"}


def express_waits(server: Any) -> bool:
    """An Express state machine cannot wait for jobs or tokens."""
    state = task("lambda:invoke.waitForTaskToken", {"FunctionName": "f"})
    try:
        machine(server, {"Wait": state}, "EXPRESS")
    except ClientError as error:
        return error.response["Error"]["Code"] == "InvalidDefinition"
    return False


def express_answers(server: Any) -> bool:
    """An Express execution has an ARN of its own form, a bill, and an output if it succeeds."""
    client = server.client("stepfunctions")
    fails, passes = (
        client.start_sync_execution(
            stateMachineArn=machine(server, {"End": state}, "EXPRESS"), name="same", input='{"n":1}'
        )
        for state in (FAIL, PASS)
    )
    parts = passes["executionArn"].split(":")
    bill = passes["billingDetails"]["billedDurationInMilliseconds"]
    return (
        (parts[5], parts[7]) == ("express", "same")
        and len(parts) == 9
        and bill >= 100
        and bill % 100 == 0
        and passes["output"] == '{"n": 1}'
        and "output" not in fails
        and (fails["error"], fails["cause"]) == ("Wrong", "because")
    )


def express_log(server: Any) -> bool:
    """The log of an Express state machine has its executions, by their ARNs, while they run."""
    logs, group = server.client("logs"), new("/aws/vendedlogs/states/express")
    logs.create_log_group(logGroupName=group)
    [described] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    settings = {
        "level": "ALL",
        "includeExecutionData": True,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": described["arn"]}}],
    }
    # Shorter than an Express execution may run here.
    states = {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Fail"}, "Fail": FAIL}
    arn = machine(server, states, "EXPRESS", loggingConfiguration=settings)
    execution = start(server, arn, {"n": 1})
    if ":express:" not in execution:
        return False

    def lines() -> Any:
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [json.loads(event["message"]) for event in events]

    begun = eventually(lambda: len(lines()) > 1 and lines())
    found = eventually(lambda: len(lines()) > len(begun) + 2 and lines())
    return bool(
        {line["execution_arn"] for line in found} == {execution}
        and [line["type"] for line in begun] == ["ExecutionStarted", "WaitStateEntered"]
        and [line["type"] for line in found[2:]]
        == ["WaitStateExited", "FailStateEntered", "ExecutionFailed"]
        and json.loads(found[0]["details"]["input"]) == {"n": 1}
    )


def idempotent_starts(server: Any) -> bool:
    """A name belongs to one execution."""
    client = server.client("stepfunctions")
    waits, passes = machine(server, {"Wait": LONG}), machine(server, {"Pass": PASS})
    first = start(server, waits, {"n": 1}, name="one")
    again = start(server, waits, {"n": 1}, name="one")
    ended(server, start(server, passes, {"n": 1}, name="one"))
    refused = {
        code_of(client.start_execution, stateMachineArn=arn, name="one", input=text)
        for arn, text in ((waits, '{"n": 2}'), (passes, '{"n": 1}'))
    }
    return first == again and refused == {"ExecutionAlreadyExists"}


def nested_failures(server: Any) -> bool:
    """A failed child is a failed task, described by its cause; a child ends with its parent."""
    client = server.client("stepfunctions")
    child, waits = machine(server, {"Fail": FAIL}), machine(server, {"Wait": LONG})

    def nested(arn: str) -> JsonObject:
        return {
            "Run": task("states:startExecution.sync:2", {"StateMachineArn": arn, "Input": {"n": 1}})
        }

    found = run(server, nested(child))
    if found.get("error") != "States.TaskFailed":
        return False
    cause = json.loads(found["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Wrong", "because")
    assert cause["Input"] == {"n": 1}
    parent = start(server, machine(server, nested(waits)))
    eventually(lambda: client.list_executions(stateMachineArn=waits)["executions"])
    client.stop_execution(executionArn=parent)
    return aborted(server, waits)


def branch(**states: JsonObject) -> JsonObject:
    """Return a branch, or the processor of a Map."""
    return {"StartAt": next(iter(states)), "States": states}


def stopped_siblings(server: Any) -> bool:
    """The first failure of a branch ends the others, and no state starts in them."""
    slow = branch(Wait={**LONG, "Seconds": 2, "End": False, "Next": "Late"}, Late=PASS)
    both = {"Type": "Parallel", "Branches": [branch(Fail=FAIL), slow], "End": True}
    processor = branch(
        Choose={
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input = 1 %}", "Next": "Fail"}],
            "Default": "Wait",
        },
        Fail=FAIL,
        Wait=LONG,
    )
    each = {"Type": "Map", "Items": [2, 1], "ItemProcessor": processor, "End": True}
    catch = [{"ErrorEquals": ["Wrong"], "Next": "After"}]
    begin = time.monotonic()
    # The execution goes on for longer than the branch would.
    after = {"Type": "Wait", "Seconds": 3, "Next": "Each"}
    states = {"Both": {**both, "Catch": catch}, "After": after, "Each": each}
    found = ended(server, start(server, machine(server, states)), 8)
    return bool(
        found.get("error") == "Wrong"
        and time.monotonic() - begin < 5
        and "PassStateEntered" not in kinds_of(server, found["executionArn"])
    )


def parallel_output(server: Any) -> bool:
    """A Parallel in JSONata has arguments, an output and variables."""
    both = {
        "Type": "Parallel",
        "Arguments": {"n": "{% $states.input.m + 1 %}"},
        "Branches": [
            branch(A={**PASS, "Output": "{% $states.input.n %}"}),
            branch(B={**PASS, "Output": "{% $states.input.n * 10 %}", "Assign": {"inner": 1}}),
        ],
        "Assign": {"sum": "{% $sum($states.result) %}"},
        "Output": "{% $states.result[1] %}",
        "Next": "After",
    }
    output = "{% [$sum, $states.input, $exists($inner)] %}"
    found = run(server, {"Both": both, "After": {**PASS, "Output": output}}, {"m": 1})
    return bool(found.get("output") == "[22, 20, false]")


def distributed(states: JsonObject, **more: Any) -> JsonObject:
    """Return a distributed Map."""
    processor = {
        **branch(**states),
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    }
    return {"Map": {"Type": "Map", "ItemProcessor": processor, "End": True, **more}}


def map_batches(server: Any) -> bool:
    """A distributed Map in JSONata makes batches of selected items."""
    states = distributed(
        {"Pass": {**PASS, "Output": "{% [$states.input.BatchInput.k, $states.input.Items.n] %}"}},
        Items="{% [1..5] %}",
        ItemSelector={"n": "{% $states.context.Map.Item.Value * 10 %}"},
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"k": "{% $states.input.k %}"}},
        Output="{% $states.result %}",
    )
    found = run(server, states, {"k": 7})
    return bool(found.get("output") == "[[7, 10, 20], [7, 30, 40], [7, 50]]")


def map_results(server: Any) -> bool:
    """The results of a distributed Map are in S3, and its children have histories."""
    s3, client, bucket = server.client("s3"), server.client("stepfunctions"), new("results")
    s3.create_bucket(Bucket=bucket)
    choose = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input = 2 %}", "Next": "Fail"}],
        "Default": "Pass",
    }
    states = distributed(
        {"Choose": choose, "Fail": FAIL, "Pass": PASS},
        Items="{% [1..3] %}",
        ToleratedFailurePercentage=50,
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": bucket, "Prefix": "{% $states.input.prefix %}"},
        },
    )
    found = run(server, states, {"prefix": "out"})
    output = json.loads(found.get("output") or "{}")
    if not isinstance(output, dict) or "ResultWriterDetails" not in output:
        return False

    def read(key: str) -> Any:
        return json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])

    manifest = read(output["ResultWriterDetails"]["Key"])
    files = {
        kind: [read(one["Key"]) for one in manifest["ResultFiles"][kind]]
        for kind in manifest["ResultFiles"]
    }
    [succeeded], [[failed]] = files["SUCCEEDED"], files["FAILED"]
    history = kinds_of(server, failed["ExecutionArn"])
    counts = client.describe_map_run(mapRunArn=output["MapRunArn"])["itemCounts"]
    return bool(
        [row["Output"] for row in succeeded] == ["1", "3"]
        and (failed["Error"], failed["Input"]) == ("Wrong", "2")
        and manifest["DestinationBucket"] == bucket
        and (history[0], history[-1]) == ("ExecutionStarted", "ExecutionFailed")
        and (counts["succeeded"], counts["failed"], counts["resultsWritten"]) == (2, 1, 3)
    )


def map_failures(server: Any) -> bool:
    """A distributed Map ends once more items fail than it tolerates, and stops its children."""
    client = server.client("stepfunctions")
    choose = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input > 2 %}", "Next": "Wait"}],
        "Default": "Fail",
    }
    states = distributed(
        {"Choose": choose, "Fail": FAIL, "Wait": LONG},
        Items="{% [1..4] %}",
        ToleratedFailureCount="{% 1 %}",
    )
    found = run(server, states)
    if found.get("error") != "States.ExceedToleratedFailureThreshold":
        return False
    [made] = client.list_map_runs(executionArn=found["executionArn"])["mapRuns"]
    children = client.list_executions(mapRunArn=made["mapRunArn"])["executions"]
    return {child["status"] for child in children} == {"ABORTED", "FAILED"}


def rights_of_maps(server: Any) -> bool:
    """The role needs the rights to read the items, to run children and to write the results."""
    s3, bucket = server.client("s3"), new("rights")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="in.json", Body=b"[1]")
    states = distributed(
        {"Pass": PASS},
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "Arguments": {"Bucket": bucket, "Key": "in.json"},
            "ReaderConfig": {"InputType": "JSON"},
        },
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": bucket, "Prefix": "out"},
        },
    )
    rights = [
        {"Action": "states:StartExecution"},
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/in.json"},
        {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/out/*"},
    ]
    few = [[right for right in rights if right is not left] for left in rights]
    found = [
        ended(server, start(server, server.machine(states, *allowed))) for allowed in (rights, *few)
    ]
    return found[0]["status"] == "SUCCEEDED" and [one.get("error") for one in found[1:]] == [
        "States.Permissions",
        "States.ItemReaderFailed",
        "States.ResultWriterFailed",
    ]


def failing_callbacks(server: Any) -> bool:
    """A function that fails fails its task at once, without a token."""
    name = server.function("raise KeyError('lost')")
    asked = {"FunctionName": name, "Payload": {"token": "{% $states.context.Task.Token %}"}}
    state = task("lambda:invoke.waitForTaskToken", asked)
    return bool(run(server, {"Call": state}).get("error") == "KeyError")


def tokens(server: Any) -> bool:
    """Each attempt has its own token, and only the first answer to it counts."""
    client, sqs = server.client("stepfunctions"), server.client("sqs")
    url = sqs.create_queue(QueueName=new("work"))["QueueUrl"]
    asked = {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"}
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 0.01}]
    state = task("sqs:sendMessage.waitForTaskToken", asked, Retry=retry)
    arn = start(server, machine(server, {"Work": state}))

    def token() -> str:
        [message] = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    first = token()
    client.send_task_failure(taskToken=first, error="Again")
    second = token()
    late = code_of(client.send_task_success, taskToken=first, output='"late"')
    client.send_task_success(taskToken=second, output='"done"')
    found = ended(server, arn)
    again = code_of(client.send_task_success, taskToken=second, output="2")
    unknown = code_of(client.send_task_success, taskToken="unknown", output="2")
    codes = (late, again, unknown)
    return codes == ("TaskTimedOut", "TaskTimedOut", "InvalidToken") and found["output"] == '"done"'


def rights_of_tokens(server: Any) -> bool:
    """The right on the state machine is enough to answer its token, and that on another is not."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=new("work"))["QueueUrl"]
    asked = {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"}
    arn = machine(server, {"Work": task("sqs:sendMessage.waitForTaskToken", asked)})
    execution = start(server, arn)
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    answer = {"taskToken": message["Body"], "output": '"done"'}
    right = {"Action": "states:SendTaskSuccess"}
    other = server.client_with("stepfunctions", {**right, "Resource": f"{arn}-other"})
    own = server.client_with("stepfunctions", {**right, "Resource": arn})
    refused = code_of(other.send_task_success, **answer)
    own.send_task_success(**answer)
    return bool(
        refused == "AccessDeniedException" and ended(server, execution)["output"] == '"done"'
    )


def map_readers(server: Any) -> bool:
    """A distributed Map in JSONata reads its items from S3, in any of the formats."""
    s3, bucket = server.client("s3"), new("items")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="in/a.csv", Body=b"k,v\n1,x\n2,y\n3,z\n")
    s3.put_object(Bucket=bucket, Key="in/b.json", Body=json.dumps([{"k": 4}, {"k": 5}]))

    def keys(action: str, where: JsonObject, name: str, **config: Any) -> Any:
        reader = {
            "Resource": f"arn:aws:states:::s3:{action}",
            "Arguments": {"Bucket": "{% $states.input.bucket %}", **where},
            "ReaderConfig": config,
        }
        states = distributed(
            {"Pass": PASS},
            ItemReader=reader,
            ItemSelector=f"{{% $states.context.Map.Item.Value.{name} %}}",
        )
        return json.loads(run(server, states, {"bucket": bucket}).get("output") or "null")

    csv = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    return bool(
        keys("getObject", {"Key": "in/a.csv"}, "k", MaxItems="{% 1 + 1 %}", **csv) == ["1", "2"]
        and keys("getObject", {"Key": "in/b.json"}, "k", InputType="JSON") == [4, 5]
        and keys("listObjectsV2", {"Prefix": "in/"}, "Key") == ["in/a.csv", "in/b.json"]
    )


def payload_limits(server: Any) -> bool:
    """Data has 256 KiB at most, in bytes; only the error's own name handles what is larger."""
    most = 262_144
    client, passes = server.client("stepfunctions"), machine(server, {"Pass": PASS})
    inputs = (json.dumps("x" * (most - 1)), json.dumps("é" * (most // 2), ensure_ascii=False))
    started = [
        code_of(client.start_execution, stateMachineArn=passes, input=text) for text in inputs
    ]
    if started != ["ValidationException"] * 2:
        return False
    arn = start(server, passes, "x" * (most - 2))
    pad = [
        {"Pad": {**PASS, "Output": f"{{% $pad('', {size}, 'x') %}}"}} for size in (most - 2, most)
    ]
    padded = [run(server, states).get("error") for states in pad]
    name = server.function(f"return 'x' * {most}")

    def caught(error: str) -> Any:
        catch = [{"ErrorEquals": [error], "Next": "Caught"}]
        call = task("lambda:invoke", {"FunctionName": name}, Output="small", Catch=catch)
        return run(server, {"Call": call, "Caught": PASS})

    by_all, by_name = caught("States.ALL"), caught("States.DataLimitExceeded")
    return bool(
        ended(server, arn)["status"] == "SUCCEEDED"
        and padded == [None, "States.DataLimitExceeded"]
        and by_all.get("error") == "States.DataLimitExceeded"
        and by_name["status"] == "SUCCEEDED"
    )


def history_limit(server: Any) -> bool:
    """The 25,000th event of an execution is its end, and then it cannot be redriven."""
    client = server.client("stepfunctions")

    def counted(loops: int) -> Any:
        again = {"Variable": "$.n", "NumericLessThan": loops, "Next": "Add"}
        states = {
            "Add": {
                "Type": "Pass",
                "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
                "Next": "Again",
            },
            "Again": {"Type": "Choice", "Choices": [again], "Default": "Done"},
            "Done": {"Type": "Succeed"},
        }
        arn = start(server, machine(server, states, QueryLanguage="JSONPath"), {"n": 0})
        return ended(server, arn, 60)

    # Each loop writes four events; the start, Done and the end write four too.
    failed = counted(6250)
    last = client.get_execution_history(
        executionArn=failed["executionArn"], reverseOrder=True, maxResults=1
    )["events"][0]
    return bool(
        failed.get("error") == "States.Runtime"
        and "history events (25000)" in failed["cause"]
        and last["id"] == 25_000
        and code_of(client.redrive_execution, executionArn=failed["executionArn"])
        == "ExecutionNotRedrivable"
        and counted(6249)["status"] == "SUCCEEDED"
    )


def texts_of_values(server: Any) -> bool:
    """Values in texts are JSON, in both languages; a wrong argument is an error by name."""
    expression = "States.Format('{} {} {} {}', $.null, $.true, $.list, $.number)"
    format_, add = (
        {"Type": "Pass", "Parameters": {"text.$": text}, "End": True}
        for text in (expression, "States.MathAdd($.true, 1)")
    )
    given = {"null": None, "true": True, "list": ["é", None], "number": 1.5}
    path = {"QueryLanguage": "JSONPath"}
    formatted = run(server, {"Format": format_}, given, **path)
    wrong = run(server, {"Add": add}, given, **path)
    written = run(server, {"Write": {**PASS, "Output": "{% $string($states.input) %}"}}, given)
    compact = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    return bool(
        json.loads(formatted.get("output") or "{}") == {"text": 'null true ["é",null] 1.5'}
        and wrong.get("error") == "States.IntrinsicFailure"
        and json.loads(written["output"]) == compact
    )


CHECKS: tuple[Callable[[Any], bool], ...] = (
    time_limits,
    express_limit,
    heartbeats,
    limits_of_tasks,
    retry_delays,
    fast_executions,
    express_requests,
    express_waits,
    express_answers,
    express_log,
    idempotent_starts,
    nested_failures,
    stopped_siblings,
    parallel_output,
    map_batches,
    map_readers,
    map_results,
    map_failures,
    rights_of_maps,
    failing_callbacks,
    rights_of_tokens,
    tokens,
    payload_limits,
    history_limit,
    texts_of_values,
)
