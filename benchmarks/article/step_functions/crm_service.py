"""The API's three endpoints; each call sends the complete lead."""

import json
import os
from typing import Any

import requests

URL = os.environ.get("CRM_API_URL", "")


class CRMService:
    """Calls the API for one lead."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload

    def create_client(self) -> Any:
        """Register the client."""
        return self._post("/create_client")

    def create_partner(self) -> Any:
        """Register the partner."""
        return self._post("/create_partner")

    def create_benefit(self) -> Any:
        """Register the benefit."""
        return self._post("/create_benefit")

    def _post(self, endpoint: str) -> Any:
        # The article's design: one connection per call, no timeout, errors as values.
        try:
            answer = requests.post(url=URL + endpoint, data=json.dumps(self.payload))  # noqa: S113
            if answer.status_code != 200:
                return Exception(answer.text)
            return json.loads(answer.text)
        except Exception as error:
            return error
