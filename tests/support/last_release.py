"""The state of the last release's ``dev``, as far as a test of an upgrade needs it.

Regenerate it after a release, from the state of an environment that runs it::

    python -m tests.support.last_release < dev.tfstate > tests/platform/last_release.json
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

#: Types that hold data, or an identity that others know: replacing one loses it.
KEPT = frozenset(
    {
        "aws_api_gateway_rest_api",
        "aws_cloudfront_distribution",
        "aws_cloudwatch_event_archive",
        "aws_cloudwatch_event_bus",
        "aws_cloudwatch_log_group",
        "aws_db_instance",
        "aws_dynamodb_table",
        "aws_kms_key",
        "aws_lambda_function",
        "aws_s3_bucket",
        "aws_secretsmanager_secret",
        "aws_secretsmanager_secret_version",
        "aws_sesv2_email_identity",
        "aws_sfn_state_machine",
        "aws_sns_topic",
        "aws_sqs_queue",
        "aws_subnet",
        "aws_vpc",
    }
)
#: Long attributes that change without a replacement.
LEFT_OUT = frozenset({"body", "definition", "environment", "policy", "timeouts"})


def compact(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state with all addresses and the attributes that a replacement depends on."""
    return {
        **{name: state[name] for name in ("version", "terraform_version", "serial", "lineage")},
        "outputs": {},
        "resources": [
            {
                **{
                    name: resource[name]
                    for name in ("module", "mode", "type", "name", "provider")
                    if name in resource
                },
                "instances": [_instance(resource, one) for one in resource["instances"]],
            }
            for resource in state["resources"]
            if resource["mode"] == "managed"
        ],
        "check_results": None,
    }


def _instance(resource: dict[str, Any], instance: dict[str, Any]) -> dict[str, Any]:
    given = instance["attributes"]
    if resource["type"] not in KEPT:
        given = {name: value for name, value in given.items() if is_short(value)}
    attributes = {
        name: value
        for name, value in given.items()
        if name not in LEFT_OUT and value not in (None, [], {})
    }
    names = ("index_key", "schema_version")
    return {**{n: instance[n] for n in names if n in instance}, "attributes": attributes}


def is_short(value: Any) -> bool:
    """Return whether an attribute can identify a resource or refer to another."""
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) < 200)


def on_aws(text: str) -> str:
    """Return a state that was made on an emulator with the addresses that AWS would give."""
    text = re.sub(
        r"http://127\.0\.0\.1:\d+/(\d{12}/)", r"https://sqs.us-east-1.amazonaws.com/\1", text
    )
    return re.sub(r"(https?://)?127\.0\.0\.1(:\d+)?", "example.com", text)


if __name__ == "__main__":
    state = compact(json.loads(on_aws(sys.stdin.read())))
    lines = [json.dumps(resource) for resource in state.pop("resources")]
    # A line for each resource, so that a difference can be read.
    resources = ",\n".join(lines)
    sys.stdout.write(f'{json.dumps(state)[:-1]}, "resources": [\n{resources}\n]}}\n')
