"""StartIncident: start one execution for each new incident in the table's stream.

The execution has the incident's id as its name, so a record that arrives again starts nothing. Its
input has the form of an event, by which a failed incident is redriven over the bus.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import describe, get_logger
from incident_notification.errors import IncidentIdReused

log = get_logger("start_incident")

SOURCE = "flowbridge.incident_notification"
DETAIL_TYPE = "IncidentReported"
#: Ids that can be an execution's name as they are. EventBridge's names of executions have an
#: underscore after the event's id.
NAME = re.compile(r"[A-Za-z0-9-]{1,80}")
EXISTS = "ExecutionAlreadyExists"


def handler(batch: dict[str, Any], _context: object) -> dict[str, Any]:
    """Start the executions; return the records whose incident could not be started.

    The records behind one that failed are handled too: Lambda repeats all of them, and finds these
    started. A redrive also has the changes of incidents, which start nothing.
    """
    failures = []
    for record in (one for one in batch["Records"] if one["eventName"] == "INSERT"):
        number = record["dynamodb"]["SequenceNumber"]
        try:
            start(event_of(record))
        except Exception as error:  # one record must not hold back the others
            log.error("incident not started", extra={"record": number, **describe(error)})
            failures.append({"itemIdentifier": number})
    return {"batchItemFailures": failures}


def event_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a record, the same one whenever the record is read."""
    # Imported here: it would slow the cold start, and botocore imports it anyway.
    from datetime import UTC, datetime

    changed = record["dynamodb"]
    incident = changed["Keys"]["incident_id"]["S"]
    at = datetime.fromtimestamp(changed["ApproximateCreationDateTime"], UTC)
    return {
        "id": execution_name(incident),
        "source": SOURCE,
        "detail-type": DETAIL_TYPE,
        "time": at.isoformat(),
        "resources": [],
        "detail": {"incident_id": incident},
    }


def execution_name(incident: str) -> str:
    """Return the name of an incident's execution: its id, or a digest of it."""
    if NAME.fullmatch(incident):
        return incident
    return f"incident-{hashlib.sha256(incident.encode()).hexdigest()[:32]}"


def start(event: dict[str, Any]) -> None:
    """Start the execution of an event, unless it was started already.

    Raises
    ------
    IncidentIdReused
        When the execution of this name had another event.
    """
    states, text = client("stepfunctions"), json.dumps(event, sort_keys=True)
    try:
        states.start_execution(
            stateMachineArn=config.required("STATE_MACHINE_ALIAS"), name=event["id"], input=text
        )
    except states.exceptions.ExecutionAlreadyExists:
        arn = f"{config.required('EXECUTIONS')}:{event['id']}"
        if states.describe_execution(executionArn=arn)["input"] != text:
            raise IncidentIdReused(
                "An earlier incident had this id. Report the incident with a new id."
            ) from None
        log.info("incident started before", extra={"execution": event["id"]})
