"""AWS clients for an environment: on the emulator, or in the account of the caller."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import OperationError
from ops.settings import LOCAL, LocalSettings
from ops.terraform.environments import Environment

if TYPE_CHECKING:
    from boto3.session import Session

#: The emulator's root user: an account is chosen by its number as the key.
EMULATOR_SECRET = "test"  # noqa: S105  well known, good on loopback only

#: What would go before a profile that is named in the environment, too.
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

#: Calls are repeated by boto3 itself; no call of an operator's command may hang.
CLIENT_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4}
)

#: What a call of boto3 raises: AWS refuses, or does not answer.
AWS_ERRORS = (BotoCoreError, ClientError)


def as_operation_error(error: Exception) -> OperationError:
    """Return an error of AWS as one that an operator reads; any other operation's as it is."""
    if isinstance(error, OperationError):
        return error
    return OperationError(f"AWS refused: {error}", "Check the environment and your credentials.")


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

    def require_account(self) -> None:
        """Refuse credentials of another account than the environment's.

        Raises
        ------
        OperationError
            Naming both accounts.
        """
        if self.emulated:
            return
        found = self.client("sts").get_caller_identity()["Account"]
        wanted = self._environment.account_id
        if found != wanted:
            raise OperationError(
                f"These credentials are for account {found}; '{self.environment}' is in account "
                f"{wanted}.",
                f"Sign in to {wanted}, best under the AWS profile {self._environment.prefix}.",
            )

    def variables(self) -> dict[str, str]:
        """Return the environment variables that make other AWS tools reach this environment."""
        if not self.emulated:
            return {"AWS_PROFILE": profile} if (profile := self._profile()) else {}
        return {
            "AWS_ACCESS_KEY_ID": self._environment.account_id,
            "AWS_SECRET_ACCESS_KEY": EMULATOR_SECRET,
            "AWS_REGION": self._environment.region,
            "AWS_DEFAULT_REGION": self._environment.region,
            "AWS_ENDPOINT_URL": self._local.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cached_property
    def _environment(self) -> Environment:
        return Environment.named(self.environment)

    def _profile(self) -> str | None:
        """Return the AWS profile of the environment's name, such as ``flowbridge-dev``, if any.

        A promotion works in two accounts at once, which one set of credentials cannot.
        """
        name = self._environment.prefix
        return name if name in boto3.Session().available_profiles else None

    def _new_session(self) -> Session:
        region = self._environment.region
        if not self.emulated:
            return boto3.Session(region_name=region, profile_name=self._profile())
        return boto3.Session(
            aws_access_key_id=self._environment.account_id,
            aws_secret_access_key=EMULATOR_SECRET,
            region_name=region,
        )
