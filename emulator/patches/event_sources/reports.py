"""The report of failed records that a function returns for a batch.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html says which reports
count as success and which as failure of the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPORTS = "ReportBatchItemFailures"


def failed_items(mapping: Mapping[str, Any], result: Mapping[str, Any]) -> set[str] | None:
    """Return the identifiers of the failed records; None when the whole batch failed.

    Parameters
    ----------
    mapping
        The event source mapping.
    result
        MiniStack's result of the invocation.
    """
    if result.get("error"):
        return None
    answer = result.get("body")
    if REPORTS not in (mapping.get("FunctionResponseTypes") or ()) or not answer:
        return set()
    if not isinstance(answer, dict):
        return None
    failures = answer.get("batchItemFailures")
    if not failures:
        return set()
    if not isinstance(failures, list):
        return None
    items = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures]
    named = {item for item in items if isinstance(item, str) and item}
    return named if all(item in named for item in items) else None
