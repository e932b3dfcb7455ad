"""Look at the canary record."""

import json
import os
from typing import Any

import boto3


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the state of the canary, None without one."""
    ssm = boto3.client("ssm")
    try:
        found = ssm.get_parameter(Name=f"{os.environ['PARAMETER_PREFIX']}canary")
    except ssm.exceptions.ParameterNotFound:
        return {"state": None}
    return {"state": json.loads(found["Parameter"]["Value"])["state"]}
