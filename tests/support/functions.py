"""Shared parts of function tests: a context, a lead, a request, and access to the logs."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from flowbridge.logs import JsonFormatter

Lead = dict[str, Any]
REGION = "us-east-1"

#: The article's lead, as it is after ReceiveLead.
LEAD: Lead = {
    "name": "Camila",
    "lastname": "Saavedra",
    "rut": "9891283-0",
    "phone": 56983747263,
    "mail": "csaavedra@micorreo.com",
    "store": "est_central",
    "wantsBenefit": False,
    "origin": "app",
}
#: Values that may not appear in any message, nor in a log above DEBUG.
PERSONAL = ("Camila", "Saavedra", "9891283", "56983747263", "csaavedra", "micorreo")

FIELDS = {
    "create_client": ("name", "lastname", "rut", "phone", "mail"),
    "create_partner": ("rut", "store"),
    "create_benefit": ("rut", "wantsBenefit"),
}


#: Values that Terraform fills into the document of a public API.
API = {
    "title": "api",
    "invoke_uri": "arn:aws:apigateway:::function",
    "region": "us-east-1",
    "stage": "dev",
}


@dataclass(frozen=True)
class LambdaContext:
    """The part of a function's context that the functions use."""

    aws_request_id: str = "request-1"
    remaining_seconds: float = 30

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that the invocation has left."""
        return int(self.remaining_seconds * 1000)


def body_of(endpoint: str, **changes: Any) -> dict[str, Any]:
    """Return the good body of an endpoint, with some of its fields changed."""
    return {name: LEAD[name] for name in FIELDS[endpoint]} | changes


def proxy_event(body: Any, **changes: Any) -> dict[str, Any]:
    """Return the event of a proxy function; a body that is not a string becomes JSON."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    return {"httpMethod": "POST", "body": text, "isBase64Encoded": False, **changes}


def logged(records: list[logging.LogRecord], above: int = logging.DEBUG) -> str:
    """Return the lines that the functions wrote, as the log holds them."""
    formatter = JsonFormatter()
    return "\n".join(formatter.format(record) for record in records if record.levelno > above)


def personal_data_in(text: str) -> list[str]:
    """Return the personal values of `LEAD` that a text holds."""
    return [value for value in PERSONAL if value in text]
