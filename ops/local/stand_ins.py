"""Secrets of other teams, which the local environment has in their stead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: Marks a secret that no flow owns, and Terraform does not destroy.
OWNER = {"Key": "owner", "Value": "another team"}


def put_secret(client: Callable[[str], Any], name: str, value: str) -> str:
    """Create another team's secret unless it exists; return what it holds.

    Parameters
    ----------
    client
        Returns the boto3 client of a service.
    name, value
        Of the secret.
    """
    secrets = client("secretsmanager")
    with suppress(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name=name, SecretString=value, Tags=[OWNER])
    found: str = secrets.get_secret_value(SecretId=name)["SecretString"]
    return found
