"""CloudWatch Logs.

- ``filter-pages``: ``FilterLogEvents`` returns its first page only.
- ``json-patterns``: a pattern for lines of JSON matches every line.
- ``metric-filters``: metric filters count nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from emulator.filter_patterns import MISSING, PatternError, compile_json, is_json, selected
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "filter-pages": "``FilterLogEvents`` returns every page.",
    "json-patterns": "A pattern selects lines by their fields.",
    "metric-filters": "A metric filter counts the lines that its pattern selects.",
}
LOG_PAGE = 10000

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

log = logging.getLogger("emulator")


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.services import cloudwatch, cloudwatch_logs

    cloudwatch_logs._filter_log_events = with_pages(cloudwatch_logs._filter_log_events)
    cloudwatch_logs._compile_filter_pattern = compiled(cloudwatch_logs._compile_filter_pattern)
    cloudwatch_logs._put_metric_filter = refusing_unreadable(cloudwatch_logs._put_metric_filter)
    # Whatever adds lines to a log group calls this.
    cloudwatch_logs._fanout_to_subscription_filters = counted(
        cloudwatch_logs._fanout_to_subscription_filters,
        cloudwatch_logs._metric_filters,
        cloudwatch_logs._compile_filter_pattern,
        cloudwatch.record_metric,
    )


def compiled(compile_text: Callable[[str], Any]) -> Callable[[str], Callable[[str], bool]]:
    """Return MiniStack's reading of a pattern, which knows those of JSON."""

    def compile_pattern(pattern: str) -> Callable[[str], bool]:
        matcher: Callable[[str], bool] = (compile_json if is_json(pattern) else compile_text)(
            pattern
        )
        return matcher

    return compile_pattern


def refusing_unreadable(put: Callable[[JsonObject], Answer]) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's ``PutMetricFilter``, which refuses an unreadable pattern of JSON."""

    def put_metric_filter(data: JsonObject) -> Answer:
        pattern = data.get("filterPattern", "")
        try:
            if is_json(pattern):
                compile_json(pattern)
        except PatternError as error:
            body = {"__type": "InvalidParameterException", "message": f"Invalid pattern: {error}"}
            return 400, {"Content-Type": "application/json"}, json.dumps(body).encode()
        return put(data)

    return put_metric_filter


def counted(
    forward: Callable[..., Any],
    filters: Any,
    compile_pattern: Callable[[str], Callable[[str], bool]],
    record: Callable[..., None],
) -> Callable[..., Any]:
    """Return MiniStack's forwarding of new lines, which counts them by the group's metric filters.

    Parameters
    ----------
    forward
        MiniStack's function.
    filters
        The metric filters by log group and name.
    compile_pattern
        Returns the function that says whether a line matches a pattern.
    record
        Records a point of a metric.
    """

    def forward_and_count(group: str, stream: str, events: list[JsonObject]) -> Any:
        for (filtered, _), found in filters.items():
            if filtered == group:
                matches = compile_pattern(found["filterPattern"])
                for line in [event["message"] for event in events if matches(event["message"])]:
                    for transformation in found["metricTransformations"]:
                        record_match(transformation, line, record)
        return forward(group, stream, events)

    return forward_and_count


def record_match(transformation: Mapping[str, Any], line: str, record: Callable[..., None]) -> None:
    """Record the point of a line that matched."""
    value = transformation.get("metricValue", "1")
    fields = transformation.get("dimensions") or {}
    parsed = json.loads(line) if fields or value.startswith("$") else None
    # CloudWatch drops a value that is not a number, and a line without one of the dimensions.
    with suppress(ValueError, TypeError):
        number = float(selected(parsed, value) if value.startswith("$") else value)
        dimensions = {name: selected(parsed, field) for name, field in fields.items()}
        if MISSING not in dimensions.values():
            unit = transformation.get("unit", "None")
            names = transformation["metricNamespace"], transformation["metricName"]
            record(*names, number, unit, dimensions)


def with_pages(find: Callable[[JsonObject], Answer]) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's FilterLogEvents, which continues after the last page.

    A token has the time of the last line, and how many lines of that time were returned.
    """

    def find_page(data: JsonObject) -> Answer:
        start, _, given = data.get("nextToken", "").partition("+")
        skipped = int(given or 0)
        limit = min(skipped + data.get("limit", LOG_PAGE), LOG_PAGE)
        asked = {**data, "limit": limit, **({"startTime": int(start)} if start else {})}
        answer = find(asked)
        if answer[0] != 200:
            return answer
        found = json.loads(answer[2])
        events = found["events"][skipped:]
        if events and len(found["events"]) == limit:
            last = events[-1]["timestamp"]
            count = sum(event["timestamp"] == last for event in found["events"])
            found["nextToken"] = f"{last}+{count}"
        found["events"] = events
        return answer[0], answer[1], json.dumps(found).encode()

    return find_page
