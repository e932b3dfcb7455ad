"""DataBrew's operations: data sets, recipes, jobs, and their runs."""

from __future__ import annotations

import contextvars
import logging
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from emulator import aws_events, objects, policies
from emulator.objects import Objects
from emulator.patches.databrew import recipes
from emulator.services import JsonObject, Refused
from emulator.sql.database import database_in
from emulator.sql.types import literal

SERVICE = "databrew.amazonaws.com"
LIVE = ("STARTING", "RUNNING", "STOPPING")
MESSAGES = {
    "SUCCEEDED": "Job run succeeded",
    "FAILED": "Job run failed",
    "STOPPED": "Job run stopped",
    "TIMEOUT": "Job run timed out",
}
#: A run takes this long to get its machines; AWS needs a minute or more.
START_SECONDS = 0.3
MINUTE = 60
log = logging.getLogger("emulator")


class StoppedError(Exception):
    """A run was stopped, or took too long."""

    def __init__(self, state: str) -> None:
        super().__init__(MESSAGES[state])
        self.state = state


class DataBrew:
    """The resources of all accounts, by ARN.

    Parameters
    ----------
    endpoint
        The emulator's URL.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._datasets: dict[str, JsonObject] = {}
        self._recipes: dict[str, JsonObject] = {}
        self._jobs: dict[str, JsonObject] = {}
        self._runs: dict[str, list[JsonObject]] = {}

    def create_dataset(self, fields: JsonObject) -> JsonObject:
        """Create a data set."""
        return create(self._datasets, "dataset", fields)

    def describe_dataset(self, fields: JsonObject) -> JsonObject:
        """Return a data set."""
        return found(self._datasets, "dataset", fields["Name"])

    def delete_dataset(self, fields: JsonObject) -> JsonObject:
        """Delete a data set."""
        return delete(self._datasets, "dataset", fields["Name"])

    def create_recipe(self, fields: JsonObject) -> JsonObject:
        """Create a recipe."""
        return create(self._recipes, "recipe", fields)

    def publish_recipe(self, fields: JsonObject) -> JsonObject:
        """Publish a recipe, so that jobs may use it."""
        recipe = found(self._recipes, "recipe", fields["Name"])
        version = int(float(recipe.get("RecipeVersion", "0.0"))) + 1
        recipe |= {"RecipeVersion": f"{version}.0", "PublishedDate": time.time()}
        return {"Name": fields["Name"]}

    def describe_recipe(self, fields: JsonObject) -> JsonObject:
        """Return a recipe."""
        return found(self._recipes, "recipe", fields["Name"])

    def delete_recipe_version(self, fields: JsonObject) -> JsonObject:
        """Delete a recipe."""
        version = found(self._recipes, "recipe", fields["Name"]).get("RecipeVersion", "1.0")
        return {**delete(self._recipes, "recipe", fields["Name"]), "RecipeVersion": version}

    def create_recipe_job(self, fields: JsonObject) -> JsonObject:
        """Create a job that applies a recipe to a data set."""
        found(self._datasets, "dataset", fields["DatasetName"])
        found(self._recipes, "recipe", fields["RecipeReference"]["Name"])
        return create(self._jobs, "job", {**fields, "Type": "RECIPE"})

    def describe_job(self, fields: JsonObject) -> JsonObject:
        """Return a job."""
        return found(self._jobs, "job", fields["Name"])

    def delete_job(self, fields: JsonObject) -> JsonObject:
        """Delete a job."""
        return delete(self._jobs, "job", fields["Name"])

    def start_job_run(self, fields: JsonObject) -> JsonObject:
        """Begin a run of a job, which has one at a time."""
        job = found(self._jobs, "job", fields["Name"])
        runs = self._runs.setdefault(job["ResourceArn"], [])
        if any(run["State"] in LIVE for run in runs):
            raise Refused("ConflictException", f"The job {fields['Name']} is running.")
        run: JsonObject = {
            "RunId": f"db_{uuid4().hex}",
            "JobName": fields["Name"],
            "DatasetName": job["DatasetName"],
            "RecipeReference": job["RecipeReference"],
            "Outputs": job.get("Outputs", []),
            "State": "STARTING",
            "StartedOn": time.time(),
            "Attempt": 0,
        }
        runs.append(run)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run, job, run), daemon=True).start()
        return {"RunId": run["RunId"]}

    def describe_job_run(self, fields: JsonObject) -> JsonObject:
        """Return a run."""
        return self._found_run(fields)

    def list_job_runs(self, fields: JsonObject) -> JsonObject:
        """Return the runs of a job, the newest first."""
        job = found(self._jobs, "job", fields["Name"])
        newest = self._runs.get(job["ResourceArn"], [])[::-1]
        return {"JobRuns": newest[: int(fields.get("MaxResults") or 100)]}

    def stop_job_run(self, fields: JsonObject) -> JsonObject:
        """Stop a run."""
        run = self._found_run(fields)
        if run["State"] in LIVE:
            run["State"] = "STOPPING"
        return {"RunId": fields["RunId"]}

    def _found_run(self, fields: JsonObject) -> JsonObject:
        job = found(self._jobs, "job", fields["Name"])
        for run in self._runs.get(job["ResourceArn"], []):
            if run["RunId"] == fields["RunId"]:
                return run
        raise Refused("ResourceNotFoundException", f"The job run {fields['RunId']} was not found.")

    def _run(self, job: JsonObject, run: JsonObject) -> None:
        """Carry out a run, and send its state."""
        # Of a run that stopped, nothing is left behind.
        try:
            self._transform(job, run)
            state, message = "SUCCEEDED", MESSAGES["SUCCEEDED"]
        except StoppedError as stopped:
            state, message = stopped.state, str(stopped)
        except Exception as problem:
            log.warning("Run %s of %s failed: %s", run["RunId"], run["JobName"], problem)
            state, message = "FAILED", str(problem)[:1000]
        now = time.time()
        if state != "SUCCEEDED":
            run["ErrorMessage"] = message
        run |= {
            "CompletedOn": now,
            "ExecutionTime": int(now - run["StartedOn"]),
            "State": state,
        }
        detail = {
            "jobName": run["JobName"],
            "severity": "INFO" if state == "SUCCEEDED" else "ERROR",
            "state": state,
            "jobRunId": run["RunId"],
            "message": message,
        }
        aws_events.send("aws.databrew", "DataBrew Job State Change", [], detail)

    def _transform(self, job: JsonObject, run: JsonObject) -> None:
        """Apply the recipe with the rights of the job's role."""
        deadline = run["StartedOn"] + job.get("Timeout", 2880) * MINUTE

        def check() -> None:
            if run["State"] == "STOPPING":
                raise StoppedError("STOPPED")
            if time.time() > deadline:
                raise StoppedError("TIMEOUT")

        time.sleep(START_SECONDS)
        check()
        run["State"] = "RUNNING"
        dataset = found(self._datasets, "dataset", job["DatasetName"])
        recipe = found(self._recipes, "recipe", job["RecipeReference"]["Name"])
        # A role that DataBrew may not take fails the run, not its start.
        role = job["RoleArn"]
        account, _ = place_of(job["ResourceArn"])
        keys = {"aws:SourceArn": job["ResourceArn"], "aws:SourceAccount": account}
        if cause := policies.trust_refusal(role, SERVICE, keys):
            raise objects.DeniedError(cause)
        with tempfile.TemporaryDirectory() as place, database_in(Path(place)) as database:
            files = Objects(
                objects.client(self._endpoint, *place_of(job["ResourceArn"])),
                lambda action, arn: policies.role_refusal(role, action, arn),
            )
            source = dataset["Input"]["S3InputDefinition"]
            table = read(files, source, Path(place))
            select = recipes.query(table, recipe["Steps"])
            written = Path(place, "written.csv")
            check()
            database.row(f"COPY ({select}) TO {literal(str(written))} (FORMAT csv, HEADER)")
            check()
            for output in job["Outputs"]:
                write(files, output, written, run)


def read(files: Objects, source: Mapping[str, Any], folder: Path) -> str:
    """Copy the objects of a data set to files, and return the SQL that reads them.

    Raises
    ------
    FileNotFoundError
        When there are none.
    """
    bucket, key = source["Bucket"], source.get("Key", "")
    paths = []
    for index, one in enumerate(sorted(files.keys(bucket, key))):
        paths.append(folder / f"source-{index}.csv")
        files.read(bucket, one, paths[-1])
    if not paths:
        raise FileNotFoundError(f"The data set has no object at s3://{bucket}/{key}.")
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_csv([{listed}], header = true, all_varchar = true)"


def write(files: Objects, output: Mapping[str, Any], file: Path, run: JsonObject) -> None:
    """Copy a file to an output of a job, which is a folder."""
    bucket, key = output["Location"]["Bucket"], output["Location"].get("Key", "").rstrip("/")
    folder = f"{key}/" if key else ""
    name = f"{run['JobName']}_part00000.csv"
    if output.get("Overwrite"):
        files.write(file, bucket, f"{folder}{name}")
    else:
        begin = datetime.fromtimestamp(run["StartedOn"], UTC)
        files.write(file, bucket, f"{folder}{run['JobName']}_{begin:%d%b%Y_%s}/{name}")


def create(store: dict[str, JsonObject], kind: str, fields: JsonObject) -> JsonObject:
    """Add a resource of the request's account.

    Raises
    ------
    Refused
        When there is one of its name.
    """
    arn = arn_of(kind, fields["Name"])
    if arn in store:
        raise Refused("ConflictException", f"The {kind} {fields['Name']} already exists.")
    store[arn] = {**fields, "ResourceArn": arn, "CreateDate": time.time()}
    return {"Name": fields["Name"]}


def found(store: Mapping[str, JsonObject], kind: str, name: str) -> JsonObject:
    """Return a resource of the request's account.

    Raises
    ------
    Refused
        When there is none.
    """
    resource = store.get(arn_of(kind, name))
    if resource is None:
        raise Refused(
            "ResourceNotFoundException", f"The {kind} {name} was not found in your account."
        )
    return resource


def delete(store: dict[str, JsonObject], kind: str, name: str) -> JsonObject:
    """Remove a resource of the request's account."""
    found(store, kind, name)
    del store[arn_of(kind, name)]
    return {"Name": name}


def place_of(arn: str) -> tuple[str, str]:
    """Return the account and the region of an ARN."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return account, region


def arn_of(kind: str, name: str) -> str:
    """Return the ARN of a resource of the request's account."""
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:databrew:{get_region()}:{get_account_id()}:{kind}/{name}"
