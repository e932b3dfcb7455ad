"""Structured logs.

On AWS the function's log format is JSON: the Lambda runtime writes each ``logging`` record as a
JSON object with its ``extra`` fields and the request's id
(https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html). Elsewhere a small formatter
does the same. A logging library would add 0.1 s to each cold start.

Personal data is logged at DEBUG only. Secrets are never logged, so the DEBUG logs of libraries,
which contain secrets, are off.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from typing import Any

from flowbridge.errors import BusRejectedEvent, ConfigurationError

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
ROOT = "flowbridge"
#: Innermost stack frames logged for an unexpected error; enough to reach our own code.
FRAMES = 20


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON."""

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
    """Return a configured logger for a module.

    Raises
    ------
    ConfigurationError
        When the environment variable ``LOG_LEVEL`` is not a log level.
    """
    root = logging.getLogger(ROOT)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON" and not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
        root.propagate = False
    root.setLevel(_level(os.environ.get("LOG_LEVEL") or "INFO"))
    # Lambda sets the function's level on the root logger. Libraries inherit it, and at DEBUG they
    # log requests and responses, secrets included.
    libraries = logging.getLogger()
    libraries.setLevel(max(libraries.level, logging.INFO))
    return root.getChild(name)


def describe(error: BaseException) -> dict[str, Any]:
    """Return the log fields of an unexpected error: its type, its number and its stack frames.

    Its message is left out, because errors of databases and libraries quote the data.
    """
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    described: dict[str, Any] = {
        "error": type(error).__name__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if error.args and type(error.args[0]) is int and error.args[0] < 10_000:
        described["code"] = error.args[0]
    if isinstance(error, ConfigurationError | BusRejectedEvent):
        # These messages are ours: they quote no data and say how to fix the error.
        described["reason"] = str(error)
    return described


def _level(text: str) -> int:
    level = logging.getLevelNamesMapping().get(text.upper())
    if level is None:
        raise ConfigurationError(
            f"The environment variable LOG_LEVEL is '{text}'. Set DEBUG, INFO, WARNING or ERROR."
        )
    return level
