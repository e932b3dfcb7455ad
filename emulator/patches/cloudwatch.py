"""CloudWatch.

- ``alarms-in-query-protocol``: ``DescribeAlarms`` leaves out most fields of an alarm in the Query
  protocol, which Terraform's provider speaks, and gives an alarm of a percentile a ``Statistic``.
  Every plan would show differences.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from emulator.settings import Settings

GAPS = ("alarms-in-query-protocol",)
TIME_SUFFIX = "Timestamp"

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.services import cloudwatch

    cloudwatch._describe_alarms = describe_all_fields(cloudwatch._describe_alarms, cloudwatch._xml)


def describe_all_fields(
    describe: Callable[..., Answer], to_xml: Callable[[int, str, str], Answer]
) -> Callable[..., Answer]:
    """Return MiniStack's ``DescribeAlarms``, with every field in its XML answers too.

    Parameters
    ----------
    describe
        MiniStack's function; its JSON answer has every field.
    to_xml
        MiniStack's envelope of an XML answer: status, name of the answer, content.
    """

    def describe_alarms(
        params: Mapping[str, Any], data: JsonObject, is_cbor: bool, is_json: bool = False
    ) -> Answer:
        if is_cbor or is_json:
            return describe(params, data, is_cbor, is_json)
        answer = describe({}, members(params), False, True)
        if answer[0] != 200:
            return describe(params, data, is_cbor, is_json)
        described = json.loads(answer[2])
        for alarm in described.get("MetricAlarms", []):
            # MiniStack gives an alarm of a percentile a statistic that it does not use.
            if alarm.get("ExtendedStatistic"):
                alarm.pop("Statistic", None)
            # It gives an alarm of a metric expression the fields of a single metric.
            if not alarm.get("MetricName"):
                for name in ("Statistic", "Period"):
                    alarm.pop(name, None)
        result = xml(described)
        return to_xml(
            200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{result}</DescribeAlarmsResult>"
        )

    return describe_alarms


def members(params: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a form, with ``Name.member.1``, ``.2`` and so on as one list."""
    fields: JsonObject = {}
    for key, values in params.items():
        value = values[0] if isinstance(values, list) else values
        name, _, member = key.partition(".member.")
        if member:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields


def xml(value: Any, name: str = "") -> str:
    """Return a JSON value in the form of the query protocol."""
    if isinstance(value, dict):
        present = {key: item for key, item in value.items() if item is not None}
        return "".join(f"<{key}>{xml(item, key)}</{key}>" for key, item in present.items())
    if isinstance(value, list):
        return "".join(f"<member>{xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith(TIME_SUFFIX) and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).isoformat()
    return escape(str(value))
