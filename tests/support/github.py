"""GitHub as its jobs see it: who asks for a token gets one that says which job it is."""

from __future__ import annotations

import base64
import json
from typing import Any

from pytest_httpserver import HTTPServer

ISSUER = "https://token.actions.githubusercontent.com"


def token(subject: str, audience: str) -> str:
    """Return a token as GitHub writes it; the emulator reads it and does not check who signed."""
    claims = {"iss": ISSUER, "sub": subject, "aud": audience}
    return ".".join([_part({"alg": "none", "typ": "JWT"}), _part(claims), "signature"])


def job_variables(server: HTTPServer, subject: str, **others: str) -> dict[str, str]:
    """Return the variables of a job whose tokens have a subject, and serve these tokens."""
    server.clear()
    server.expect_request(
        "/token",
        query_string={"api-version": "2", "audience": "sts.amazonaws.com"},
        headers={"Authorization": "Bearer key"},
    ).respond_with_json({"value": token(subject, "sts.amazonaws.com")})
    return {
        "ACTIONS_ID_TOKEN_REQUEST_URL": server.url_for("/token?api-version=2"),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "key",
        "GITHUB_RUN_ID": "4711",
        **others,
    }


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
