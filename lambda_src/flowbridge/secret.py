"""A secret of Secrets Manager, read once and again when it no longer works."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from flowbridge.clients import client
from flowbridge.errors import ConfigurationError, SecretUnavailable
from flowbridge.logs import get_logger

log = get_logger("secret")

#: How long a value is kept before it is read again unasked.
MAX_AGE_SECONDS = 300.0


class Secret:
    """The value of one secret.

    Parameters
    ----------
    secret_id
        Its name or ARN.
    read
        Reads a secret's text; Secrets Manager unless a test says otherwise.
    now
        A monotonic clock in seconds.
    """

    def __init__(
        self,
        secret_id: str,
        read: Callable[[str], str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = secret_id
        self._read = read or read_secret
        self._now = now
        self._text: str | None = None
        self._read_at = 0.0

    def text(self) -> str:
        """Return the value as text.

        A value that grew old is read again; when that fails for now, the old one goes on.

        Raises
        ------
        SecretUnavailable
            When there is no value yet and none can be read now.
        ConfigurationError
            When the secret cannot be read at all.
        """
        if self._text is None:
            return self._reread()
        if self._now() - self._read_at <= MAX_AGE_SECONDS:
            return self._text
        try:
            return self._reread()
        except SecretUnavailable as error:
            log.warning("a secret's older value is used", extra={"reason": str(error)})
            self._read_at = self._now()
            return self._text

    def fields(self, *names: str) -> dict[str, str]:
        """Return the texts that the secret, a JSON object, must hold under these names.

        Raises
        ------
        SecretUnavailable, ConfigurationError
            As `text` does, and when the secret does not hold them.
        """
        try:
            value = json.loads(self.text())
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise ConfigurationError(f"the secret {self._id} holds no JSON object")
        for name in names:
            if not isinstance(value.get(name), str) or not value[name]:
                raise ConfigurationError(f"the secret {self._id} lacks the text '{name}'")
        return {name: value[name] for name in names}

    def refresh(self) -> bool:
        """Read the value again, and return whether it is another one now (it was rotated).

        Raises
        ------
        SecretUnavailable, ConfigurationError
            As `text` does; the value from before is kept.
        """
        before = self._text
        return self._reread() != before

    def _reread(self) -> str:
        self._text = self._read(self._id)
        self._read_at = self._now()
        return self._text


def read_secret(secret_id: str) -> str:
    """Return the text of a secret, from Secrets Manager.

    Raises
    ------
    SecretUnavailable
        When Secrets Manager is out of reach, throttles or fails.
    ConfigurationError
        When the secret is missing, holds no text, or may not be read.
    """
    from botocore import exceptions

    try:
        answer = client("secretsmanager").get_secret_value(SecretId=secret_id)
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise SecretUnavailable(
            f"Secrets Manager gave no answer for {secret_id}: {type(error).__name__}"
        ) from None
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or status == 429 or "Throttl" in code:
            raise SecretUnavailable(f"Secrets Manager answered {code} for {secret_id}") from None
        raise ConfigurationError(
            f"the secret {secret_id} cannot be read: {code}; see that it has a value and that "
            "the function's role allows secretsmanager:GetSecretValue on it"
        ) from None
    text = answer.get("SecretString")
    if not isinstance(text, str):
        raise ConfigurationError(f"the secret {secret_id} holds no text")
    return text
