"""API keys against moto: existing keys, the key in the secret, and the function's result."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from api_keys import issue
from api_keys.issue import handler
from tests.support.functions import LambdaContext, logged

NAME = "flowbridge-local-crm-api"


class Account:
    """A usage plan and a secret, and a look at the keys."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self._gateway, self._secrets = aws("apigateway"), aws("secretsmanager")
        self.plan: str = self._gateway.create_usage_plan(name=NAME)["id"]
        self.secret: str = self._secrets.create_secret(Name=f"{NAME}-key")["ARN"]

    def run(
        self, action: str | None = "create", generation: int = 1, **changes: Any
    ) -> dict[str, Any]:
        """Invoke the function as Terraform does."""
        event = {
            "name": NAME,
            "usage_plan_id": self.plan,
            "secret_arn": self.secret,
            "generation": generation,
        }
        terraform = {"tf": {"action": action, "prev_input": None}} if action else {}
        return handler({**event, **terraform, **changes}, LambdaContext())

    def keys(self, name: str = NAME) -> dict[str, str]:
        """Return the values of the keys of a name, by identifier, as they were made."""
        found = self._gateway.get_api_keys(includeValues=True)["items"]
        return {key["id"]: key["value"] for key in found if key["name"] == name}

    def planned(self) -> set[str]:
        """Return the identifiers of the keys in the plan."""
        keys = self._gateway.get_usage_plan_keys(usagePlanId=self.plan)["items"]
        return {key["id"] for key in keys}

    def stored(self) -> str:
        """Return the key in the secret."""
        text: str = self._secrets.get_secret_value(SecretId=self.secret)["SecretString"]
        return text

    def add_key(self, name: str) -> str:
        """Create a key outside the function."""
        key_id: str = self._gateway.create_api_key(
            name=name, value=name.rjust(30, "x"), enabled=True
        )["id"]
        return key_id


@pytest.fixture
def account(aws: Callable[[str], Any]) -> Account:
    """An account without keys."""
    return Account(aws)


def test_a_key_is_made_put_into_the_plan_and_the_secret(account: Account) -> None:
    result = account.run()

    [(key_id, value)] = account.keys().items()
    assert result == {"api_key_id": key_id}
    assert account.planned() == {key_id}
    assert account.stored() == value
    assert len(value) == 40
    assert value.isascii()
    assert value.isalnum()


def test_values_differ(account: Account) -> None:
    for generation in (1, 2):
        account.run(generation=generation)

    assert len(set(account.keys().values())) == 2


def test_the_value_is_neither_returned_nor_logged(
    account: Account, logs: list[logging.LogRecord]
) -> None:
    results = [account.run(generation=generation) for generation in (1, 2, 3)]
    values = list(account.keys().values())
    results.append(account.run("delete"))

    assert "API key issued" in logged(logs)
    told = json.dumps(results) + logged(logs, above=0)
    assert [value for value in values if value in told] == []


def test_a_rotation_keeps_the_key_before_and_no_older_one(account: Account) -> None:
    ids = [account.run("update", generation)["api_key_id"] for generation in (1, 2, 3, 4)]

    assert set(account.keys()) == set(ids[-2:])
    assert account.planned() >= set(ids[-2:])
    assert account.stored() == account.keys()[ids[-1]]


@pytest.mark.parametrize("action", ["create", "update", None])
def test_a_generation_is_made_once(action: str | None, account: Account) -> None:
    account.run(generation=1)
    second = account.run("update", 2)
    keys, stored = account.keys(), account.stored()

    assert account.run(action, 2) == second
    assert (account.keys(), account.stored()) == (keys, stored)


def test_a_run_that_was_cut_off_is_finished(
    account: Account, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_secrets(service: str, **_: int) -> Any:
        if service == "secretsmanager":
            raise TimeoutError
        return aws(service)

    account.run(generation=1)
    with monkeypatch.context() as patched:
        patched.setattr(issue, "client", no_secrets)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                account.run("update", 2)
    [first, second] = account.keys()

    assert account.run("update", 2) == {"api_key_id": second}
    assert list(account.keys()) == [first, second]
    assert account.stored() == account.keys()[second]


def test_keys_of_other_names_are_left_alone(account: Account) -> None:
    others = [account.add_key(name) for name in (f"{NAME}-of-somebody-else", "flowbridge", "x")]
    for generation in range(5):
        account.run("update", generation)
    account.run("delete", 5)

    assert account.keys() == {}
    left = [*account.keys(f"{NAME}-of-somebody-else"), *account.keys("flowbridge")]
    assert [*left, *account.keys("x")] == others


def test_a_removal_may_be_repeated(account: Account) -> None:
    account.run(generation=1)
    account.run("update", 2)

    assert account.run("delete", 2) == {"api_key_id": None}
    assert account.keys() == {}
    assert account.run("delete", 2) == {"api_key_id": None}


def test_a_key_that_goes_away_meanwhile_is_no_error(
    account: Account, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.run()
    listed = issue._keys(aws("apigateway"), NAME)
    account.run("delete")
    monkeypatch.setattr(issue, "_keys", lambda *_: listed)

    assert account.run("delete") == {"api_key_id": None}


def test_another_name_takes_the_keys_of_the_old_one_away(account: Account) -> None:
    account.run()
    new = account.run(
        "update", name="new-name", tf={"action": "update", "prev_input": {"name": NAME}}
    )

    assert account.keys() == {}
    assert set(account.keys("new-name")) == {new["api_key_id"]}
    assert account.stored() == account.keys("new-name")[new["api_key_id"]]


def test_an_action_that_is_unknown_is_refused(account: Account) -> None:
    with pytest.raises(ValueError, match=r"tf\.action is 'destroy'. Use create, update or delete"):
        account.run("destroy")

    assert account.keys() == {}
