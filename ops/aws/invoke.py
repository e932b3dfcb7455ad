"""Invoke Lambda functions that serve operators."""

from __future__ import annotations

import json
from typing import Any

from ops.errors import OperationError


def invoke(client: Any, function: str, payload: Any) -> Any:
    """Invoke a function's live version and return its result.

    Parameters
    ----------
    client
        A boto3 ``lambda`` client.
    function
        The function's name.
    payload
        The function's event.

    Raises
    ------
    OperationError
        When the function failed; the message has its error.
    """
    answer = client.invoke(FunctionName=function, Qualifier="live", Payload=json.dumps(payload))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OperationError(
            f"The function {function} failed: {result.get('errorMessage')}.",
            f"See its log group /aws/lambda/{function}.",
        )
    return result
