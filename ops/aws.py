"""AWS clients for an environment: on the emulator, or in the account of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from ops.environments import Environment
from ops.settings import LOCAL, LocalSettings

if TYPE_CHECKING:
    from boto3.session import Session

#: The emulator's root user: an account is chosen by its number as the key.
EMULATOR_SECRET = "test"  # noqa: S105  well known, good on loopback only

#: Calls are repeated by boto3 itself; no call of an operator's command may hang.
CLIENT_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4}
)


class Aws:
    """The AWS clients of one environment, made when first asked for.

    Parameters
    ----------
    environment
        ``local``, ``dev``, ``qa`` or ``prd``.
    local
        Where the emulator answers, and whether other environments than ``local`` are on it.
    """

    def __init__(self, environment: str, local: LocalSettings) -> None:
        self.environment = environment
        self.emulated = environment == LOCAL or local.emulated
        self._local = local
        self._clients: dict[str, Any] = {}
        self._session = self._new_session()

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ``stepfunctions``."""
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self._local.endpoint if self.emulated else None,
                config=CLIENT_CONFIG,
            )
        return self._clients[service]

    def variables(self) -> dict[str, str]:
        """Return the environment variables that make other AWS tools reach this environment."""
        if not self.emulated:
            return {}
        environment = Environment.named(self.environment)
        return {
            "AWS_ACCESS_KEY_ID": environment.account_id,
            "AWS_SECRET_ACCESS_KEY": EMULATOR_SECRET,
            "AWS_REGION": environment.region,
            "AWS_DEFAULT_REGION": environment.region,
            "AWS_ENDPOINT_URL": self._local.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _new_session(self) -> Session:
        environment = Environment.named(self.environment)
        if not self.emulated:
            return boto3.Session(region_name=environment.region)
        return boto3.Session(
            aws_access_key_id=environment.account_id,
            aws_secret_access_key=EMULATOR_SECRET,
            region_name=environment.region,
        )
