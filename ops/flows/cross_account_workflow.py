"""The hooks of the cross-account workflow: runs in another account, also on the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from emulator.settings import ROOT_SECRET
from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.flows import DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, endpoint, look_into, show_failure, show_success
from ops.local.prepare import STATE_FOLDER, terraform_cli_config

#: The account of the target, and the id that the emulator gives its API.
ACCOUNT = "222222222222"
API_ID = "acc0000b"
FOLDER = EXAMPLES / "cross_account_workflow"
TAIL = 2000
PAUSE_SECONDS = 0.1
#: A state machine that the API does not know, and its role.
ANOTHER = "flowbridge-local-another"


def demo(deployed: DeployedFlow) -> None:
    """Make the other account's half; have it run one request well and one badly.

    Raises
    ------
    OperationError
        When a run does not end as it should.
    """
    url = endpoint(deployed)
    heading(f"Account {ACCOUNT}: a workflow, and the API that runs it")
    apply_target(deployed.workflow.state_machine_arn, url)
    console.print(f"[green]✓[/green] Terraform applied {FOLDER.name}/target")

    heading("A request arrives on the bus of the first account")
    execution, _ = show_success(deployed, FOLDER / "event.json")
    answer = execution.answer or {}
    console.print(f"The run in the other account: {answer['execution']}")
    console.print(escape(json.dumps(answer["output"], indent=2)), soft_wrap=True)
    if answer["output"]["account"] != ACCOUNT:
        raise OperationError(f"It ran in {answer['output']['account']}.", look_into(execution))

    heading("A request arrives that the other account's workflow refuses")
    show_failure(deployed, FOLDER / "failing_event.json", "failed-runs")

    heading("Another state machine of the first account calls the API")
    error = called_by_another(deployed)
    console.print(f"[green]✓[/green] refused: {error}")
    if error != "ApiGateway.403":
        raise OperationError(f"The call ended with {error}.", "It should end with ApiGateway.403.")


def apply_target(caller: str, url: str) -> None:
    """Apply the other account's half with Terraform, as its owner does.

    Parameters
    ----------
    caller
        ARN of the state machine that may call.
    url
        The emulator's URL.

    Raises
    ------
    OperationError
        With the end of Terraform's output.
    """
    port = url.rpartition(":")[2]
    folder = STATE_FOLDER / f"target-{port}"
    folder.mkdir(parents=True, exist_ok=True)
    variables = {
        "callers": [caller],
        "emulator": {"endpoint": url},
        "tags": {"ms-custom-id": API_ID},
    }
    (folder / "target.tfvars.json").write_text(json.dumps(variables))
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))},
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "TF_DATA_DIR": str(folder / "data"),
        "CHECKPOINT_DISABLE": "1",
    }
    if (configuration := terraform_cli_config()) is not None:
        environment["TF_CLI_CONFIG_FILE"] = str(configuration)
    state = f"-state={folder / 'terraform.tfstate'}"
    values = f"-var-file={folder / 'target.tfvars.json'}"
    apply = ["apply", "-auto-approve", "-parallelism=20", "-input=false", state, values]
    for arguments in (["init", "-input=false", "-lockfile=readonly"], apply):
        result = subprocess.run(
            ["terraform", f"-chdir={FOLDER / 'target'}", *arguments],  # noqa: S607
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            raise OperationError(
                f"Terraform could not make the target: {result.stdout[-TAIL:]}",
                f"Correct {FOLDER / 'target'}.",
            )


def called_by_another(deployed: DeployedFlow) -> str | None:
    """Return the error of another state machine of the account that calls, with a role that may."""
    client: Any = deployed.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::apigateway:invoke",
        "Arguments": {
            "ApiEndpoint": f"{API_ID}.execute-api.us-east-1.amazonaws.com",
            "Stage": "v1",
            "Method": "POST",
            "Path": "/executions",
            "RequestBody": {"name": "of-another", "input": {}},
            "AuthType": "RESOURCE_POLICY",
        },
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": task}}
    with role_of_callers(deployed.client("iam")) as role:
        other = client.create_state_machine(
            name=ANOTHER, definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]
        try:
            begun = client.start_execution(stateMachineArn=other)["executionArn"]
            while (found := client.describe_execution(executionArn=begun))["status"] == "RUNNING":
                time.sleep(PAUSE_SECONDS)
        finally:
            client.delete_state_machine(stateMachineArn=other)
    error: str | None = found.get("error")
    return error


@contextmanager
def role_of_callers(iam: Any) -> Iterator[str]:
    """Yield the ARN of a role of state machines that may call every API."""

    def document(**statement: Any) -> str:
        statements = [{"Effect": "Allow", **statement}]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    trust = document(Action="sts:AssumeRole", Principal={"Service": "states.amazonaws.com"})
    role = iam.create_role(RoleName=ANOTHER, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    right = document(Action="execute-api:Invoke", Resource="*")
    iam.put_role_policy(RoleName=ANOTHER, PolicyName="call", PolicyDocument=right)
    try:
        yield role
    finally:
        iam.delete_role_policy(RoleName=ANOTHER, PolicyName="call")
        iam.delete_role(RoleName=ANOTHER)


HOOKS = FlowHooks(demo=demo)
