"""The emulator for the scheduler: environments, attempts with their logs, events."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from emulator import policies
from emulator.patches.batch.containers import Containers, Images
from emulator.patches.batch.jobs import Ended, event
from emulator.patches.batch.scheduler import Work
from emulator.patches.stepfunctions.roles import session

JsonObject = dict[str, Any]
Scope = tuple[str, str]

#: The group of jobs whose definition names none; Batch makes it.
GROUP = "/aws/batch/job"
#: The service that takes the roles of a job.
TASKS = "ecs-tasks.amazonaws.com"

log = logging.getLogger("emulator")


class Services:
    """The emulator, for the scheduler.

    Parameters
    ----------
    batch
        MiniStack's Batch.
    images
        The images of containers.
    endpoint
        The emulator's URL.
    """

    def __init__(self, batch: Any, images: Images, endpoint: str) -> None:
        self._batch, self._images, self._endpoint = batch, images, endpoint
        self._containers = Containers()
        self._events: queue.SimpleQueue[tuple[Scope, JsonObject]] = queue.SimpleQueue()
        threading.Thread(target=self._publish, daemon=True).start()

    def close(self) -> None:
        """Kill every container."""
        self._containers.close()

    def now(self) -> int:
        """Return milliseconds since 1970."""
        return int(time.time() * 1000)

    def environments(self, work: Work) -> Mapping[str, float]:
        """Return the enabled compute environments of the job's queue, and their vCPUs."""
        found = {}
        place = work.job["jobQueue"].rpartition("/")[2]
        with scoped(work.scope):
            queue_of_job = self._batch._job_queues.get(place) or {}
            order = queue_of_job.get("computeEnvironmentOrder") or []
            for entry in sorted(order, key=lambda one: int(one["order"])):
                name = str(entry["computeEnvironment"]).rpartition("/")[2]
                environment = self._batch._compute_envs.get(name)
                if environment and environment["state"] == "ENABLED":
                    most = (environment.get("computeResources") or {}).get("maxvCpus", 0)
                    found[name] = float(most)
        return found

    def changed(self, scope: Scope, job: JsonObject) -> None:
        """Publish a job's new status, after those before."""
        self._events.put((scope, job))

    def stop(self, work: Work) -> None:
        """Stop the attempt that runs."""
        self._containers.stop(work.job["jobId"])

    def attempt(self, work: Work, number: int, environment: str) -> Ended:
        """Run one attempt of a job to its end."""
        job, container = work.job, work.job["container"]
        image = self._images.environment(container.get("image", ""))
        if image is None:
            reason = f"CannotPullContainerError: the local AWS has no image {container['image']}"
            return Ended(None, reason, reason)
        account, region = work.scope
        stream, refused = self._open_log(work)
        if refused:
            reason = f"ResourceInitializationError: failed to validate logger args: {refused}"
            return Ended(None, reason, reason)
        variables = {
            **image,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_BATCH_CE_NAME": environment,
            "AWS_BATCH_JQ_NAME": job["jobQueue"].rpartition("/")[2],
            "AWS_BATCH_JOB_ID": job["jobId"],
            "AWS_BATCH_JOB_ATTEMPT": str(number),
        }
        if work.parent:
            index = job["arrayProperties"]["index"]
            variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(index)
        if role := container.get("jobRoleArn"):
            if refused := policies.trust_refusal(role, TASKS, source_of(work.scope)):
                return Ended(None, refused, refused)
            keys = session(role, region, account, "batch")
            variables |= {
                "AWS_ACCESS_KEY_ID": keys.key,
                "AWS_SECRET_ACCESS_KEY": keys.secret,
                "AWS_SESSION_TOKEN": keys.token,
            }
        variables |= {one["name"]: one["value"] for one in container.get("environment") or []}
        limit = (job.get("timeout") or {}).get("attemptDurationSeconds")
        group = self._group(container)

        def write(line: str) -> None:
            from ministack.services import cloudwatch_logs

            written = {"timestamp": self.now(), "message": line}
            with scoped(work.scope):
                cloudwatch_logs._put_log_events(
                    {"logGroupName": group, "logStreamName": stream, "logEvents": [written]}
                )

        ended = self._containers.run(
            job["jobId"], container.get("command") or [], variables, limit, write
        )
        return Ended(ended.exit_code, ended.status_reason, ended.reason, stream)

    def _group(self, container: Mapping[str, Any]) -> str:
        options = (container.get("logConfiguration") or {}).get("options") or {}
        return str(options.get("awslogs-group") or GROUP)

    def _open_log(self, work: Work) -> tuple[str, str]:
        """Make the log stream of an attempt; return its name, or why there is none."""
        from ministack.services import cloudwatch_logs

        container = work.job["container"]
        options = (container.get("logConfiguration") or {}).get("options") or {}
        group = self._group(container)
        definition = work.job["jobDefinition"].rpartition("/")[2].partition(":")[0]
        prefix = options.get("awslogs-stream-prefix") or definition
        stream = f"{prefix}/default/{uuid4().hex}"
        account, region = work.scope
        if role := container.get("executionRoleArn"):
            arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"
            for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                if refused := policies.role_refusal(
                    role, action, arn, source_of(work.scope), TASKS
                ):
                    return "", refused
        with scoped(work.scope):
            if group == GROUP:
                cloudwatch_logs._create_log_group({"logGroupName": group})
            answer = cloudwatch_logs._create_log_stream(
                {"logGroupName": group, "logStreamName": stream}
            )
        if answer[0] != 200:
            return "", json.loads(answer[2]).get("message", "")
        return stream, ""

    def _publish(self) -> None:
        """Put the events of jobs on the default bus, one after the other."""
        from ministack.services import eventbridge

        while True:
            scope, job = self._events.get()
            entry = {
                "Source": "aws.batch",
                "DetailType": "Batch Job State Change",
                "Detail": json.dumps(event(job)),
                "Resources": [job["jobArn"]],
            }
            try:
                with scoped(scope):
                    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
            except Exception:
                log.exception("The status of %s is not published", job["jobArn"])


def source_of(scope: Scope) -> dict[str, str]:
    """Return for what ECS takes a role: the cluster of the compute environment."""
    account, region = scope
    arn = f"arn:aws:ecs:{region}:{account}:cluster/AWSBatch"
    return {"aws:SourceArn": arn, "aws:SourceAccount": account}


def scoped(scope: Scope) -> Any:
    """Act for an account in a region."""
    from ministack.core.responses import request_scope

    return request_scope(*scope)


def processes() -> int:
    """Return how many jobs this computer runs at the same time."""
    return 2 * (os.cpu_count() or 1)
