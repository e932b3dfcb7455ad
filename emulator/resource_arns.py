"""The resources that a call is about, where AWS asks for more, or others, than MiniStack guesses.

The facts are those of the pages of AWS Glue, Amazon Athena, AWS Batch and Amazon Transcribe in
https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fields = Mapping[str, Any]
#: Given the action and the request's fields, the resources without ``arn:aws:<service>:<place>:``.
Finder = Callable[[str, Fields], list[str]]


def resources_of(
    service: str,
    action: str,
    fields: Fields,
    place: str,
    workgroup_of: Callable[[str], str],
    revision_of: Callable[[str], str] = lambda _: "",
) -> list[str]:
    """Return the ARNs of what a call is about; empty where MiniStack's own answer is right.

    Parameters
    ----------
    service, action
        Such as ``glue`` and ``GetTable``.
    fields
        The request's fields by name.
    place
        Region and account: ``us-east-1:000000000000``.
    workgroup_of
        Returns the workgroup of an Athena query by its id.
    revision_of
        Returns the newest revision of a job definition by its name; empty if there is none.
    """
    find = FINDERS.get(service)
    if find is None:
        return []
    if service == "athena" and "QueryExecutionId" in fields:
        fields = {**fields, "WorkGroup": workgroup_of(str(fields["QueryExecutionId"]))}
    if service == "batch" and "jobDefinition" in fields:
        name = str(fields["jobDefinition"]).rpartition("/")[2]
        fields = {**fields, "revision": "" if ":" in name else revision_of(name)}
    return [
        name if name.startswith("arn:") or name == "*" else f"arn:aws:{service}:{place}:{name}"
        for name in find(action, fields)
    ]


def glue(action: str, fields: Fields) -> list[str]:
    """Return what a call of AWS Glue is about: of the catalog, also what contains it."""
    if "Crawler" in action:
        return [f"crawler/{fields['Name']}"] if "Name" in fields else ["*"]
    if "Job" in action:
        name = fields.get("JobName") or fields.get("Name")
        return [f"job/{name}"] if name else ["*"]
    given = fields.get("DatabaseInput") or {}
    database = fields.get("DatabaseName") or given.get("Name")
    if "Database" in action:
        database = fields.get("Name") or database
        return ["catalog", *([f"database/{database}"] if database else ["database/*"])]
    table = (
        fields.get("TableName")
        or (fields.get("TableInput") or {}).get("Name")
        or (fields.get("Name") if "Table" in action else None)
    )
    if database is None:
        return []
    return ["catalog", f"database/{database}", f"table/{database}/{table or '*'}"]


def athena(action: str, fields: Fields) -> list[str]:
    """Return the workgroup of a query, of a prepared statement, or of neither."""
    if action.startswith(("List", "Create")) and not fields.get("WorkGroup"):
        return []
    if "Query" in action or "PreparedStatement" in action:
        return [f"workgroup/{fields.get('WorkGroup') or 'primary'}"]
    return []


def batch(action: str, fields: Fields) -> list[str]:
    """Return queue and definition of a job that is submitted, or the job itself.

    A definition without a revision counts twice, because AWS's pages disagree: in a policy by tags,
    its ARN has no revision, and in one by names it always has one. A policy must allow both.
    https://docs.aws.amazon.com/batch/latest/userguide/iam-example-restrict-job-submission.html
    https://docs.aws.amazon.com/batch/latest/userguide/iam-example-restrict-job-submission-by-tags.html
    """
    if action == "SubmitJob":
        kinds = (("job-queue", "jobQueue"), ("job-definition", "jobDefinition"))
        named = [(kind, str(fields.get(field, ""))) for kind, field in kinds]
        found = [name if name.startswith("arn:") else f"{kind}/{name}" for kind, name in named]
        newest = fields.get("revision")
        return [*found, f"{found[1]}:{newest}"] if newest else found
    if action in ("TerminateJob", "CancelJob"):
        return [f"job/{fields.get('jobId', '*')}"]
    return []


def transcribe(_action: str, fields: Fields) -> list[str]:
    """Return the transcription job."""
    name = fields.get("TranscriptionJobName")
    return [f"transcription-job/{name}"] if name else []


FINDERS: Mapping[str, Finder] = {
    "athena": athena,
    "batch": batch,
    "glue": glue,
    "transcribe": transcribe,
}
