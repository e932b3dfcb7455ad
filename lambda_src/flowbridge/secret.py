"""A cached secret of Secrets Manager, read again when it expires or stops working."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from flowbridge.clients import client
from flowbridge.errors import ConfigurationError, SecretUnavailable
from flowbridge.logs import get_logger

log = get_logger("secret")

#: Age at which a cached value is read again.
MAX_AGE_SECONDS = 300.0


class Secret:
    """The value of one secret.

    Parameters
    ----------
    secret_id
        Its name or ARN.
    read
        Reads a secret's text; by default from Secrets Manager.
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

        An expired value is read again; if that fails transiently, the stale value is used.

        Raises
        ------
        SecretUnavailable
            When no value is cached and reading fails transiently.
        ConfigurationError
            When reading fails permanently.
        """
        if self._text is None:
            return self._reread()
        if self._now() - self._read_at <= MAX_AGE_SECONDS:
            return self._text
        try:
            return self._reread()
        except SecretUnavailable as error:
            log.warning("using the stale value of a secret", extra={"reason": str(error)})
            self._read_at = self._now()
            return self._text

    def fields(self, *names: str) -> dict[str, str]:
        """Return these fields of a secret that is a JSON object of strings.

        Raises
        ------
        SecretUnavailable, ConfigurationError
            As `text` does; `ConfigurationError` also when a field is missing or not a string.
        """
        try:
            value = json.loads(self.text())
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise ConfigurationError(
                f"The secret {self._id} is not a JSON object. Store one with {', '.join(names)}."
            )
        for name in names:
            if not isinstance(value.get(name), str) or not value[name]:
                raise ConfigurationError(
                    f"The secret {self._id} lacks the string '{name}'. Add it to the JSON object."
                )
        return {name: value[name] for name in names}

    def refresh(self) -> bool:
        """Read the value again, and return whether it changed (it was rotated).

        Raises
        ------
        SecretUnavailable, ConfigurationError
            As `text` does; the cached value is kept.
        """
        before = self._text
        return self._reread() != before

    def _reread(self) -> str:
        self._text = self._read(self._id)
        self._read_at = self._now()
        return self._text


def read_secret(secret_id: str) -> str:
    """Read the text of a secret from Secrets Manager.

    Raises
    ------
    SecretUnavailable
        When Secrets Manager is unreachable, throttles or fails.
    ConfigurationError
        When the secret does not exist, has no text, or the role may not read it.
    """
    from botocore import exceptions

    try:
        response = client("secretsmanager").get_secret_value(SecretId=secret_id)
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise SecretUnavailable(
            f"Secrets Manager did not respond for {secret_id}: {type(error).__name__}"
        ) from None
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or status == 429 or "Throttl" in code:
            raise SecretUnavailable(f"Secrets Manager returned {code} for {secret_id}") from None
        raise ConfigurationError(
            f"Reading the secret {secret_id} failed: {code}. Check that it has a value and that "
            "the function's role allows secretsmanager:GetSecretValue on it."
        ) from None
    text = response.get("SecretString")
    if not isinstance(text, str):
        raise ConfigurationError(f"The secret {secret_id} has no text. Store it as SecretString.")
    return text
