"""Announce new parcels, and report those without a receiver."""

import logging

log = logging.getLogger()


def handler(event, _context):
    """Return the records that cannot be announced."""
    failures = []
    for record in (record["dynamodb"] for record in event["Records"]):
        if "receiver" in record["NewImage"]:
            log.warning("announced %s", record["Keys"]["parcelId"]["S"])
        else:
            failures.append({"itemIdentifier": record["SequenceNumber"]})
    return {"batchItemFailures": failures}
