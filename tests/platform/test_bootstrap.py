"""The bootstrap limits the rights of the pipeline and of the platform."""

from __future__ import annotations

import configparser
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer

import ops.terraform.runner
from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.flow import Workflow
from ops.flows import hooks_of
from ops.releases import deploy as deploying
from ops.releases.deployment import Deployment, promotable
from ops.releases.github import CREDENTIALS_VARIABLE, sign_in
from ops.releases.smoke import SmokeTestFailed
from ops.settings import LOCAL, LocalSettings
from ops.terraform.environments import Environment
from ops.terraform.runner import BOOTSTRAP, BOOTSTRAP_DIGEST_KEY, BOOTSTRAP_STATE_KEY, Terraform
from tests.support.bootstrap import PLATFORM, boundary_arn, role_names, wide_with_reason
from tests.support.emulator import running_emulator
from tests.support.flows import flow_with
from tests.support.github import job_variables
from tests.support.platform import Platform
from tests.support.resources import Resource, Statement, as_list, of_type, statements
from tests.support.terraform_calls import action, actions

REPOSITORY = "octo-org/flowbridge"
#: How GitHub's tokens name it, since it names ids as well.
SUBJECT = "repo:octo-org@123456/flowbridge@456789"
#: A managed policy of AWS takes no more characters.
POLICY_CHARACTERS = 6144
#: The platform's statements about everything, and why there is nothing narrower. Those of flows
#: have their reason in the flow's deploy_rights.json.
WIDE = {
    "ChangeSubscriptions": "SNS lets no subscription be named",
    "DeliverAccessLogs": "log delivery has no resources to name",
    "DeliverLogs": "log delivery has no resources to name",
    "MakeKey": "a key that is not made yet has no name; it must be tagged",
    "MakePasswords": "a password belongs to nothing yet",
    "ReadLists": "lists of the whole account",
    "ReadSubscriptions": "SNS lets no subscription be named",
    "TraceAndMeasure": "neither X-Ray nor metrics have resources to name",
}
#: Statements that reach keys whose tags do not count yet, and why.
NOT_YET_TAGGED = {
    "ReadKeys": "Terraform waits for what it set on a new key",
    "RotateKey": "Terraform calls it as soon as the key is made",
}
#: Rights that AWS asks for on more than what the call is about, and on what.
UNNAMED = {
    "rds:DescribeDBInstances": "db:*",
    "sns:GetSubscriptionAttributes": "*",
    "sns:SetSubscriptionAttributes": "*",
    "sns:Unsubscribe": "*",
}


@dataclass(frozen=True)
class Account:
    """An account of the emulator in which the bootstrap was applied."""

    environment: Environment
    settings: LocalSettings
    terraform: Terraform
    root: Aws

    def resources(self) -> list[Resource]:
        """Return what the state in the bucket says was made."""
        body = self.root.client("s3").get_object(
            Bucket=self.environment.state_bucket, Key=BOOTSTRAP_STATE_KEY
        )["Body"]
        state = json.loads(body.read())
        return [
            Resource(f"{r['type']}.{r['name']}", r["type"], instance["attributes"])
            for r in state["resources"]
            if r["mode"] == "managed"
            for instance in r["instances"]
        ]

    def rights(self, role: str) -> set[str]:
        """Return the actions that a role of the pipeline is allowed."""
        policies = [
            policy
            for policy in of_type(self.resources(), "aws_iam_policy")
            if policy.values["name"].startswith(f"{self.environment.prefix}-{role}-")
        ]
        return {a for s in statements(policies) if s.is_allow for a in s.actions}

    @property
    def flows(self) -> list[str]:
        """The flows of the environment."""
        return sorted(self.environment.variables["flows"])

    def boundary(self, owner: str) -> str:
        """The ARN of the permissions boundary of an owner's roles."""
        return boundary_arn(self.environment, owner)

    @property
    def former_boundary(self) -> str:
        """The ARN of the one boundary that roles had before each owner had its own."""
        return (
            f"arn:aws:iam::{self.environment.account_id}:policy/bootstrap/flowbridge-dev-boundary"
        )


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account of dev, which a repository deploys to."""
    folder = tmp_path_factory.mktemp("bootstrap")
    copy = folder / "files"
    shutil.copytree(BOOTSTRAP, copy, ignore=shutil.ignore_patterns(".terraform"))
    values = copy / "envs" / "dev.tfvars"
    named = (
        f'github_repository = "{REPOSITORY}"\n'
        "github_repository_ids = { owner = 123456, repository = 456789 }"
    )
    values.write_text(values.read_text().replace("github_repository = null", named))
    with running_emulator(folder) as local, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ops.terraform.runner, "BOOTSTRAP", copy)
        settings = replace(local, emulated=True)
        aws = Aws("dev", settings)
        account = Account(Environment("dev"), settings, Terraform("dev", settings, aws), aws)
        assert account.terraform.bootstrap(lambda _: None)
        yield account


@pytest.fixture
def job(account: Account, httpserver: HTTPServer, tmp_path: Path) -> Any:
    """Return what signs a job of GitHub in: a session with the role's credentials."""

    def session(role: str, subject: str) -> Any:
        file = tmp_path / "credentials"
        variables = job_variables(httpserver, subject, **{CREDENTIALS_VARIABLE: str(file)})
        profile = sign_in(account.environment, role, account.settings.endpoint, variables)
        assert file.stat().st_mode & 0o077 == 0
        content = configparser.ConfigParser()
        content.read(file)
        return new_session(account, *content[profile].values())

    return session


@pytest.fixture
def deploy(account: Account, job: Any) -> Any:
    """Return what makes clients with the deploy role."""
    session = job("deploy", f"{SUBJECT}:environment:dev")
    return lambda service: session.client(service, endpoint_url=account.settings.endpoint)


def new_session(account: Account, key: str, secret: str, token: str) -> Any:
    """Return a session with credentials of a role."""
    return boto3.Session(key, secret, token, region_name=account.environment.region)


def is_refused(call: Callable[..., Any], **arguments: Any) -> bool:
    """Return whether a call fails because a right is missing."""
    try:
        call(**arguments)
    except ClientError as error:
        # EC2 has a code of its own.
        refusals = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
        return error.response["Error"]["Code"] in refusals
    return False


def test_its_own_state_is_in_the_bucket_that_it_made(account: Account) -> None:
    assert {b.values["bucket"] for b in of_type(account.resources(), "aws_s3_bucket")} == {
        account.environment.state_bucket,
        account.environment.artifact_bucket,
    }
    assert not list(account.settings.folder.rglob("terraform.tfstate*"))


def test_a_second_run_does_nothing_and_a_forced_one_changes_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, summaries = account.terraform._run_json, []

    def remember(*arguments: Any) -> str:
        summaries.append(run(*arguments))
        return summaries[-1]

    monkeypatch.setattr(account.terraform, "_run_json", remember)

    assert not account.terraform.bootstrap(lambda _: None)
    account.root.client("s3").delete_object(
        Bucket=account.environment.state_bucket, Key=BOOTSTRAP_DIGEST_KEY
    )
    assert account.terraform.bootstrap(lambda _: None)
    assert summaries == ["Apply complete! Resources: 0 added, 0 changed, 0 destroyed"]
    assert not account.terraform.bootstrap(lambda _: None)


def test_no_policy_allows_a_wildcard_of_actions_or_more_resources_than_it_must(
    account: Account,
) -> None:
    found = account.resources()
    allowed = [s for s in statements(found) if s.is_allow]

    assert len(allowed) > 40
    assert [s.address for s in allowed for action in s.actions if "*" in action] == []
    wide = {s.sid.rstrip("0123456789") for s in allowed if "*" in s.resources}
    assert wide == set(WIDE) | wide_with_reason(account.flows)
    for policy in of_type(found, "aws_iam_policy"):
        document = json.dumps(json.loads(policy.values["policy"]), separators=(",", ":"))
        assert len(document) <= POLICY_CHARACTERS, policy.address


def test_what_may_be_named_is_named_after_the_environment(account: Account) -> None:
    # AWS chooses these names; the last is of the owners of the database.
    others = [
        "apigateway",
        ":cloudfront::",
        ":identity/*",
        ":network-interface/*",
        ":og:default:*",
        ":phone-number/*",
        ":log-group:/aws-glue/crawlers:",
        ":rule/StepFunctionsGetEvents",
        # An account has one catalog in a region.
        ":catalog",
        "route53:::hostedzone",
        "secret:rds!db-",
        "role/aws-service-role/",
    ]
    # Flows give their own reasons.
    files = (BOOTSTRAP.parent / "flows").glob("*/deploy_rights.json")
    rights = [json.loads(file.read_text()) for file in files]
    parts = [
        part
        for one in rights
        for kind in ("read", "change", "boundary")
        for part in one.get(kind, [])
    ]
    reasoned = {part["Sid"] for part in parts if "Reason" in part}
    database = account.environment.variables["database"]
    if "on_premises" in database:
        others.append(f"secret:{database['on_premises']['admin_secret_name']}")
    for statement in statements(of_type(account.resources(), "aws_iam_policy")):
        is_tagged = "Tag/environment" in json.dumps(statement.content)
        for resource in statement.resources:
            is_unnamed = set(statement.actions) <= set(UNNAMED)
            if not statement.is_allow or is_unnamed or resource == "*":
                continue
            if statement.sid in reasoned:
                continue
            is_own = re.search("flowbridge[-_/]dev", resource)
            assert is_own or is_tagged or any(text in resource for text in others), statement


def test_what_aws_does_not_let_be_named_is_not_named(account: Account) -> None:
    allowed = [s for s in statements(account.resources()) if s.is_allow]

    for right, resource in UNNAMED.items():
        asked = {r.split(":", 5)[-1] for s in allowed if right in s.actions for r in s.resources}
        assert asked == {resource}, right


def test_a_key_that_is_not_tagged_yet_can_be_made_and_no_more(account: Account) -> None:
    lenient = [s for s in statements(account.resources()) if "IfExists" in json.dumps(s.content)]

    assert {s.sid for s in lenient} == set(NOT_YET_TAGGED)
    for statement in lenient:
        condition = {"StringEqualsIfExists": {"aws:ResourceTag/environment": "dev"}}
        assert statement.content["Condition"] == condition
        assert not {"kms:Decrypt", "kms:PutKeyPolicy"} & {*statement.actions}


def test_the_pipeline_adopts_no_key_by_tagging_it(account: Account, deploy: Any) -> None:
    root, kms = account.root.client("kms"), deploy("kms")

    def tags(environment: str) -> list[dict[str, str]]:
        return [{"TagKey": "environment", "TagValue": environment}]

    own = kms.create_key(Tags=tags("dev"))["KeyMetadata"]["KeyId"]
    policy = {
        "PolicyName": "default",
        "Policy": kms.get_key_policy(KeyId=own, PolicyName="default")["Policy"],
    }
    for key in (
        root.create_key()["KeyMetadata"]["KeyId"],
        root.create_key(Tags=tags("qa"))["KeyMetadata"]["KeyId"],
    ):
        assert is_refused(kms.put_key_policy, KeyId=key, **policy)
        assert is_refused(kms.tag_resource, KeyId=key, Tags=tags("dev"))
        assert is_refused(kms.put_key_policy, KeyId=key, **policy)
        assert is_refused(kms.schedule_key_deletion, KeyId=key)
    for wrong in ({}, {"Tags": tags("qa")}):
        assert is_refused(kms.create_key, **wrong)

    kms.tag_resource(KeyId=own, Tags=[{"TagKey": "cost", "TagValue": "1"}])
    kms.put_key_policy(KeyId=own, **policy)
    kms.schedule_key_deletion(KeyId=own)


def test_the_pipeline_only_empties_a_security_group_that_it_did_not_make(
    account: Account, deploy: Any
) -> None:
    root, ec2 = account.root.client("ec2"), deploy("ec2")
    own, unused = {"environment": "dev"}, {"environment": "dev", "unused": "true"}

    def tags(values: dict[str, str]) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in values.items()]

    def tagged(kind: str, values: dict[str, str]) -> dict[str, Any]:
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags(values)}]}

    def group(client: Any, name: str, values: dict[str, str]) -> str:
        described = {"GroupName": name, "Description": name, "VpcId": vpc}
        specified = tagged("security-group", values) if values else {}
        return str(client.create_security_group(**described, **specified)["GroupId"])

    vpc = root.create_vpc(CidrBlock="10.9.0.0/20", **tagged("vpc", own))["Vpc"]["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    [default] = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    opened = [
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ]
    with_tag = tagged("security-group-rule", own)

    def changes(name: str) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
        """Return what the pipeline must not do with a group that it took."""
        return [
            (ec2.authorize_security_group_ingress, {"GroupId": name, "IpPermissions": opened}),
            (
                ec2.authorize_security_group_egress,
                {"GroupId": name, "IpPermissions": opened, **with_tag},
            ),
            (ec2.delete_security_group, {"GroupId": name}),
            (ec2.delete_tags, {"Resources": [name], "Tags": [{"Key": "unused"}]}),
            (ec2.create_tags, {"Resources": [name], "Tags": tags({"unused": "false"})}),
        ]

    for name in (default["GroupId"], group(root, "foreign", {})):
        emptied = {"GroupId": name, "IpPermissions": everywhere}
        assert is_refused(ec2.revoke_security_group_egress, **emptied)
        assert is_refused(ec2.create_tags, Resources=[name], Tags=tags(own))
        for change, arguments in changes(name):
            assert is_refused(change, **arguments), arguments
        ec2.create_tags(Resources=[name], Tags=tags(unused))
        ec2.create_tags(Resources=[name], Tags=tags({"Name": "unused"}))
        ec2.revoke_security_group_egress(**emptied)
        for change, arguments in changes(name):
            assert is_refused(change, **arguments), arguments
    of_qa = group(root, "of-qa", {"environment": "qa"})
    assert is_refused(ec2.create_tags, Resources=[of_qa], Tags=tags(unused))

    made = group(ec2, "own", own)
    ec2.create_tags(Resources=[made], Tags=tags({"Name": "own"}))
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=opened, **with_tag)
    ec2.delete_security_group(GroupId=made)


def test_roles_are_trusted_for_jobs_of_one_repository(account: Account) -> None:
    for role in of_type(account.resources(), "aws_iam_role"):
        [statement] = json.loads(role.values["assume_role_policy"])["Statement"]
        if "Federated" not in statement["Principal"]:
            continue
        conditions = statement["Condition"]
        # Not StringLike: nothing in it may stand for something else.
        assert set(conditions) == {"StringEquals"}
        wanted = conditions["StringEquals"]
        assert wanted["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        subjects = wanted["token.actions.githubusercontent.com:sub"]
        for subject in [subjects] if isinstance(subjects, str) else subjects:
            assert subject.startswith(f"{SUBJECT}:")
        if role.values["name"].endswith("-deploy"):
            assert subjects == f"{SUBJECT}:environment:dev"


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("deploy", f"{SUBJECT}:pull_request"),
        ("deploy", f"{SUBJECT}:environment:qa"),
        ("deploy", f"{SUBJECT}:ref:refs/heads/main"),
        ("deploy", "repo:evil@123457/flowbridge@456790:environment:dev"),
        # Another one of the same name, now that this one's is free.
        ("deploy", f"repo:{REPOSITORY}:environment:dev"),
        ("deploy", "repo:octo-org@123456/flowbridge@456790:environment:dev"),
        ("plan", "repo:evil@123457/flowbridge@456790:pull_request"),
        ("plan", f"{SUBJECT}:ref:refs/heads/other"),
    ],
)
def test_another_job_gets_no_role(job: Any, role: str, subject: str) -> None:
    with pytest.raises(OperationError, match=r"AWS refused the role .* to this job"):
        job(role, subject)


def test_a_command_outside_of_github_says_so(account: Account) -> None:
    with pytest.raises(OperationError, match="This GitHub job may not request a token"):
        sign_in(account.environment, "deploy", account.settings.endpoint, {})


def test_packages_and_manifests_are_written_once(account: Account, deploy: Any) -> None:
    s3, bucket = deploy("s3"), account.environment.artifact_bucket
    for key in ("packages/crm/0a1b.zip", "releases/0a1b.json"):
        assert is_refused(s3.put_object, Bucket=bucket, Key=key, Body=b"without the header")
        s3.put_object(Bucket=bucket, Key=key, Body=b"first", IfNoneMatch="*")
        with pytest.raises(ClientError, match="PreconditionFailed"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"second", IfNoneMatch="*")
        assert is_refused(s3.delete_object, Bucket=bucket, Key=key)
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"first"
    for body in (b"failed", b"passed"):
        for folder in ("smoke-tests", "origins"):
            s3.put_object(Bucket=bucket, Key=f"{folder}/0a1b.json", Body=body)


def test_everybody_is_bound_by_the_policy_of_the_artifacts(account: Account) -> None:
    [policy] = [
        p
        for p in of_type(account.resources(), "aws_s3_bucket_policy")
        if p.values["bucket"] == account.environment.artifact_bucket
    ]
    found = {s.sid: s for s in statements([policy])}
    folders = [
        f"arn:aws:s3:::{account.environment.artifact_bucket}/{folder}/*"
        for folder in ("packages", "releases")
    ]

    def bound(sid: str) -> Statement:
        statement = found[sid]
        assert not statement.is_allow
        assert statement.content["Principal"] in ("*", {"AWS": "*"})
        assert sorted(statement.resources) == folders
        return statement

    once, kept = bound("WriteOnce"), bound("KeepForEver")
    assert once.actions == ["s3:PutObject"]
    assert once.content["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert set(kept.actions) == {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    assert "Condition" not in kept.content


def test_the_pipeline_makes_roles_with_the_boundary_only(account: Account, deploy: Any) -> None:
    iam = deploy("iam")
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{account.environment.account_id}:root"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
    everything = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
    )
    new = {"AssumeRolePolicyDocument": trust}
    other = "arn:aws:iam::aws:policy/AdministratorAccess"
    flow, neighbour = account.flows[:2]
    own = {"PermissionsBoundary": account.boundary(flow)}
    name = f"flowbridge-dev-{flow.replace('_', '-')}"
    for role, boundary in (
        (f"{name}-free", {}),
        (f"{name}-free", {"PermissionsBoundary": other}),
        ("flowbridge-dev-free", {}),
        ("flowbridge-dev-free", {"PermissionsBoundary": other}),
        ("somebody-else", own),
        # A role's name decides whose boundary it has.
        (f"{name}-free", {"PermissionsBoundary": account.boundary(neighbour)}),
        (f"{name}-free", {"PermissionsBoundary": account.boundary(PLATFORM)}),
        (f"{name}-free", {"PermissionsBoundary": account.former_boundary}),
        ("flowbridge-dev-network-free", own),
        ("flowbridge-dev-free", own),
    ):
        assert is_refused(iam.create_role, RoleName=role, **new, **boundary), (role, boundary)

    role = f"{name}-bound"
    iam.create_role(RoleName=role, **new, **own)
    iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=everything)
    assert is_refused(iam.delete_role_permissions_boundary, RoleName=role)
    for boundary_of_another in (other, account.boundary(neighbour), account.former_boundary):
        replaced = {"RoleName": role, "PermissionsBoundary": boundary_of_another}
        assert is_refused(iam.put_role_permissions_boundary, **replaced), replaced
    # The pipeline's own role has no boundary, so it gives itself nothing.
    own_role = {"RoleName": "flowbridge-dev-deploy", "PolicyName": "all"}
    assert is_refused(iam.put_role_policy, **own_role, PolicyDocument=everything)

    # A role that may do everything does what the boundary lets it.
    answer = account.root.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account.environment.account_id}:role/{role}", RoleSessionName="test"
    )["Credentials"]
    session = new_session(
        account, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
    )
    bound = {
        service: session.client(service, endpoint_url=account.settings.endpoint)
        for service in ("iam", "s3", "sqs")
    }
    queues = account.root.client("sqs")
    queue = queues.create_queue(QueueName=f"{name}-own")["QueueUrl"]
    bound["sqs"].send_message(QueueUrl=queue, MessageBody="x")
    # Queues of others, and of another flow.
    for foreign in ("payroll", f"flowbridge-dev-{neighbour.replace('_', '-')}-own"):
        queue = queues.create_queue(QueueName=foreign)["QueueUrl"]
        assert is_refused(bound["sqs"].send_message, QueueUrl=queue, MessageBody="x"), foreign
    assert is_refused(bound["iam"].create_user, UserName="me")
    state = {"Bucket": account.environment.state_bucket, "Key": BOOTSTRAP_STATE_KEY}
    assert is_refused(bound["s3"].get_object, **state)


def test_the_pipeline_may_call_what_terraform_calls(
    account: Account, each_platform: Platform
) -> None:
    """The provider's log of applying a local environment, against the deploy role's policies."""
    assert each_platform.make("plan").code == 0
    with each_platform.terraform_log.open() as log:
        called = actions(log)
    reading = {a for a in called if re.match(r"[a-z0-9-]+:(Describe|Get|List|Validate)", a)}

    assert len(called) > 50
    # The local environment's bootstrap is in the log as well, and the pipeline has no part in it.
    bootstraps = {"iam:CreatePolicy", "iam:GetPolicy", "iam:GetPolicyVersion"}
    assert "sns:Subscribe" in called
    assert called - account.rights("deploy") == bootstraps
    assert reading - account.rights("plan") <= bootstraps


def test_the_pipeline_may_call_what_a_promotion_calls(
    account: Account, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is called but by Terraform, with a lead that fails: that takes the most rights."""
    flow = flow_with("smoke")
    smoke = hooks_of(flow).smoke
    assert smoke
    monkeypatch.setattr(f"{smoke.__module__}.synthetic_lead", lambda: {"rut": "000123456-0"})
    aws, called = Aws(LOCAL, platform.settings), set[str]()

    def remember(model: Any, **_: Any) -> None:
        called.add(action(model.service_model.service_id, model.name))

    aws._session.events.register("before-call", remember)
    local = Deployment(Environment(LOCAL), aws, Terraform(LOCAL, platform.settings, aws))
    release = local.running()

    with pytest.raises(SmokeTestFailed, match="InvalidLead"):
        deploying.smoke(local)
    # This right stops an unfinished execution; to stop one that has finished changes nothing.
    executions = Workflow.from_outputs(platform.outputs, flow).executions(aws.client)
    executions.stop(executions.newest(1)[0].arn, "tried")
    local.artifacts.put(release, local.artifacts.read)
    local.stable_versions(platform.outputs)
    with local.canaries.held({"state": "trying"}):
        local.canaries.read()
    local.canaries.remove()
    assert {"sqs:DeleteMessage", "s3:PutObject", "lambda:InvokeFunction"} <= called
    assert called - account.rights("deploy") == set()

    called.clear()
    with pytest.raises(OperationError, match="The smoke test of release"):
        promotable(local)
    assert {"s3:GetObject", "lambda:GetFunctionConfiguration"} <= called
    assert called - account.rights("plan") == set()


def test_a_role_with_the_former_boundary_gets_the_flows_own(account: Account, deploy: Any) -> None:
    """An environment that was applied when all roles had one boundary."""
    flow = account.flows[0]
    role = f"flowbridge-dev-{flow.replace('_', '-')}-earlier"
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    principal = {"Service": "lambda.amazonaws.com"}
    trusted = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = {
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trusted]}),
        "PermissionsBoundary": account.former_boundary,
    }
    root = account.root.client("iam")
    former = account.former_boundary.rpartition("/")[2]
    root.create_policy(PolicyName=former, Path="/bootstrap/", PolicyDocument=policy)
    for name in (role, f"{role}-gone"):
        root.create_role(RoleName=name, **trust)

    iam = deploy("iam")
    # A role that the new definition no longer has keeps the former boundary until it is deleted.
    iam.put_role_policy(RoleName=f"{role}-gone", PolicyName="x", PolicyDocument=policy)
    iam.delete_role_policy(RoleName=f"{role}-gone", PolicyName="x")
    iam.delete_role(RoleName=f"{role}-gone")
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=account.boundary(flow))
    iam.put_role_policy(RoleName=role, PolicyName="x", PolicyDocument=policy)
    found = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]
    assert found["PermissionsBoundaryArn"] == account.boundary(flow)


def test_every_right_on_roles_asks_for_the_boundary(account: Account) -> None:
    making = {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}
    giving = {"iam:AttachRolePolicy", "iam:PutRolePolicy"}
    names = role_names(account.environment)
    own = {account.boundary(owner) for owner in names}
    made = set()
    for statement in statements(of_type(account.resources(), "aws_iam_policy")):
        if not statement.is_allow:
            continue
        if (making | giving) & set(statement.actions):
            wanted = statement.content["Condition"]["StringEquals"]
            assert set(wanted) == {"iam:PermissionsBoundary"}
            boundaries = set(as_list(wanted["iam:PermissionsBoundary"]))
            if making & set(statement.actions):
                # The roles of one owner, with that owner's boundary.
                [owner] = [owner for owner in names if {account.boundary(owner)} == boundaries]
                start = f"arn:aws:iam::{account.environment.account_id}:role/flowbridge-dev-"
                roles = {f"{start}{name}*" for name in names[owner]}
                assert set(statement.resources) == roles
                assert not giving & set(statement.actions)
                made.add(owner)
            else:
                assert boundaries == own | {account.former_boundary}
        if "iam:PassRole" in statement.actions:
            services = statement.content["Condition"]["StringEquals"]["iam:PassedToService"]
            assert all(service.endswith(".amazonaws.com") for service in services)
            assert statement.resources == [
                f"arn:aws:iam::{account.environment.account_id}:role/flowbridge-dev-*"
            ]
    assert made == set(names)


def test_who_plans_changes_nothing(account: Account, job: Any) -> None:
    session = job("plan", f"{SUBJECT}:pull_request")
    s3 = session.client("s3", endpoint_url=account.settings.endpoint)
    state = {"Bucket": account.environment.state_bucket, "Key": "flowbridge.tfstate"}
    account.root.client("s3").put_object(**state, Body=b"{}")

    assert s3.get_object(**state)["Body"].read() == b"{}"
    assert is_refused(s3.put_object, **state, Body=b"x")
    assert is_refused(s3.delete_object, **state)
    assert is_refused(s3.get_object, **{**state, "Key": BOOTSTRAP_STATE_KEY})
    policies = [
        policy
        for policy in of_type(account.resources(), "aws_iam_policy")
        if policy.values["name"].startswith("flowbridge-dev-plan-")
    ]
    verbs = [a.split(":")[1] for s in statements(policies) for a in s.actions]
    reading = ("Decrypt", "Describe", "GET", "Get", "List", "Validate")
    assert len(verbs) > 50
    assert [verb for verb in verbs if not verb.startswith(reading)] == []
