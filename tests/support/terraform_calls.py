"""Which rights calls take: those of Terraform's provider, as its own log says, and of boto3."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: The variables that make Terraform write that log.
LOG_LEVEL, LOG_FILE = "TF_LOG_PROVIDER", "TF_LOG_PATH"

#: The prefix of a service's actions in policies.
PREFIXES = {
    "Appflow": "appflow",
    "Athena": "athena",
    "Batch": "batch",
    "CloudFormation": "cloudformation",
    "CloudFront": "cloudfront",
    "CloudWatch": "cloudwatch",
    "CloudWatch Logs": "logs",
    "DynamoDB": "dynamodb",
    "EC2": "ec2",
    "EventBridge": "events",
    "Glue": "glue",
    "IAM": "iam",
    "KMS": "kms",
    "Lambda": "lambda",
    "Pinpoint SMS Voice V2": "sms-voice",
    "RDS": "rds",
    "SES": "ses",
    "SESv2": "ses",
    "S3": "s3",
    "SFN": "states",
    "SNS": "sns",
    "SQS": "sqs",
    "SSM": "ssm",
    "Scheduler": "scheduler",
    "Secrets Manager": "secretsmanager",
}
#: Operations whose right has another name.
OTHER_NAMES = {
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
    "lambda:Invoke": "lambda:InvokeFunction",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
#: API Gateway's rights are HTTP methods, S3's are tested by themselves, and everybody may ask who
#: they are.
OTHERS = ("API Gateway", "S3", "STS")


def actions(log: Iterable[str]) -> set[str]:
    """Return the rights that the calls of a log take."""
    found = set()
    for line in log:
        service = re.search(r'rpc\.service=(?:"([^"]+)"|(\S+))', line)
        method = re.search(r"rpc\.method=(\w+)", line)
        if service and method and (name := service[1] or service[2]) not in OTHERS:
            found.add(action(name, method[1]))
    return found


def action(service: str, operation: str) -> str:
    """Return the right that an operation of a service takes; the names are those of AWS's SDKs."""
    name = f"{PREFIXES[service]}:{operation}"
    return OTHER_NAMES.get(name, name)
