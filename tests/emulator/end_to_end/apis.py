"""Checks of API Gateway's integrations and callers, for `test_gaps`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JsonObject = dict[str, Any]

REGION = "us-east-1"
ACCOUNT = "111111111111"
OTHER_ACCOUNT = "222222222222"
SECONDS = 5.0
JSON = "application/json"
PASS: JsonObject = {"Type": "Pass", "End": True}
FAIL: JsonObject = {"Type": "Fail", "Error": "Wrong", "Cause": "because"}
INVOKE: JsonObject = {"Action": "execute-api:Invoke"}
#: The form that AWS documents for a value within a text of JSON.
ESCAPED = """$util.escapeJavaScript($input.json('$')).replaceAll("\\\\'", "'")"""


def new(kind: str) -> str:
    """Return a name that no other resource has."""
    return f"{kind}-{uuid4()}"


def uri(target: str) -> str:
    """Return the address of a service's action."""
    return f"arn:aws:apigateway:{REGION}:{target}"


def api(
    server: Any,
    integration: JsonObject,
    responses: dict[str, JsonObject],
    account: str = ACCOUNT,
    authorization: str = "NONE",
    policy: JsonObject | None = None,
) -> str:
    """Return a REST API whose ``POST /call`` of stage ``s`` has an integration."""
    client = server.client("apigateway", account)
    made = client.create_rest_api(
        name=new("api"), **({"policy": json.dumps(policy)} if policy else {})
    )["id"]
    [root] = client.get_resources(restApiId=made)["items"]
    path = client.create_resource(restApiId=made, parentId=root["id"], pathPart="call")["id"]
    method = {"restApiId": made, "resourceId": path, "httpMethod": "POST"}
    client.put_method(**method, authorizationType=authorization)
    client.put_integration(**method, integrationHttpMethod="POST", **integration)
    for status, response in responses.items():
        client.put_method_response(**method, statusCode=status)
        client.put_integration_response(**method, statusCode=status, **response)
    client.create_deployment(restApiId=made, stageName="s")
    return str(made)


def mock(server: Any, **more: Any) -> str:
    """Return a REST API whose ``POST /call`` answers 200."""
    template = {JSON: '{"statusCode": 200}'}
    return api(server, {"type": "MOCK", "requestTemplates": template}, {"200": {}}, **more)


def post(
    server: Any,
    made: str,
    body: Any = None,
    keys: tuple[str, str] | None = None,
    content_type: str = JSON,
) -> tuple[int, Any]:
    """Return the status and the body of ``POST /call``, signed with keys if there are any."""
    url = f"{server.endpoint}/_aws/execute-api/{made}/s/call"
    content = json.dumps(body if body is not None else {}).encode()
    headers = {"Content-Type": content_type}
    if keys:
        request = AWSRequest("POST", url, data=content, headers=headers)
        SigV4Auth(Credentials(*keys), "execute-api", REGION).add_auth(request)
        headers = {str(name): str(value) for name, value in request.headers.items()}
    asked = urllib.request.Request(url, content, headers)
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    try:
        return status, json.loads(raw)
    except ValueError:
        return status, raw.decode()


def user(server: Any, account: str, *statements: JsonObject) -> tuple[str, str]:
    """Return the keys of a new user, who may do what some statements allow."""
    iam, name = server.client("iam", account), new("user")
    iam.create_user(UserName=name)
    allowed = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def function_arn(name: str) -> str:
    """Return the ARN of a function."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def integration_of(function: str, **more: Any) -> JsonObject:
    """Return an integration that calls a function, by its ARN."""
    return {
        "type": "AWS",
        "uri": uri(f"lambda:path/2015-03-31/functions/{function}/invocations"),
    } | more


def let_apis(server: Any, function: str, source: str = "*", **more: Any) -> None:
    """Let the methods of APIs call a function."""
    server.client("lambda").add_permission(
        FunctionName=function,
        StatementId=new("apis"),
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}",
        **more,
    )


def policy_for(principal: JsonObject, **more: Any) -> JsonObject:
    """Return a resource policy that lets a principal call every method."""
    statement = {"Effect": "Allow", "Principal": principal, "Resource": "execute-api:/*", **INVOKE}
    return {"Version": "2012-10-17", "Statement": [{**statement, **more}]}


def service_integrations(server: Any) -> bool:
    """Whether a call of Step Functions and of SQS works with, and only with, the role's right."""
    machine = server.machine({"Pass": PASS}, type="EXPRESS")
    queue = server.client("sqs").create_queue(QueueName=new("queue"))["QueueUrl"]
    name = queue.rpartition("/")[2]
    targets: tuple[tuple[str, str, JsonObject], ...] = (
        (
            "states:action/StartSyncExecution",
            "states:StartSyncExecution",
            {
                "requestTemplates": {JSON: json.dumps({"stateMachineArn": machine, "input": "{}"})},
            },
        ),
        (
            f"sqs:path/{ACCOUNT}/{name}",
            "sqs:SendMessage",
            {
                "requestTemplates": {JSON: "Action=SendMessage&MessageBody=$input.json('$.a')"},
                "requestParameters": {
                    "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"
                },
            },
        ),
    )
    statuses = []
    for target, right, more in targets:
        trusted = server.role("apigateway", {"Action": right})
        for role in (trusted, server.role("apigateway"), server.role("states", {"Action": right})):
            integration = {"type": "AWS", "uri": uri(target), "credentials": role, **more}
            made = api(server, integration, {"200": {}, "403": {"selectionPattern": "4\\d\\d"}})
            statuses.append(post(server, made, {"a": "b"})[0])
    found = server.client("sqs").receive_message(QueueUrl=queue).get("Messages", [])
    return statuses == [200, 403, 500] * 2 and [m["Body"] for m in found] == ['"b"']


def mapping_templates(server: Any) -> bool:
    """Whether input arrives as it was sent, and a failed execution answers 422."""
    role = server.role("apigateway", {"Action": "states:StartSyncExecution"})
    answer = """#set($run = $input.path('$'))
#if($run.status == "SUCCEEDED")$run.output#else#set($context.responseOverride.status = 422)
{"error": "$run.error"}#end"""
    sent = {"text": 'it\'s "quoted" </b> \\ ü\n$5 #if'}

    def called(state: JsonObject) -> tuple[int, Any]:
        machine = server.machine({"Only": state}, type="EXPRESS")
        template = f'{{"stateMachineArn": "{machine}", "input": "{ESCAPED}"}}'
        integration = {
            "type": "AWS",
            "uri": uri("states:action/StartSyncExecution"),
            "credentials": role,
            "requestTemplates": {JSON: template},
        }
        made = api(server, integration, {"200": {"responseTemplates": {JSON: answer}}})
        return post(server, made, sent)

    return (called(PASS), called(FAIL)) == ((200, sent), (422, {"error": "Wrong"}))


def answers_of_functions(server: Any) -> bool:
    function = server.function(
        "if event['n'] > 1: raise ValueError('[409] too large')", "return {'twice': event['n'] * 2}"
    )
    let_apis(server, function)
    template = {JSON: '{"n": $input.path("$.number")}'}
    integration = integration_of(function_arn(function), requestTemplates=template)
    responses: dict[str, JsonObject] = {
        "200": {"responseTemplates": {JSON: '{"got": $input.path("$.twice")}'}},
        "409": {
            "selectionPattern": "\\[409\\].*",
            "responseTemplates": {JSON: '{"said": "$input.path("$.errorMessage")"}'},
        },
    }
    made = api(server, integration, responses)
    return [post(server, made, {"number": number}) for number in (1, 2)] == [
        (200, {"got": 2}),
        (409, {"said": "[409] too large"}),
    ]


def rights_of_integrations(server: Any) -> bool:
    """Whether a method calls a function by the policy of its alias, or by a role's right."""
    function = server.function("return {'statusCode': 200, 'body': '{}'}", Publish=True)
    server.client("lambda").create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    arn = function_arn(function)
    invoke = {"Action": "lambda:InvokeFunction"}
    answers: dict[str, JsonObject] = {"200": {}}
    statuses = []
    for kind in ("AWS", "AWS_PROXY"):
        allowed, other = (
            api(server, integration_of(f"{arn}:live", type=kind), answers) for _ in range(2)
        )
        let_apis(server, function, f"{allowed}/s/POST/call", Qualifier="live")
        # A right on the alias is none on the function.
        unqualified = api(server, integration_of(arn, type=kind), answers)
        let_apis(server, function, f"{unqualified}/s/POST/call", Qualifier="live")
        by_role = [
            api(server, integration_of(arn, type=kind, credentials=role), answers)
            for role in (
                server.role("apigateway", invoke),
                server.role("apigateway"),
                server.role("lambda", invoke),
            )
        ]
        calls = (allowed, other, unqualified, *by_role)
        statuses.append([post(server, made)[0] for made in calls])
    return statuses == [[200, 500, 500, 200, 500, 500]] * 2


def unmapped_types(server: Any) -> bool:
    function = server.function("return 1")
    let_apis(server, function)
    integration = integration_of(function_arn(function), requestTemplates={JSON: "{}"})
    statuses = []
    for behavior in ("NEVER", "WHEN_NO_TEMPLATES", "WHEN_NO_MATCH"):
        made = api(server, {**integration, "passthroughBehavior": behavior}, {"200": {}})
        statuses.append(post(server, made, content_type="text/xml")[0])
    return statuses == [415, 415, 200]


def apis_of_other_accounts(server: Any) -> bool:
    may, may_not = user(server, ACCOUNT, INVOKE), user(server, ACCOUNT, {"Action": "sqs:*"})
    let = mock(
        server,
        account=OTHER_ACCOUNT,
        authorization="AWS_IAM",
        policy=policy_for({"AWS": ACCOUNT}),
    )
    closed = mock(server, account=OTHER_ACCOUNT, authorization="AWS_IAM")
    calls = ((let, may), (let, may_not), (let, None), (closed, may))
    return [post(server, made, keys=keys)[0] for made, keys in calls] == [200, 403, 403, 403]


def calls_of_state_machines(server: Any) -> bool:
    """Whether the state machine that the policy names may call an API, and no other one."""
    name = new("machine")
    source = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
    condition = {"StringEquals": {"aws:SourceArn": source}}
    made = mock(
        server,
        account=OTHER_ACCOUNT,
        authorization="AWS_IAM",
        policy=policy_for({"Service": "states.amazonaws.com"}, Condition=condition),
    )
    states = {
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::apigateway:invoke",
            "Arguments": {
                "ApiEndpoint": f"{made}.execute-api.{REGION}.amazonaws.com",
                "Stage": "s",
                "Path": "/call",
                "Method": "POST",
                "RequestBody": {},
                "AuthType": "RESOURCE_POLICY",
            },
            "End": True,
        }
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Call", "States": states})
    client, role = server.client("stepfunctions"), server.role("states")
    machines = [
        client.create_state_machine(name=one, definition=definition, roleArn=role)
        for one in (name, new("machine"))
    ]
    named, other = (server.run(machine["stateMachineArn"]) for machine in machines)
    answer = json.loads(named.get("output") or "{}")
    return (answer.get("StatusCode"), other.get("error")) == (200, "ApiGateway.403")


CHECKS = (
    service_integrations,
    mapping_templates,
    answers_of_functions,
    rights_of_integrations,
    unmapped_types,
    apis_of_other_accounts,
    calls_of_state_machines,
)
