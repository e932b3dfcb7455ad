"""Answer the task that waits for a batch."""

from __future__ import annotations

import json
from typing import Any

#: The task has ended: it was answered, timed out or stopped.
LATE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def succeed(states: Any, token: str, output: Any) -> bool:
    """Send the result of a task; return whether the task still waited for it."""
    try:
        states.send_task_success(taskToken=token, output=json.dumps(output))
    except states.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in LATE:
            raise
        return False
    return True
