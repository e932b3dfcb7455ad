"""Signed calls of the APIs of the local environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from emulator.settings import ROOT_KEY, ROOT_SECRET

SECONDS = 35


@dataclass(frozen=True)
class Keys:
    """An access key, by default that of the local account's root user."""

    key: str = ROOT_KEY
    secret: str = ROOT_SECRET


def call(
    url: str,
    body: Any = None,
    keys: Keys | None = None,
    method: str = "POST",
    region: str = "us-east-1",
) -> tuple[int, Any]:
    """Return the status and the JSON of an API's answer.

    Parameters
    ----------
    url
        The address of the operation.
    body
        Sent as JSON; a text is sent as it is.
    keys
        The caller's; without them the call is not signed.
    method
        The HTTP method.
    region
        The API's region.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    text = body if isinstance(body, str) else json.dumps(body)
    content = None if body is None else text.encode("utf-8", "surrogatepass")
    headers = {"Content-Type": "application/json"}
    if keys:
        prepared = AWSRequest(method, url, data=content, headers=headers)
        SigV4Auth(Credentials(keys.key, keys.secret), "execute-api", region).add_auth(prepared)
        headers = {str(name): str(value) for name, value in prepared.headers.items()}
    asked = Request(url, content, headers, method=method)  # noqa: S310  loopback
    try:
        with urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)
