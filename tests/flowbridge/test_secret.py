"""Secrets: read once, again when they are old or refused, and errors that say who is at fault."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from flowbridge import secret as secrets
from flowbridge.errors import ConfigurationError, SecretUnavailable
from flowbridge.secret import MAX_AGE_SECONDS, Secret, read_secret
from tests.support.functions import logged


class Store:
    """A value that changes, a store that fails, and a clock that a test moves."""

    def __init__(self, value: str = "first") -> None:
        self.value, self.reads, self.time = value, 0, 0.0
        self.error: Exception | None = None

    def read(self, _: str) -> str:
        """Read the value."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.value

    def now(self) -> float:
        """Return the time."""
        return self.time


@pytest.fixture
def store() -> Store:
    """A store with a value."""
    return Store()


@pytest.fixture
def secret(store: Store) -> Secret:
    """A secret of the store."""
    return Secret("the-secret", store.read, store.now)


class TestKeeping:
    """A value is kept, until there is a reason to read it again."""

    def test_it_is_read_when_it_is_needed_and_once(self, store: Store, secret: Secret) -> None:
        assert store.reads == 0
        assert [secret.text(), secret.text()] == ["first", "first"]
        assert store.reads == 1

    def test_an_old_one_is_read_again(self, store: Store, secret: Secret) -> None:
        secret.text()
        store.value, store.time = "second", MAX_AGE_SECONDS
        assert secret.text() == "first"

        store.time += 0.1
        assert secret.text() == "second"

    def test_an_old_one_goes_on_while_the_store_is_away(
        self, store: Store, secret: Secret, logs: list[logging.LogRecord]
    ) -> None:
        secret.text()
        store.error, store.time = SecretUnavailable("away"), MAX_AGE_SECONDS + 1

        assert [secret.text(), secret.text()] == ["first", "first"]
        assert store.reads == 2
        assert "using the stale value of a secret" in logged(logs)
        assert "first" not in logged(logs, above=0)

    def test_an_old_one_does_not_go_on_when_it_may_not_be_read(
        self, store: Store, secret: Secret
    ) -> None:
        secret.text()
        store.error, store.time = ConfigurationError("denied"), MAX_AGE_SECONDS + 1

        with pytest.raises(ConfigurationError):
            secret.text()

    def test_without_a_value_there_is_none(self, store: Store, secret: Secret) -> None:
        store.error = SecretUnavailable("away")
        with pytest.raises(SecretUnavailable):
            secret.text()

        store.error = None
        assert secret.text() == "first"


class TestRefreshing:
    """After a refusal, the function reads the secret again."""

    def test_a_rotated_one(self, store: Store, secret: Secret) -> None:
        secret.text()
        store.value = "second"

        assert secret.refresh()
        assert (secret.text(), store.reads) == ("second", 2)

    def test_the_same_one(self, secret: Secret) -> None:
        secret.text()

        assert not secret.refresh()

    def test_the_store_is_away(self, store: Store, secret: Secret) -> None:
        secret.text()
        store.error = SecretUnavailable("away")

        with pytest.raises(SecretUnavailable):
            secret.refresh()
        assert secret.text() == "first"


class TestFields:
    """Credentials are an object of texts."""

    def test_they_are_returned(self) -> None:
        text = '{"username": "a", "password": "b", "engine": "mariadb", "port": 3306}'

        fields = Secret("x", lambda _: text).fields("username", "password")

        assert fields == {"username": "a", "password": "b"}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("hunter2", "The secret x is not a JSON object. Store one with username, password."),
            ('"hunter2"', "The secret x is not a JSON object. Store one with username, password."),
            (
                '{"username": "a"}',
                "The secret x lacks the string 'password'. Add it to the JSON object.",
            ),
            (
                '{"username": "a", "password": ""}',
                "The secret x lacks the string 'password'. Add it to the JSON object.",
            ),
            (
                '{"username": 1, "password": "hunter2"}',
                "The secret x lacks the string 'username'. Add it to the JSON object.",
            ),
        ],
    )
    def test_what_is_missing_is_named_and_nothing_is_quoted(self, text: str, message: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            Secret("x", lambda _: text).fields("username", "password")

        assert str(error.value) == message


class TestSecretsManager:
    """The real reader, against moto and against what AWS says on bad days."""

    def test_the_newest_value_is_read(self, aws: Callable[[str], Any]) -> None:
        arn = aws("secretsmanager").create_secret(Name="x", SecretString="one")["ARN"]
        secret = Secret(arn)
        assert secret.text() == "one"

        aws("secretsmanager").put_secret_value(SecretId=arn, SecretString="two")
        assert secret.refresh()
        assert secret.text() == "two"

    def test_there_is_no_such_secret(self, aws: Callable[[str], Any]) -> None:
        with pytest.raises(
            ConfigurationError, match="Reading the secret x failed: ResourceNotFound"
        ):
            read_secret("x")

    def test_it_has_no_value_yet(self, aws: Callable[[str], Any]) -> None:
        aws("secretsmanager").create_secret(Name="x")

        with pytest.raises(ConfigurationError, match="Check that it has a value"):
            read_secret("x")

    def test_it_holds_bytes(self, aws: Callable[[str], Any]) -> None:
        aws("secretsmanager").create_secret(Name="x", SecretBinary=b"hunter2")

        with pytest.raises(ConfigurationError, match=r"^The secret x has no text\. "):
            read_secret("x")

    @pytest.mark.parametrize(
        ("code", "status", "expected"),
        [
            ("AccessDeniedException", 400, ConfigurationError),
            ("DecryptionFailure", 400, ConfigurationError),
            ("ThrottlingException", 400, SecretUnavailable),
            ("TooManyRequestsException", 429, SecretUnavailable),
            ("InternalServiceError", 500, SecretUnavailable),
            ("ServiceUnavailable", 503, SecretUnavailable),
        ],
    )
    def test_an_answer_is_for_good_or_for_now(
        self,
        code: str,
        status: int,
        expected: type[Exception],
        aws: Callable[[str], Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        error = aws("secretsmanager").exceptions.ClientError(
            {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
            "GetSecretValue",
        )
        monkeypatch.setattr(secrets, "client", lambda _: Failing(error))

        with pytest.raises(expected, match=code):
            read_secret("x")

    @pytest.mark.parametrize(
        "error",
        [
            EndpointConnectionError(endpoint_url="https://x"),
            ReadTimeoutError(endpoint_url="https://x"),
        ],
    )
    def test_no_answer_is_for_now(self, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(secrets, "client", lambda _: Failing(error))

        message = f"did not respond for x: {type(error).__name__}"
        with pytest.raises(SecretUnavailable, match=message):
            read_secret("x")


class Failing:
    """A client whose calls fail."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_secret_value(self, **_: str) -> dict[str, str]:
        """Fail."""
        raise self._error
