"""Connections of EventBridge as ``http:invoke`` uses them: credentials, parameters and rights.

https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html#http-task-data-merge
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Failure = Callable[[str, str], Exception]
JsonObject = dict[str, Any]

INVALID = "Events.ConnectionResource.InvalidConnectionState"
#: An access token is not valid any more.
EXPIRED = (401, 407)


def apply() -> None:
    """Replace MiniStack's function."""
    from ministack.services import eventbridge

    eventbridge._create_connection = with_secret(
        eventbridge._create_connection, eventbridge._connections
    )


def with_secret(
    create: Callable[[JsonObject], Answer], connections: Any
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's ``CreateConnection``, which gives the connection a secret's ARN."""

    def create_connection(data: JsonObject) -> Answer:
        answer = create(data)
        if answer[0] == 200:
            connection = connections[data["Name"]]
            connection["SecretArn"] = secret_arn(connection["ConnectionArn"])
        return answer

    return create_connection


def secret_arn(connection: str) -> str:
    """Return the ARN of the secret in which EventBridge keeps a connection's credentials."""
    _, partition, _, region, account, name = connection.split(":")
    digest = hashlib.sha256(connection.encode()).hexdigest()
    secret = f"events!connection/{name.split('/')[1]}/{uuid.UUID(digest[:32])}-{digest[-6:]}"
    return f"arn:{partition}:secretsmanager:{region}:{account}:secret:{secret}"


def rights(connection: str) -> list[tuple[str, str]]:
    """Return the actions and resources that a call with a connection needs."""
    secret = secret_arn(connection)
    return [
        ("events:RetrieveConnectionCredentials", connection),
        ("secretsmanager:DescribeSecret", secret),
        ("secretsmanager:GetSecretValue", secret),
    ]


class Connection:
    """A connection that a task calls with.

    Parameters
    ----------
    events
        MiniStack's EventBridge.
    arn
        The connection's ARN.
    failure
        Makes the error of a state.
    """

    def __init__(self, events: Any, arn: str, failure: Failure) -> None:
        self._events, self._failure = events, failure
        region, account, name = arn.split(":")[3:6]
        self._key = (account, region, name.split("/")[1])
        self._known: JsonObject = events._connections.get(self._key[2]) or {}
        if self._known.get("ConnectionState") != "AUTHORIZED":
            state = self._known.get("ConnectionState", "missing")
            raise failure(INVALID, f"The connection {arn} is {state}.")

    def credentials(self, *, is_new: bool = False) -> dict[str, str]:
        """Return the headers with the credentials; for OAuth, with an access token.

        Parameters
        ----------
        is_new
            Whether the token must be a new one.

        Raises
        ------
        Exception
            When the token endpoint gives no token.
        """
        try:
            headers: dict[str, str] = self._events._connection_auth_headers(
                self._known, self._key, is_new
            )
        except (OSError, ValueError) as error:
            raise self._failure(INVALID, f"The access token is missing: {error}") from None
        return headers

    def renewed(self, status: int) -> dict[str, str] | None:
        """Return the headers with a new token, if an answer says that the old one has expired."""
        has_token = self._known["AuthorizationType"] == "OAUTH_CLIENT_CREDENTIALS"
        return self.credentials(is_new=True) if has_token and status in EXPIRED else None

    def headers(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a call, where the connection's replace those of the same name."""
        added = self._parameters("HeaderParameters")
        names = {name.lower() for name in added}
        return {**{k: v for k, v in own.items() if k.lower() not in names}, **added}

    def query(self, own: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the query of a call, where the connection's parameters replace others."""
        return {**(own or {}), **self._parameters("QueryStringParameters")}

    def body(self, own: Any) -> Any:
        """Return the body of a call, where the connection's parameters replace others.

        Raises
        ------
        Exception
            ``States.Runtime`` when the body is not an object, and the connection has parameters.
        """
        added = self._parameters("BodyParameters")
        if not added:
            return own
        if own is not None and not isinstance(own, dict):
            cause = "A body that is not an object cannot be merged with that of the connection."
            raise self._failure("States.Runtime", cause)
        return {**(own or {}), **added}

    def _parameters(self, kind: str) -> dict[str, str]:
        parameters = (self._known.get("AuthParameters") or {}).get("InvocationHttpParameters") or {}
        found: dict[str, str] = self._events._connection_params_map(parameters.get(kind))
        return found
