"""AWS clients of an environment: on the emulator or in the caller's account."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emulator.quotas import Quotas, scale_of
from ops.aws.pace import SHARE, Pace
from ops.errors import OperationError
from ops.settings import LOCAL, LocalSettings
from ops.terraform.environments import Environment

if TYPE_CHECKING:
    from boto3.session import Session

#: The emulator's root user; the access key id selects the account.
EMULATOR_SECRET = "test"  # noqa: S105  well known, works on loopback only

#: These variables take precedence over AWS_PROFILE.
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

#: boto3 retries; the timeouts keep an operator's command from hanging.
CLIENT_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4}
)
#: These services throttle commands that read much. boto3 slows down then, and tries for minutes.
THROTTLING_SERVICES = ("stepfunctions", "logs")
PATIENT_CONFIG = CLIENT_CONFIG.merge(
    Config(read_timeout=20, retries={"mode": "adaptive", "max_attempts": 10})
)

#: boto3 raises these when AWS refuses or does not answer.
AWS_ERRORS = (BotoCoreError, ClientError)


def as_operation_error(error: Exception) -> OperationError:
    """Convert an AWS error to an OperationError; return an OperationError unchanged."""
    if isinstance(error, OperationError):
        return error
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchBucket":
        action = "If the environment is not bootstrapped, type 'make bootstrap ENV=<environment>'."
        return OperationError(f"AWS refused: {error}", action)
    return OperationError(f"AWS refused: {error}", "Check the environment and your credentials.")


class Aws:
    """The AWS clients of one environment, created on first use.

    Parameters
    ----------
    environment
        ``local``, ``dev``, ``qa`` or ``prd``.
    local
        The emulator's address, and whether environments other than ``local`` run on it.
    """

    def __init__(self, environment: str, local: LocalSettings) -> None:
        self.environment = environment
        self.emulated = environment == LOCAL or local.emulated
        self._local = local
        self._clients: dict[str, Any] = {}
        self._session = self._new_session()
        self.calls = Pace(self.quotas)

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ``stepfunctions``."""
        if service not in self._clients:
            patient = service in THROTTLING_SERVICES
            client = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self._local.endpoint if self.emulated else None,
                config=PATIENT_CONFIG if patient else CLIENT_CONFIG,
            )
            self.calls.watch(client)
            self._clients[service] = client
        return self._clients[service]

    def require_account(self) -> None:
        """Check that the credentials belong to the environment's account.

        Raises
        ------
        OperationError
            When they belong to another account; the message names both.
        """
        if self.emulated:
            return
        found = self.client("sts").get_caller_identity()["Account"]
        wanted = self._environment.account_id
        if found != wanted:
            raise OperationError(
                f"These credentials are for account {found}; '{self.environment}' is in account "
                f"{wanted}.",
                f"Sign in to {wanted}, preferably as the AWS profile {self._environment.prefix}.",
            )

    def variables(self) -> dict[str, str]:
        """Return the environment variables that connect other AWS tools to this environment."""
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

    @cached_property
    def quotas(self) -> Quotas | None:
        """The quotas that this command stays within; the emulator may have none."""
        if not self.emulated:
            return Quotas(SHARE)
        setting = self._local.quotas
        return Quotas(SHARE * scale_of(setting)) if setting else None

    def _profile(self) -> str | None:
        """Return the environment's AWS profile, such as ``flowbridge-dev``, if it exists.

        A promotion works in two accounts at once, so one set of credentials is not enough.
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
