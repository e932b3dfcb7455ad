"""AWS clients for an environment: the emulator for ``local``, the caller's account for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from ops.settings import LOCAL, LocalSettings

if TYPE_CHECKING:
    from boto3.session import Session

LOCAL_REGION = "us-east-1"
LOCAL_ACCOUNT = "000000000000"
LOCAL_KEY = "test"
LOCAL_SECRET = "test"  # noqa: S105  the emulator's well-known root secret

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
        Where the emulator answers, used for ``local`` only.
    """

    def __init__(self, environment: str, local: LocalSettings) -> None:
        self.environment = environment
        self._local = local
        self._clients: dict[str, Any] = {}
        self._session = self._new_session()

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ``stepfunctions``."""
        if service not in self._clients:
            endpoint = self._local.endpoint if self.environment == LOCAL else None
            self._clients[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=endpoint,
                config=CLIENT_CONFIG,
            )
        return self._clients[service]

    def variables(self) -> dict[str, str]:
        """Return the environment variables that make other AWS tools reach this environment."""
        if self.environment != LOCAL:
            return {}
        return {
            "AWS_ACCESS_KEY_ID": LOCAL_KEY,
            "AWS_SECRET_ACCESS_KEY": LOCAL_SECRET,
            "AWS_REGION": LOCAL_REGION,
            "AWS_DEFAULT_REGION": LOCAL_REGION,
            "AWS_ENDPOINT_URL": self._local.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _new_session(self) -> Session:
        if self.environment != LOCAL:
            return boto3.Session()
        return boto3.Session(
            aws_access_key_id=LOCAL_KEY,
            aws_secret_access_key=LOCAL_SECRET,
            region_name=LOCAL_REGION,
        )
