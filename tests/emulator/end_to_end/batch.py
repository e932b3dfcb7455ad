"""Checks of AWS Batch, for `test_gaps`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.emulator.end_to_end.executions import eventually, new

JsonObject = dict[str, Any]

ACCOUNT = "111111111111"
SECONDS = 15.0
IMAGE = "public.ecr.aws/sam/build-python3.13:latest"
LOGS = {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}
GROUP = "/aws/batch/job"


class Cluster:
    """A compute environment with a queue."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.client = server.client("batch")
        self.environment, self.queue = new("environment"), new("queue")
        self.client.create_compute_environment(
            computeEnvironmentName=self.environment,
            type="MANAGED",
            computeResources={
                "type": "FARGATE",
                "maxvCpus": 1,
                "subnets": ["subnet-1"],
                "securityGroupIds": ["sg-1"],
            },
        )
        self.client.create_job_queue(
            jobQueueName=self.queue,
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": self.environment}],
        )

    def definition(
        self, *command: str, job_role: str = "", may_log: bool = True, **more: Any
    ) -> str:
        """Return the ARN of a new job definition."""
        role = self.server.role("ecs-tasks", *([LOGS] if may_log else []))
        properties: Any = {
            "image": IMAGE,
            "command": [*command],
            "executionRoleArn": role,
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "512"},
            ],
        }
        if job_role:
            properties["jobRoleArn"] = job_role
        made = self.client.register_job_definition(
            jobDefinitionName=new("definition"),
            type="container",
            platformCapabilities=["FARGATE"],
            containerProperties=properties,
            **more,
        )
        return str(made["jobDefinitionArn"])

    def submit(self, definition: str, **more: Any) -> str:
        """Return the id of a new job."""
        made = self.client.submit_job(
            jobName=new("job"), jobQueue=self.queue, jobDefinition=definition, **more
        )
        return str(made["jobId"])

    def job(self, job_id: str) -> JsonObject:
        """Return a job as it is."""
        [found] = self.client.describe_jobs(jobs=[job_id])["jobs"]
        return dict(found)

    def ended(self, job_id: str) -> JsonObject:
        """Return a job that has ended."""
        eventually(lambda: self.job(job_id)["status"] in ("SUCCEEDED", "FAILED"), SECONDS)
        return self.job(job_id)

    def lines(self, job: JsonObject) -> list[str]:
        """Return what a job printed."""
        events = self.server.client("logs").get_log_events(
            logGroupName=GROUP, logStreamName=job["container"]["logStreamName"]
        )["events"]
        return [event["message"] for event in events]


def cluster(server: Any) -> Cluster:
    """Return the cluster of a server, made once."""
    if "cluster" not in server.cache:
        server.cache["cluster"] = Cluster(server)
    found: Cluster = server.cache["cluster"]
    return found


def batch_definitions(server: Any) -> bool:
    """Whether a job definition has the fields that it was registered with."""
    fields: JsonObject = {
        "parameters": {"a": "b"},
        "retryStrategy": {"attempts": 3, "evaluateOnExit": []},
        "timeout": {"attemptDurationSeconds": 60},
        "propagateTags": True,
    }
    arn = cluster(server).definition("true", **fields)
    [found] = cluster(server).client.describe_job_definitions(jobDefinitions=[arn])[
        "jobDefinitions"
    ]
    return all(
        found.get(name) == value
        for name, value in {**fields, "platformCapabilities": ["FARGATE"]}.items()
    )


def batch_removals(server: Any) -> bool:
    """Whether what is used is kept, and what is not can be deleted."""
    own = Cluster(server)
    client, definition = own.client, own.definition("true")
    client.deregister_job_definition(jobDefinition=definition)
    active = client.describe_job_definitions(jobDefinitions=[definition], status="ACTIVE")
    [queue] = client.describe_job_queues(jobQueues=[own.queue])["jobQueues"]
    client.tag_resource(resourceArn=queue["jobQueueArn"], tags={"a": "b"})
    tags = client.list_tags_for_resource(resourceArn=queue["jobQueueArn"])["tags"]

    def refused(call: Callable[[], Any]) -> bool:
        try:
            call()
        except ClientError:
            return True
        return False

    enabled = refused(lambda: client.delete_job_queue(jobQueue=own.queue))
    client.update_compute_environment(computeEnvironment=own.environment, state="DISABLED")
    used = refused(lambda: client.delete_compute_environment(computeEnvironment=own.environment))
    client.update_job_queue(jobQueue=own.queue, state="DISABLED")
    client.delete_job_queue(jobQueue=own.queue)
    client.delete_compute_environment(computeEnvironment=own.environment)
    left = client.describe_job_queues(jobQueues=[own.queue])["jobQueues"]
    return not active["jobDefinitions"] and not left and enabled and used and tags == {"a": "b"}


def batch_processes(server: Any) -> bool:
    """Whether a job calls AWS with the rights of its role, and no others."""
    name = new("bucket")
    server.client("s3").create_bucket(Bucket=name)
    own = f"arn:aws:s3:::{name}/allowed/*"
    role = server.role("ecs-tasks", {"Action": "s3:PutObject", "Resource": own})
    code = (
        "import boto3, sys\n"
        "s3 = boto3.client('s3')\n"
        "s3.put_object(Bucket=sys.argv[1], Key='allowed/x', Body=b'1')\n"
        "s3.put_object(Bucket=sys.argv[1], Key='other/x', Body=b'1')\n"
    )
    definition = cluster(server).definition("python", "-c", code, "Ref::bucket", job_role=role)
    job = cluster(server).ended(cluster(server).submit(definition, parameters={"bucket": name}))
    listed = server.client("s3").list_objects_v2(Bucket=name).get("Contents", [])
    return job["container"].get("exitCode") == 1 and [one["Key"] for one in listed] == ["allowed/x"]


def batch_arrays(server: Any) -> bool:
    """Whether one failed child of three fails the array."""
    script = 'test "$AWS_BATCH_JOB_ARRAY_INDEX" -ne 1'
    definition = cluster(server).definition("sh", "-c", script)
    job = cluster(server).submit(definition, arrayProperties={"size": 3})
    parent = cluster(server).ended(job)
    counts = parent["arrayProperties"]["statusSummary"]
    child = cluster(server).job(f"{job}:1")
    return (
        (counts["SUCCEEDED"], counts["FAILED"]) == (2, 1)
        and child["status"] == "FAILED"
        and parent["statusReason"] == "Array Child Job failed"
    )


def batch_attempts(server: Any) -> bool:
    """Whether an attempt that is too long is stopped and repeated."""
    script = 'if test "$AWS_BATCH_JOB_ATTEMPT" = 1; then sleep 60; fi'
    definition = cluster(server).definition("sh", "-c", script)
    job = cluster(server).submit(
        definition, retryStrategy={"attempts": 2}, timeout={"attemptDurationSeconds": 1}
    )
    found = cluster(server).ended(job)
    reasons = [attempt["statusReason"] for attempt in found["attempts"]]
    return len(reasons) == 2 and "exceeded timeout" in reasons[0] and found["status"] == "SUCCEEDED"


def batch_dependencies(server: Any) -> bool:
    """Whether a job starts after another one, and fails with one that fails."""
    one = cluster(server)
    first = one.submit(one.definition("sh", "-c", "sleep 0.3"))
    second = one.submit(one.definition("true"), dependsOn=[{"jobId": first}])
    fails = one.submit(one.definition("false"))
    never = one.submit(one.definition("true"), dependsOn=[{"jobId": fails}])
    reason = one.ended(never)["statusReason"]
    has_waited = one.ended(second)["startedAt"] >= one.ended(first)["stoppedAt"]
    return bool(has_waited and reason == "Dependent Job failed")


def batch_logs(server: Any) -> bool:
    """Whether both outputs of a job are in its log stream."""
    one = cluster(server)
    job = one.ended(one.submit(one.definition("sh", "-c", "echo good; echo bad >&2")))
    return one.lines(job) == ["good", "bad"]


def batch_rights(server: Any) -> bool:
    """Whether a job without the right to log fails."""
    one = cluster(server)
    job = one.ended(one.submit(one.definition("true", may_log=False)))
    return "logs:CreateLogStream" in job["statusReason"]


def newest_revisions(server: Any) -> bool:
    """Whether a job of the newest revision needs the rights on both forms of its definition."""
    one = cluster(server)
    revision = one.definition("true")
    definition = revision.rpartition(":")[0]
    queue = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-queue/{one.queue}"

    def is_refused(*definitions: str) -> bool:
        right = {"Action": "batch:SubmitJob", "Resource": [queue, *definitions]}
        client = server.client_with("batch", right)
        name = definition.rpartition("/")[2]
        try:
            client.submit_job(jobName=new("job"), jobQueue=one.queue, jobDefinition=name)
        except ClientError as error:
            return error.response["Error"]["Code"] == "AccessDeniedException"
        return False

    both = (definition, f"{definition}:*")
    return not is_refused(*both) and all(is_refused(form) for form in (definition, revision))


def batch_events(server: Any) -> bool:
    """Whether a rule of the default bus gets the statuses of a job."""
    sqs, events = server.client("sqs"), server.client("events")
    url = sqs.create_queue(QueueName=new("queue"))["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{url.rpartition('/')[2]}"
    name = new("rule")
    pattern = {"source": ["aws.batch"], "detail": {"jobQueue": [{"suffix": cluster(server).queue}]}}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    job = cluster(server).submit(cluster(server).definition("true"))
    found: list[str] = []

    def has_ended() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages", ()
        ):
            detail = json.loads(message["Body"])["detail"]
            found.extend([detail["status"]] if detail["jobId"] == job else [])
        return len(found) == 5

    eventually(has_ended, SECONDS)
    return sorted(found) == ["RUNNABLE", "RUNNING", "STARTING", "SUBMITTED", "SUCCEEDED"]


def batch_stops(server: Any) -> bool:
    """Whether a running job is terminated, and a waiting one cancelled."""
    one = cluster(server)
    running = one.submit(one.definition("sleep", "60"))
    waiting = one.submit(one.definition("true"), dependsOn=[{"jobId": running}])
    eventually(lambda: one.job(running)["status"] == "RUNNING", SECONDS)
    one.client.cancel_job(jobId=waiting, reason="not needed")
    one.client.terminate_job(jobId=running, reason="stopped")
    reasons = [one.ended(job)["statusReason"] for job in (running, waiting)]
    return reasons == ["stopped", "not needed"]


CHECKS: tuple[Callable[[Any], bool], ...] = (
    batch_definitions,
    batch_removals,
    batch_processes,
    batch_arrays,
    batch_attempts,
    batch_dependencies,
    batch_logs,
    batch_rights,
    newest_revisions,
    batch_events,
    batch_stops,
)
