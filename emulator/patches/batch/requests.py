"""The requests of Batch's API that MiniStack does not know, or answers otherwise than AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from emulator.patches.batch import jobs
from emulator.patches.batch.jobs import ClientError
from emulator.patches.batch.scheduler import Scheduler, Work

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]
Handle = Callable[[JsonObject], Answer]

TAGS = "/v1/tags/"
#: Fields of a job definition that MiniStack forgets.
FIELDS = (
    "parameters",
    "platformCapabilities",
    "propagateTags",
    "retryStrategy",
    "schedulingPriority",
    "timeout",
)


def apply(batch: Any, scheduler: Scheduler) -> None:
    """Replace MiniStack's functions.

    Parameters
    ----------
    batch
        MiniStack's Batch.
    scheduler
        Runs the jobs.
    """
    made = Requests(batch, scheduler)
    known = batch._DISPATCH
    for path, handle in made.handlers(known).items():
        known[path] = with_errors(batch, handle)
    batch.handle_request = with_tags(batch, made, batch.handle_request)


def with_errors(batch: Any, handle: Handle) -> Handle:
    """Return a function that answers AWS's error for a request that is refused."""

    def answer(asked: JsonObject) -> Answer:
        try:
            return handle(asked)
        except ClientError as error:
            refused: Answer = batch.error_response_json("ClientException", str(error), 400)
            return refused

    return answer


def with_tags(batch: Any, made: Requests, handle: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's handling of a request, with those about tags."""

    async def handle_request(
        method: str, path: str, headers: Any, body: bytes, query: Mapping[str, Any]
    ) -> Any:
        if not path.startswith(TAGS):
            return await handle(method, path, headers, body, query)
        found = made.tags_of(unquote(path.removeprefix(TAGS)))
        if found is None:
            return batch.error_response_json("ClientException", "Resource does not exist", 404)
        if method == "GET":
            return batch._json(200, {"tags": found})
        if method == "POST":
            found.update(json.loads(body or b"{}").get("tags") or {})
        else:
            keys = query.get("tagKeys") or []
            for name in [keys] if isinstance(keys, str) else keys:
                found.pop(name, None)
        return batch._json(200, {})

    return handle_request


class Requests:
    """The requests.

    Parameters
    ----------
    batch
        MiniStack's Batch.
    scheduler
        Runs the jobs.
    """

    def __init__(self, batch: Any, scheduler: Scheduler) -> None:
        self._batch, self._scheduler = batch, scheduler

    def handlers(self, known: Mapping[str, Handle]) -> dict[str, Handle]:
        """Return the functions by path, given MiniStack's."""
        register = known["/v1/registerjobdefinition"]
        create_environment = known["/v1/createcomputeenvironment"]
        describe_environments = known["/v1/describecomputeenvironments"]
        update_environment = known["/v1/updatecomputeenvironment"]
        return {
            "/v1/registerjobdefinition": lambda asked: self.register(register, asked),
            "/v1/createcomputeenvironment": lambda asked: self.create_environment(
                create_environment, asked
            ),
            "/v1/updatecomputeenvironment": lambda asked: self.advancing(update_environment, asked),
            "/v1/describecomputeenvironments": lambda asked: describe_environments(
                {
                    **asked,
                    "computeEnvironments": [
                        name_of(one) for one in asked.get("computeEnvironments") or []
                    ],
                }
            ),
            "/v1/describejobdefinitions": self.describe_definitions,
            "/v1/deregisterjobdefinition": self.deregister,
            "/v1/updatejobqueue": self.update_queue,
            "/v1/deletejobqueue": self.delete_queue,
            "/v1/deletecomputeenvironment": self.delete_environment,
            "/v1/submitjob": self.submit,
            "/v1/describejobs": self.describe_jobs,
            "/v1/listjobs": self.list_jobs,
            "/v1/canceljob": self.cancel,
            "/v1/terminatejob": self.terminate,
        }

    def advancing(self, handle: Handle, asked: JsonObject) -> Answer:
        """Answer a request that may let jobs start."""
        answer = handle(asked)
        self._scheduler.advance()
        return answer

    def create_environment(self, create: Handle, asked: JsonObject) -> Answer:
        """Create a compute environment, with Batch's own role if it has no other one."""
        answer = create(asked)
        if answer[0] == 200 and not asked.get("serviceRole"):
            from ministack.core.responses import get_account_id

            self._batch._compute_envs[asked["computeEnvironmentName"]]["serviceRole"] = (
                f"arn:aws:iam::{get_account_id()}:role/aws-service-role/batch.amazonaws.com/"
                "AWSServiceRoleForBatch"
            )
        return answer

    def register(self, register: Handle, asked: JsonObject) -> Answer:
        """Register a revision of a job definition, with every field."""
        properties = asked.get("containerProperties") or {}
        if "FARGATE" in (asked.get("platformCapabilities") or []):
            if not properties.get("executionRoleArn"):
                raise ClientError("Fargate requires executionRoleArn")
            kinds = {one["type"] for one in properties.get("resourceRequirements") or []}
            if not {"VCPU", "MEMORY"} <= kinds:
                raise ClientError("Fargate resource requirements need VCPU and MEMORY")
        answer = register(asked)
        if answer[0] == 200:
            made = self._batch._job_definitions[asked["jobDefinitionName"]][-1]
            made |= {name: asked[name] for name in FIELDS if name in asked}
        return answer

    def describe_definitions(self, asked: JsonObject) -> Answer:
        """Return revisions by name, ARN or status."""
        every = [one for of_name in self._batch._job_definitions.values() for one in of_name]
        if wanted := asked.get("jobDefinitions"):
            names = {name_of(one) for one in wanted}
            every = [
                one
                for one in every
                if one["jobDefinitionName"] in names
                or f"{one['jobDefinitionName']}:{one['revision']}" in names
            ]
        elif name := asked.get("jobDefinitionName"):
            every = [one for one in every if one["jobDefinitionName"] == name_of(name)]
        if status := asked.get("status"):
            every = [one for one in every if one["status"] == status]
        return self._answer({"jobDefinitions": every})

    def deregister(self, asked: JsonObject) -> Answer:
        """Make a revision INACTIVE."""
        self._definition(asked["jobDefinition"])["status"] = "INACTIVE"
        return self._answer({})

    def update_queue(self, asked: JsonObject) -> Answer:
        """Change a queue."""
        found = self._queue(asked["jobQueue"])
        for name in ("state", "priority", "computeEnvironmentOrder"):
            if name in asked:
                found[name] = asked[name]
        self._scheduler.advance()
        return self._answer({name: found[name] for name in ("jobQueueName", "jobQueueArn")})

    def delete_queue(self, asked: JsonObject) -> Answer:
        """Delete a queue that is disabled."""
        found = self._queue(asked["jobQueue"])
        if found["state"] != "DISABLED":
            raise ClientError("Cannot delete, resource must be disabled first")
        for job in list(self._batch._jobs.values()):
            if job["jobQueue"] == found["jobQueueArn"] and job["status"] not in jobs.ENDED:
                self._scheduler.terminate(job["jobId"], "Job queue was deleted")
        del self._batch._job_queues[found["jobQueueName"]]
        return self._answer({})

    def delete_environment(self, asked: JsonObject) -> Answer:
        """Delete a compute environment that is disabled and in no queue."""
        name = name_of(asked["computeEnvironment"])
        found = self._batch._compute_envs.get(name)
        if found is None:
            return self._answer({})
        if found["state"] != "DISABLED":
            raise ClientError("Cannot delete, resource must be disabled first")
        for queue in self._batch._job_queues.values():
            used = {name_of(one["computeEnvironment"]) for one in queue["computeEnvironmentOrder"]}
            if name in used:
                raise ClientError("Cannot delete, found existing JobQueue relationship")
        del self._batch._compute_envs[name]
        return self._answer({})

    def submit(self, asked: JsonObject) -> Answer:
        """Take a job."""
        from ministack.core.responses import get_account_id, get_region

        jobs.checked(asked)
        queue = self._queue(asked.get("jobQueue", ""))
        if queue["state"] != "ENABLED":
            raise ClientError(f"JobQueue {queue['jobQueueName']} is not enabled")
        definition = self._definition(asked.get("jobDefinition", ""))
        if definition["status"] != "ACTIVE":
            raise ClientError(f"JobDefinition {name_of(asked['jobDefinition'])} is not active")
        scope, job_id, now = (get_account_id(), get_region()), str(uuid4()), self._batch._now_ms()

        def made(one: str, index: int | None = None) -> JsonObject:
            names = {
                "jobId": one,
                "jobArn": self._batch._job_arn(one),
                "jobQueue": queue["jobQueueArn"],
            }
            job = jobs.new_job(asked, definition, names, now, index)
            self._batch._jobs[one] = job
            return job

        for dependency in asked.get("dependsOn") or []:
            other = dependency.get("jobId")
            if other and other not in self._batch._jobs:
                raise ClientError(f"Job {other} does not exist")
        parent = made(job_id)
        size = (asked.get("arrayProperties") or {}).get("size")
        if size:
            works = [
                Work(
                    made(f"{job_id}:{index}", index),
                    jobs.predecessors(asked, job_id, index),
                    scope,
                    parent,
                )
                for index in range(size)
            ]
        else:
            works = [Work(parent, jobs.predecessors(asked, job_id, None), scope)]
        self._scheduler.submit(works)
        return self._answer({name: parent[name] for name in ("jobId", "jobName", "jobArn")})

    def describe_jobs(self, asked: JsonObject) -> Answer:
        """Return jobs by id or ARN."""
        named = [name_of(one) for one in asked.get("jobs") or []]
        found = [self._batch._jobs[one] for one in named if one in self._batch._jobs]
        return self._answer({"jobs": [self._scheduler.snapshot(job) for job in found]})

    def list_jobs(self, asked: JsonObject) -> Answer:
        """Return the jobs of a queue, or the children of an array job; RUNNING ones by default."""
        array = asked.get("arrayJobId")
        wanted = {asked.get("jobStatus") or "RUNNING"}
        queue = self._queue(asked["jobQueue"])["jobQueueArn"] if asked.get("jobQueue") else None
        filters = {one["name"]: one["values"] for one in asked.get("filters") or []}
        found = []
        for job in list(self._batch._jobs.values()):
            is_child = ":" in job["jobId"]
            if (array and job["jobId"].partition(":")[0] != array) or bool(array) != is_child:
                continue
            if queue and job["jobQueue"] != queue:
                continue
            if names := filters.get("JOB_NAME"):
                if not any(jobs.fits(name, job["jobName"]) for name in names):
                    continue
            elif job["status"] not in wanted and not (array and not asked.get("jobStatus")):
                continue
            fields = ("jobArn", "jobId", "jobName", "createdAt", "status", "startedAt", "stoppedAt")
            more = ("statusReason", "arrayProperties", "jobDefinition")
            found.append({name: job[name] for name in (*fields, *more) if name in job})
        return self._answer({"jobSummaryList": found})

    def cancel(self, asked: JsonObject) -> Answer:
        """End a job that has not started."""
        self._scheduler.cancel(self._job(asked), asked.get("reason", ""))
        return self._answer({})

    def terminate(self, asked: JsonObject) -> Answer:
        """End a job."""
        self._scheduler.terminate(self._job(asked), asked.get("reason", ""))
        return self._answer({})

    def tags_of(self, arn: str) -> dict[str, str] | None:
        """Return the tags of a resource; nothing if there is none."""
        stores = (self._batch._compute_envs, self._batch._job_queues, self._batch._jobs)
        every = [one for store in stores for one in store.values()]
        every += [one for of_name in self._batch._job_definitions.values() for one in of_name]
        kinds = ("computeEnvironmentArn", "jobQueueArn", "jobDefinitionArn", "jobArn")
        for one in every:
            if arn in [one.get(kind) for kind in kinds]:
                tags: dict[str, str] = one.setdefault("tags", {})
                return tags
        return None

    def _answer(self, body: JsonObject) -> Answer:
        found: Answer = self._batch._json(200, body)
        return found

    def _queue(self, wanted: str) -> JsonObject:
        found: JsonObject | None = self._batch._job_queues.get(name_of(wanted))
        if found is None:
            raise ClientError(f"JobQueue {wanted} not found")
        return found

    def _definition(self, wanted: str) -> JsonObject:
        """Return a revision; without a number, the newest active one."""
        name, _, revision = name_of(wanted).partition(":")
        every: list[JsonObject] = self._batch._job_definitions.get(name) or []
        if revision:
            found = [one for one in every if str(one["revision"]) == revision]
        else:
            found = [one for one in every if one["status"] == "ACTIVE"]
        if not found:
            raise ClientError(f"JobDefinition {wanted} does not exist")
        return found[-1]

    def _job(self, asked: JsonObject) -> str:
        if not asked.get("reason"):
            raise ClientError("Reason is required")
        job_id = name_of(asked.get("jobId", ""))
        if job_id not in self._batch._jobs:
            raise ClientError(f"Job {job_id} does not exist")
        return job_id


def name_of(wanted: str) -> str:
    """Return what a resource is called, of its name or its ARN."""
    return wanted.rpartition("/")[2]
