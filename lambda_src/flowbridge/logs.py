"""Structured logs.

On AWS the Lambda runtime itself writes each ``logging`` record as a JSON object, with what was
given as ``extra`` and the request's id (the function's log format is JSON,
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html). Elsewhere nobody does, so a
small formatter steps in. A logging library would cost each cold start 0.1 s for the same lines.

Personal data is logged at DEBUG at most.
"""

from __future__ import annotations

import json
import logging
import os

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Write a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        fields |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module, set up for where it runs."""
    root = logging.getLogger("flowbridge")
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON" and not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
        root.propagate = False
    root.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    return root.getChild(name)
