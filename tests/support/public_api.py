"""An API that anybody may call: one endpoint, as its own document describes it."""

from __future__ import annotations

from typing import Any

import requests
import schemathesis
from requests.adapters import HTTPAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3.util import Retry

from tests.support.hostile import leaked

#: The headers that an API's document promises for every answer.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class PublicApi:
    """A running API's only endpoint, and a session for hostile requests to it."""

    def __init__(self, url: str, document: dict[str, Any]) -> None:
        self.url = url
        [self.path] = document["paths"]
        self.operation = schemathesis.openapi.from_dict(document)[self.path]["post"]
        self.session = requests.Session()
        # These take a few requests a second from all people together.
        patience = Retry(8, status_forcelist=[429], allowed_methods=None, backoff_factor=0.2)
        self.session.mount("http://", HTTPAdapter(max_retries=patience))

    def post_text(self, text: str) -> requests.Response:
        """Send a text as JSON, and see that it is taken, or refused without a word of it."""
        headers = {"Content-Type": "application/json"}
        response = self.post(text.encode("utf-8", "surrogatepass"), headers)
        assert response.status_code in (202, 400, 413)
        assert leaked(response.text, text) == []
        return response

    def post(self, body: bytes, headers: dict[str, str]) -> requests.Response:
        """Send a body, and see that the answer is what the document describes."""
        response = self.session.post(
            f"{self.url}{self.path}", data=body, headers=headers, timeout=60
        )
        self.operation.validate_response(response)
        return response
