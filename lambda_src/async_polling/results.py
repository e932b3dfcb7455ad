"""Large results: they are in S3, and states pass their place."""

from __future__ import annotations

import json
from typing import Any

from async_polling.errors import ResultsUnavailable
from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import ConfigurationError

Place = dict[str, str]


def store(token: str, result: str) -> Place:
    """Write a job's result, JSON, and return its place; the same job writes the same object.

    Raises
    ------
    ResultsUnavailable
        When S3 is unavailable or throttles.
    ConfigurationError
        When the role may not write, or the bucket does not exist.
    """
    place = {"bucket": config.required("RESULTS_BUCKET"), "key": f"results/{token}.json"}
    _call(
        "put_object",
        place,
        Body=result.encode(),
        ContentType="application/json",
    )
    return place


def load(place: Place) -> Any:
    """Read a result from its place; only the flow's own bucket is read.

    Raises
    ------
    ResultsUnavailable
        When S3 is unavailable or throttles.
    ConfigurationError
        When the place is elsewhere, or has no result.
    """
    if place.get("bucket") != config.required("RESULTS_BUCKET"):
        raise ConfigurationError("The input's location is not in RESULTS_BUCKET. Correct the flow.")
    return json.loads(_call("get_object", place)["Body"].read())


def _call(operation: str, place: Place, **arguments: Any) -> Any:
    from botocore import exceptions

    try:
        return getattr(client("s3"), operation)(
            Bucket=place["bucket"], Key=place["key"], **arguments
        )
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise ResultsUnavailable(f"S3 did not respond: {type(error).__name__}") from None
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or status == 429 or code == "SlowDown":
            raise ResultsUnavailable(f"S3 returned {code}") from None
        raise ConfigurationError(
            f"{operation} of {place['key']} failed: {code}. Check RESULTS_BUCKET and the "
            "function's role."
        ) from None
