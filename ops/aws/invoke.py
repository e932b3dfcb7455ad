"""Ask a function of the platform that only operators ask."""

from __future__ import annotations

import json
from typing import Any

from ops.errors import OperationError


def invoke(client: Any, function: str, payload: Any) -> Any:
    """Return what a function's live version answers.

    Parameters
    ----------
    client
        A boto3 ``lambda`` client.
    function
        The function's name.
    payload
        What it gets, as JSON.

    Raises
    ------
    OperationError
        With the function's own words, when it failed.
    """
    answer = client.invoke(FunctionName=function, Qualifier="live", Payload=json.dumps(payload))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OperationError(
            f"The function {function} failed: {result.get('errorMessage')}.",
            f"Its log says more: /aws/lambda/{function}.",
        )
    return result
