"""The rules engine: an HTTP service with ``POST /policy/premium``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import requests

from business_rules.errors import EngineAnswerInvalid, EngineRejected, EngineUnavailable
from flowbridge.errors import ConfigurationError
from flowbridge.http_retry import NO_RESPONSE, is_retryable
from flowbridge.schema import Schema, SchemaError, Validator
from flowbridge.secret import Secret

#: Connect and read timeout in seconds. The caller of the API waits.
TIMEOUTS = (1.0, 2.5)
#: Hosts that may be called without TLS: their traffic stays on this machine.
LOOPBACK = ("127.0.0.1", "localhost")
#: Statuses for a token that was replaced after it was read.
UNAUTHORIZED = frozenset({401, 403})
ANSWER: Schema = {
    "type": "object",
    "required": ["policy"],
    "properties": {
        "policy": {
            "description": "Must have an id, and a premium that is not negative.",
            "type": "object",
            "required": ["id", "premium"],
            "properties": {
                "id": {"type": "string"},
                "premium": {
                    "type": "string",
                    "pattern": "^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,2})?$",
                },
                "rule": {"type": "string", "maxLength": 100},
            },
        }
    },
}
answers = Validator(ANSWER)


class Engine:
    """A rules engine.

    Parameters
    ----------
    url
        Its URL, without a slash at its end.
    token
        The secret with its bearer token; None if it needs none.
    session
        The HTTP session, whose connections are reused.
    """

    def __init__(self, url: str, token: Secret | None, session: requests.Session) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigurationError("ENGINE_URL is not an https URL. Set it in the settings.")
        self._url = f"{url}/policy/premium"
        self._token = token
        self._session = session

    def premium(self, request: dict[str, Any]) -> dict[str, str]:
        """Return the policy of a request with the premium that the rules give it.

        Parameters
        ----------
        request
            ``driver``, ``car`` and ``policy``.

        Raises
        ------
        EngineRejected
            For a permanent error: 4xx, or a redirect (redirects are not followed).
        EngineUnavailable
            For a transient error: 408, 425, 429, 5xx, no connection, timeout.
        EngineAnswerInvalid
            When the answer is not this policy with a premium.
        ConfigurationError, SecretUnavailable
            When the token cannot be read, or the engine does not accept it.
        """
        response = self._post(request)
        if response.status_code in UNAUTHORIZED and self._token and self._token.refresh():
            response = self._post(request)
        status = response.status_code
        if status in UNAUTHORIZED:
            raise ConfigurationError(
                f"The rules engine returned {status}. Correct the secret ENGINE_TOKEN_SECRET."
            )
        if is_retryable(status):
            raise EngineUnavailable(f"the rules engine returned {status}")
        if status >= 300:
            raise EngineRejected(f"the rules engine returned {status}")
        return policy_of(response.content, request["policy"]["id"])

    def _post(self, request: dict[str, Any]) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token.text().strip()}"} if self._token else {}
        try:
            return self._session.post(
                self._url, json=request, headers=headers, timeout=TIMEOUTS, allow_redirects=False
            )
        except NO_RESPONSE as error:
            raise EngineUnavailable(
                f"the rules engine did not respond: {type(error).__name__}"
            ) from None


def policy_of(content: bytes, wanted: str) -> dict[str, str]:
    """Return the policy of an engine's answer.

    Parameters
    ----------
    content
        The answer.
    wanted
        The id of the policy that was asked for.

    Raises
    ------
    EngineAnswerInvalid
        When the answer is not this policy with a premium.
    """
    try:
        answer = json.loads(content)
        answers.check(answer)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, SchemaError) else "it is not JSON"
        raise EngineAnswerInvalid(
            f"the answer of the rules engine is not valid: {reason}"
        ) from None
    policy: dict[str, str] = answer["policy"]
    if policy["id"] != wanted:
        raise EngineAnswerInvalid("the rules engine answered with another policy")
    return {name: policy[name] for name in ("id", "premium", "rule") if name in policy}
