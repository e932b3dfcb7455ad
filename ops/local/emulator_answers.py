"""Make the emulator answer in full where its answers leave something out.

- The error of a Python function has one type for all exceptions, so no ``Retry`` or ``Catch`` of a
  state machine could tell one from another.
- ``DescribeAlarms`` gives most fields of an alarm in the newer protocols only, not in the Query
  protocol that Terraform's provider speaks, and an alarm of a percentile has a ``Statistic`` too;
  ``DescribeStateMachine`` does not know of tracing: every plan would find differences.
- Policies are enforced, but some of the keys that their conditions read are missing in a request:
  the header of a conditional write, and the permissions boundary of the role that a call is about.
  Who starts an alias of a state machine is asked for the right on that, not on the machine.
- A VPC endpoint forgets its policy, its security groups and whether its service's own name leads to
  it, and a flow log its role, its interval and its tags: every plan would find differences.
- There are three availability zones. In us-east-1 one of these is use1-az3, which has little room
  for functions and is left alone, so no network could span three.
- A rule's target that is a log group is taken and then never written to, and FilterLogEvents gives
  its first page only.
- An execution that an event started has a name of its own, where AWS begins it with the event's id.
- A REST API is looked for in one account only, which a request without a signature does not name,
  so the APIs of dev, qa and prd could not be called.

Each goes as soon as the emulator can do it; its version is pinned. This module runs in the
emulator's own Python environment and imports nothing of the project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]
Execute = Callable[[Any, Any, str], JsonObject]

TRACING = "tracingConfiguration"
TIME_SUFFIX = "Timestamp"
#: How the emulator begins to tell of a function whose process ended before it had answered.
DIED = ("Worker process ", "Worker returned no response", "[Errno 32] Broken pipe")
#: How it begins to tell of a function whose module cannot be imported.
BAD_CODE = "Worker init failed"
LOG_PAGE = 10000
NETWORK_ID = re.compile(rb"\b(?:vpce|fl)-[0-9a-f]{17}\b")
#: The ARN of a state machine, which has seven parts, and an alias or a version of it.
QUALIFIED = re.compile(r"^(arn:[^:]+:states:[^:]+:[^:]+:stateMachine:[^:]+):[^:]+$")
NAMED_NETWORK_ID = re.compile(rb"<(?:vpcEndpointId|flowLogId)>([^<]+)</[^>]+>")


def make_whole() -> None:
    """Put the functions of this module in the place of the emulator's own."""
    from ministack.core import iam_actions
    from ministack.core.responses import get_account_id
    from ministack.services import (
        apigateway_v1,
        cloudwatch,
        cloudwatch_logs,
        ec2,
        eventbridge,
        iam,
        lambda_svc,
        stepfunctions,
    )

    lambda_svc._execute_function_warm = name_errors(lambda_svc._execute_function_warm)
    lambda_svc._reserved_concurrency = of_all_versions(
        lambda_svc._reserved_concurrency, lambda_svc._functions
    )
    cloudwatch._describe_alarms = describe_alarms_whole(
        cloudwatch._describe_alarms, cloudwatch._xml
    )
    apigateway_v1.find_api_scope = find_in_any_account(apigateway_v1._rest_apis)
    machines = stepfunctions._state_machines
    for name in ("_create_state_machine", "_update_state_machine"):
        change = getattr(stepfunctions, name)
        setattr(stepfunctions, name, remember_tracing(change, machines))
    stepfunctions._apply_output_path = with_outputs(
        stepfunctions._apply_output_path, stepfunctions._apply_jsonata_template
    )
    eventbridge._invoke_target = with_log_groups(
        eventbridge._invoke_target, eventbridge, cloudwatch_logs
    )
    eventbridge._dispatch_to_stepfunctions = name_executions(
        eventbridge._dispatch_to_stepfunctions, stepfunctions._start_execution
    )
    cloudwatch_logs._filter_log_events = with_pages(cloudwatch_logs._filter_log_events)
    network = NetworkFields(ec2._parse_tag_specs)
    for name in ("CreateVpcEndpoint", "ModifyVpcEndpoint", "CreateFlowLogs"):
        ec2._ACTION_MAP[name] = network.kept(ec2._ACTION_MAP[name])
    ec2._ACTION_MAP["DescribeAvailabilityZones"] = with_fourth_zone(
        ec2._ACTION_MAP["DescribeAvailabilityZones"]
    )
    for name in ("DescribeVpcEndpoints", "DescribeFlowLogs"):
        ec2._ACTION_MAP[name] = network.given(ec2._ACTION_MAP[name])
    iam_actions.extract_resource_arn = of_state_machines(iam_actions.extract_resource_arn)
    iam_actions.s3_service_context = with_conditional_writes(iam_actions.s3_service_context)
    iam_actions.request_tag_context = with_boundaries(
        iam_actions.request_tag_context,
        lambda role: iam._roles.get_scoped(get_account_id(), None, role),
    )


def of_state_machines(resource: Callable[..., str]) -> Callable[..., str]:
    """Return the emulator's look-up of what a call is about: of an alias, its state machine.

    Step Functions asks for the right on that
    (https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html).

    Parameters
    ----------
    resource
        The emulator's own.
    """

    def arn(service: str, *request: Any) -> str:
        return QUALIFIED.sub(r"\1", resource(service, *request))

    return arn


def with_outputs(apply: Callable[..., Any], fill: Callable[..., Any]) -> Callable[..., Any]:
    """Return the emulator's output of a state, which then is a Succeed's own, where it has one.

    Parameters
    ----------
    apply
        The emulator's own, for every other state.
    fill
        Evaluates a template's expressions, given the state's input and context.
    """

    def output(state: JsonObject, value: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and "Output" in state:
            return fill(state["Output"], value, context)
        return apply(state, value, context)

    return output


def of_all_versions(reserved: Callable[..., int | None], functions: Any) -> Callable[..., Any]:
    """Return the emulator's look-up of a function's reserved concurrency, for its versions too.

    They share it, and an alias calls a version; the emulator keeps it with the function only.

    Parameters
    ----------
    reserved
        The emulator's own.
    functions
        The functions by their names.
    """

    def of_the_function(function: JsonObject, config: JsonObject) -> int | None:
        return reserved(functions.get(config.get("FunctionName")) or function, config)

    return of_the_function


def with_log_groups(invoke: Callable[..., None], events: Any, logs: Any) -> Callable[..., None]:
    """Return the emulator's delivery of an event to a target, which then knows log groups too.

    Parameters
    ----------
    invoke
        The emulator's own, for every other target.
    events, logs
        The emulator's EventBridge and CloudWatch Logs.
    """

    def invoke_or_write(target: JsonObject, event: Any, rule: Any, view: Any = None) -> None:
        _, _, group = target.get("Arn", "").partition(":log-group:")
        if not group:
            invoke(target, event, rule, view)
            return
        view = view or events._pattern_event_view(event)
        line = {"message": json.dumps(view.event_with_detail())}
        if "InputTransformer" in target:
            text = events._apply_input_transformer(target["InputTransformer"], rule, view)
            try:
                line = json.loads(text)
            except ValueError:
                # What fills the template can break it; AWS cannot deliver that event either.
                return
        # AWS takes these two fields and no others, both texts.
        at = datetime.fromisoformat(line["timestamp"]) if "timestamp" in line else datetime.now(UTC)
        stream = {"logGroupName": group, "logStreamName": rule["Name"]}
        logs._create_log_stream(stream)  # an error when it is there already
        written = {"timestamp": int(at.timestamp() * 1000), "message": line["message"]}
        logs._put_log_events({**stream, "logEvents": [written]})

    return invoke_or_write


def name_executions(
    dispatch: Callable[[str, str], None], start: Callable[[JsonObject], Answer]
) -> Callable[[str, str], None]:
    """Return the emulator's start of an execution by an event, which is then named as on AWS."""

    def start_named(arn: str, payload: str) -> None:
        try:
            event = json.loads(payload)["id"]
        except (ValueError, TypeError, KeyError):
            dispatch(arn, payload)
            return
        start({"stateMachineArn": arn, "input": payload, "name": f"{event}_{uuid4()}"})

    return start_named


def with_pages(find: Callable[[JsonObject], Answer]) -> Callable[[JsonObject], Answer]:
    """Return the emulator's FilterLogEvents, which then goes on where a page ended.

    A token is the time of the last line that was given, and how many lines of that time were.
    """

    def find_page(data: JsonObject) -> Answer:
        start, _, given = data.get("nextToken", "").partition("+")
        skipped = int(given or 0)
        limit = min(skipped + data.get("limit", LOG_PAGE), LOG_PAGE)
        asked = {**data, "limit": limit, **({"startTime": int(start)} if start else {})}
        answer = find(asked)
        if answer[0] != 200:
            return answer
        found = json.loads(answer[2])
        events = found["events"][skipped:]
        if events and len(found["events"]) == limit:
            last = events[-1]["timestamp"]
            count = sum(event["timestamp"] == last for event in found["events"])
            found["nextToken"] = f"{last}+{count}"
        found["events"] = events
        return answer[0], answer[1], json.dumps(found).encode()

    return find_page


def find_in_any_account(apis: Any) -> Callable[[str], tuple[str, str] | None]:
    """Return the emulator's search for a REST API's account and region, by its identifier alone.

    Identifiers are random, so no two accounts share one.
    """

    def find(api_id: str) -> tuple[str, str] | None:
        owners = (
            (account, region) for (account, region, found), _ in apis.all_items() if found == api_id
        )
        return next(owners, None)

    return find


def with_fourth_zone(describe: Callable[..., Answer]) -> Callable[..., Answer]:
    """Return the emulator's list of availability zones, with one more."""

    def describe_four(params: Mapping[str, Any]) -> Answer:
        status, headers, body = describe(params)
        items = re.findall(rb"<item>(?:(?!</item>).)*</item>", body, re.DOTALL)
        for third in items[2:3]:
            fourth = re.sub(rb"c(</zoneName>)", rb"d\1", third)
            fourth = re.sub(rb"3(</zoneId>)", rb"4\1", fourth)
            body = body.replace(third, third + fourth)
        return status, headers, body

    return describe_four


class NetworkFields:
    """What the emulator does not keep of VPC endpoints and flow logs, by their identifiers.

    Parameters
    ----------
    keep_tags
        The emulator's reading of a request's tags, for things of a kind, by an identifier.
    """

    def __init__(self, keep_tags: Callable[[Mapping[str, Any], str, str], None]) -> None:
        self._keep_tags = keep_tags
        self._of: dict[str, dict[str, str]] = {}

    def kept(self, change: Callable[..., Answer]) -> Callable[..., Answer]:
        """Return the emulator's creation or change of such a thing, which then keeps its fields."""

        def change_and_keep(params: Mapping[str, Any]) -> Answer:
            answer = change(params)
            if answer[0] == 200:
                named = [value for key, value in flat(params).items() if key == "VpcEndpointId"]
                for key in named or {i.decode() for i in NETWORK_ID.findall(answer[2])}:
                    self._keep(key, flat(params))
                    # The emulator looks for tags of a "flow-log", which AWS does not know.
                    self._keep_tags(params, "vpc-flow-log", key)
            # An endpoint that is made is described at once.
            return answer[0], answer[1], self._with_fields(answer[2])

        return change_and_keep

    def given(self, describe: Callable[..., Answer]) -> Callable[..., Answer]:
        """Return the emulator's description of such things, which then gives these fields too."""

        def describe_whole(params: Mapping[str, Any]) -> Answer:
            status, headers, body = describe(params)
            return status, headers, self._with_fields(body)

        return describe_whole

    def _with_fields(self, body: bytes) -> bytes:
        def with_own(match: re.Match[bytes]) -> bytes:
            fields = self._of.get(match[1].decode(), {})
            return match[0] + "".join(f"<{n}>{v}</{n}>" for n, v in fields.items()).encode()

        return NAMED_NETWORK_ID.sub(with_own, body)

    def _keep(self, key: str, asked: Mapping[str, str]) -> None:
        fields = self._of.setdefault(key, {})
        for name, field in {
            "PolicyDocument": "policyDocument",
            "PrivateDnsEnabled": "privateDnsEnabled",
            "DeliverLogsPermissionArn": "deliverLogsPermissionArn",
            "MaxAggregationInterval": "maxAggregationInterval",
        }.items():
            if name in asked:
                fields[field] = escape(asked[name])
        groups = set(re.findall(r"<groupId>([^<]+)<", fields.get("groupSet", "")))
        groups |= {v for n, v in asked.items() if re.match(r"(Add)?SecurityGroupId\.", n)}
        groups -= {v for n, v in asked.items() if n.startswith("RemoveSecurityGroupId.")}
        if groups:
            fields["groupSet"] = "".join(
                f"<item><groupId>{escape(group)}</groupId></item>" for group in sorted(groups)
            )


def flat(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a form, each of which the emulator may give as a list of one."""
    return {key: v[0] if isinstance(v, list) else v for key, v in params.items() if v}


def with_conditional_writes(context: Callable[..., JsonObject]) -> Callable[..., JsonObject]:
    """Return the emulator's reading of an S3 request, which then tells how an object is written."""

    def context_of_write(
        action: str, query: Mapping[str, Any], path: str, headers: Mapping[str, str]
    ) -> JsonObject:
        found = dict(context(action, query, path, headers))
        if action == "s3:PutObject":
            # The start of an upload in parts, and each part, make no object yet.
            creates = "uploads" not in query and "partNumber" not in query
            found["s3:ObjectCreationOperation"] = str(creates).lower()
            if "if-none-match" in headers:
                found["s3:if-none-match"] = headers["if-none-match"]
        return found

    return context_of_write


def with_boundaries(
    context: Callable[..., JsonObject], role: Callable[[str], Mapping[str, Any] | None]
) -> Callable[..., JsonObject]:
    """Return the emulator's reading of a request's tags, with the boundary that it is about.

    Parameters
    ----------
    context
        The emulator's own, which is asked for every request.
    role
        The role of a name, if there is one; IAM looks at its boundary when the request names none.
    """

    def context_of_role(service: str, action: str, body: bytes, params: JsonObject) -> JsonObject:
        found = dict(context(service, action, body, params))
        if service == "iam":
            asked = members(params)
            known = role(str(asked.get("RoleName", ""))) or {}
            boundary = asked.get("PermissionsBoundary") or known.get("PermissionsBoundary")
            if boundary:
                found["iam:PermissionsBoundary"] = boundary
        return found

    return context_of_role


def name_errors(execute: Execute) -> Execute:
    """Return the emulator's call of a Python function, with the exception's name in its errors.

    The emulator gives every error the type ``Runtime.HandlerError`` and puts the traceback into
    the log that goes with the answer; there the name is found. A process that died has left none.
    """

    def execute_and_name(function: Any, event: Any, request_id: str) -> JsonObject:
        result = execute(function, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict):
            message, log = str(body.get("errorMessage")), result.get("log", "")
            # Without a log it is the emulator's own error: it met a process that was gone.
            own = not log and body.get("errorType") != "Runtime.HandlerError"
            if message.startswith(DIED) or (own and not message.startswith(BAD_CODE)):
                body["errorType"] = "Runtime.ExitError"
            elif body.get("errorType") == "Runtime.HandlerError":
                body["errorType"] = exception_name(log) or body["errorType"]
        return result

    return execute_and_name


def exception_name(log: str) -> str | None:
    """Return the class of the exception whose traceback ends a log.

    The first line of a traceback that is not indented gives it: ``package.module.Name: message``.
    """
    _, found, traceback = log.rpartition("Traceback (most recent call last):\n")
    lines = (line for line in traceback.splitlines() if line and not line.startswith(" "))
    last = next(lines, "") if found else ""
    return last.partition(":")[0].rpartition(".")[2] or None


def remember_tracing(
    change: Callable[[JsonObject], Answer], state_machines: Mapping[str, JsonObject]
) -> Callable[[JsonObject], Answer]:
    """Return the emulator's creation or update of a state machine, which then keeps its tracing.

    Parameters
    ----------
    change
        ``CreateStateMachine`` or ``UpdateStateMachine``.
    state_machines
        The emulator's state machines by ARN; what they hold is what a description gives.
    """

    def change_and_remember(data: JsonObject) -> Answer:
        answer = change(data)
        if answer[0] == 200 and TRACING in data:
            arn = data.get("stateMachineArn") or json.loads(answer[2])["stateMachineArn"]
            state_machines[arn][TRACING] = data[TRACING]
        return answer

    return change_and_remember


def describe_alarms_whole(
    describe: Callable[..., Answer], to_xml: Callable[[int, str, str], Answer]
) -> Callable[..., Answer]:
    """Return the emulator's ``DescribeAlarms``, which then gives every field as XML too.

    Parameters
    ----------
    describe
        The emulator's own, which is asked for JSON in place of XML.
    to_xml
        The emulator's envelope of an XML answer: status, name of the answer, content.
    """

    def describe_whole(
        params: Mapping[str, Any], data: JsonObject, is_cbor: bool, is_json: bool = False
    ) -> Answer:
        if is_cbor or is_json:
            return describe(params, data, is_cbor, is_json)
        answer = describe({}, members(params), False, True)
        if answer[0] != 200:
            return describe(params, data, is_cbor, is_json)
        described = json.loads(answer[2])
        for alarm in described.get("MetricAlarms", []):
            # The emulator gives an alarm of a percentile a statistic that it does not use.
            if alarm.get("ExtendedStatistic"):
                alarm.pop("Statistic", None)
            # It forgets what an alarm computes, and gives it what goes with a single metric.
            if not alarm.get("MetricName"):
                for name in ("Statistic", "Period"):
                    alarm.pop(name, None)
        result = xml(described)
        return to_xml(
            200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{result}</DescribeAlarmsResult>"
        )

    return describe_whole


def members(params: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a form, with ``Name.member.1``, ``.2`` and so on as one list."""
    fields: JsonObject = {}
    for key, values in params.items():
        value = values[0] if isinstance(values, list) else values
        name, _, member = key.partition(".member.")
        if member:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields


def xml(value: Any, name: str = "") -> str:
    """Return a JSON value in the form of the query protocol."""
    if isinstance(value, dict):
        present = {key: item for key, item in value.items() if item is not None}
        return "".join(f"<{key}>{xml(item, key)}</{key}>" for key, item in present.items())
    if isinstance(value, list):
        return "".join(f"<member>{xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith(TIME_SUFFIX) and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).isoformat()
    return escape(str(value))
