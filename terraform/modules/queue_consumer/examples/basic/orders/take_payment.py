"""Take the payments in a batch of messages."""

import json
import os

import boto3


def handler(batch, _context):
    """Report the messages that must be tried again; set those aside that never succeed."""
    failures = []
    for record in batch["Records"]:
        payment = json.loads(record["body"])
        if payment["amount"] <= 0:
            set_aside(record, f"the amount is {payment['amount']}")
        elif payment.get("fails"):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def set_aside(record, cause):
    """Send a message to the dead-letter queue, with the reason."""
    texts = {"errorName": "WrongAmount", "errorCause": cause}
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["DEAD_LETTER_QUEUE_URL"],
        MessageBody=record["body"],
        MessageAttributes={
            name: {"DataType": "String", "StringValue": text} for name, text in texts.items()
        },
    )
