"""Structured logs.

On AWS the Lambda runtime itself writes each ``logging`` record as a JSON object, with what was
given as ``extra`` and the request's id (the function's log format is JSON,
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html). Elsewhere nobody does, so a
small formatter steps in. A logging library would cost each cold start 0.1 s for the same lines.

Personal data is logged at DEBUG at most. Secrets are not logged at all, so what libraries write at
DEBUG is not either.
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
#: Frames of an unexpected error that are logged, the newest: enough to reach from a library's
#: inside to ours.
FRAMES = 20


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
    """Return the logger of a module, set up for where it runs.

    Raises
    ------
    ConfigurationError
        When the environment variable ``LOG_LEVEL`` is no level.
    """
    root = logging.getLogger(ROOT)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON" and not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
        root.propagate = False
    root.setLevel(_level(os.environ.get("LOG_LEVEL") or "INFO"))
    # Lambda gives the root logger the function's level. Libraries take theirs from it, and at DEBUG
    # they write what they send and receive, secrets included.
    everybody = logging.getLogger()
    everybody.setLevel(max(everybody.level, logging.INFO))
    return root.getChild(name)


def describe(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an unexpected error: its kind, its number and its frames.

    Its text stays out, because a database's or a library's error quotes the data it was about.
    """
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    described: dict[str, Any] = {
        "error": type(error).__name__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if error.args and type(error.args[0]) is int and error.args[0] < 10_000:
        described["code"] = error.args[0]
    if isinstance(error, ConfigurationError | BusRejectedEvent):
        # Its text is ours, and says what to mend.
        described["reason"] = str(error)
    return described


def _level(text: str) -> int:
    level = logging.getLevelNamesMapping().get(text.upper())
    if level is None:
        raise ConfigurationError(
            f"the environment variable LOG_LEVEL is '{text}'; give DEBUG, INFO, WARNING or ERROR"
        )
    return level
