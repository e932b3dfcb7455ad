"""An alarm fires as CloudWatch's does, and a filter pattern finds the same lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from emulator.alarms import evaluated, state_of
from emulator.filter_patterns import PatternError, compile_json
from emulator.patches.cloudwatch import nested, query_of, recent

NOW = 10_000.0
ALARM = {
    "Namespace": "n",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def statistic(values: list[float | None]) -> Any:
    """Return a metric that has these values in its last periods, the newest first."""

    def value(_: str, __: str, ___: Mapping[str, str], ____: str, ____b: float, end: float) -> Any:
        place = round((NOW - end) / 60)
        return values[place] if place < len(values) else None

    return value


@pytest.mark.parametrize(
    ("values", "more", "state"),
    [
        ([2, 2, 2], {}, "ALARM"),
        ([2, 1, 2], {}, "OK"),
        ([2, 1, 2], {"DatapointsToAlarm": 2}, "ALARM"),
        ([None, 2, 2], {"TreatMissingData": "notBreaching"}, "OK"),
        ([None, 2, 2], {"TreatMissingData": "breaching"}, "ALARM"),
        ([None, None, None], {"TreatMissingData": "notBreaching"}, "OK"),
        ([None, None, None], {}, "INSUFFICIENT_DATA"),
        ([0, 0, 0], {"ComparisonOperator": "LessThanThreshold"}, "ALARM"),
    ],
)
def test_an_alarm_counts_its_periods(
    values: list[float | None], more: dict[str, Any], state: str
) -> None:
    found = state_of({**ALARM, **more}, statistic(values), NOW)

    assert found is not None
    assert found[0] == state


def test_an_alarm_may_keep_its_state() -> None:
    alarm = {**ALARM, "TreatMissingData": "ignore"}

    assert state_of(alarm, statistic([None] * 3), NOW) is None


@pytest.mark.parametrize(
    ("expression", "values", "result"),
    [
        ("IF(failed >= 3, 100 * failed / started, 0)", {"failed": 3, "started": 60}, 5),
        ("IF(failed >= 3, 100 * failed / started, 0)", {"failed": 2, "started": 2}, 0),
        ("IF(failed >= 3, 100 * failed / started, 0)", {"failed": None, "started": 2}, 0),
        ("100 * failed / started", {"failed": 3, "started": 0}, None),
        ("FILL(m0, 0) + FILL(m1, 0)", {"m0": None, "m1": 4}, 4),
        ("m0 + m1", {"m0": None, "m1": 4}, None),
    ],
)
def test_metric_math(expression: str, values: dict[str, float | None], result: float) -> None:
    assert evaluated(expression, values) == result


def test_metric_math_that_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="not supported"):
        evaluated("ANOMALY_DETECTION_BAND(m1)", {"m1": 1})


def test_points_may_come_late() -> None:
    points = [{"Timestamp": t} for t in (1.0, 5.0, 3.0, 9.0)]

    assert [point["Timestamp"] for point in recent(points, 2, 5)] == [3.0, 5.0]


def test_a_form_has_lists() -> None:
    form = {
        "AlarmName": ["a"],
        "Metrics.member.2.Id": ["second"],
        "Metrics.member.1.Id": ["first"],
        "Metrics.member.1.ReturnData": ["false"],
        "Metrics.member.1.MetricStat.Period": ["60"],
    }
    first, second = (query_of(query) for query in nested(form)["Metrics"])

    assert nested(form)["AlarmName"] == "a"
    assert first == {"Id": "first", "ReturnData": False, "MetricStat": {"Period": 60}}
    assert second == {"Id": "second", "ReturnData": True}


LINE = '{"level": "ERROR", "error": "Wrong", "count": 3, "of": {"a-b": [1, null, true]}}'


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.level = "ERROR" }',
        '{ $.level = "ERR*" && $.count = 3 }',
        "{ $.error = Wrong }",
        "{ $.error = * }",
        '{ $.error != "Right" }',
        '{ $.error = "Right" || ($.count > 2 && $.count <= 3) }',
        "{ $.of.a-b[0] = 1 && $.of.a-b[1] IS NULL && $.of.a-b[2] IS TRUE }",
        "{ $.missing NOT EXISTS && $.error EXISTS }",
    ],
)
def test_a_pattern_finds_a_line(pattern: str) -> None:
    assert compile_json(pattern)(LINE)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.level = "INFO" }',
        '{ $.level = "RR*" }',
        "{ $.count = 4 }",
        '{ $.error != "Wrong" }',
        # What is missing differs from nothing.
        '{ $.missing != "Right" }',
        "{ $.count < 3 || $.error < 3 }",
        "{ $.missing EXISTS }",
        "{ $.of.a-b[7] EXISTS }",
        "{ $.of.a-b[0] IS FALSE }",
    ],
)
def test_a_pattern_leaves_a_line_out(pattern: str) -> None:
    assert not compile_json(pattern)(LINE)


@pytest.mark.parametrize("line", ["text", "{broken", "", '"text"'])
def test_a_pattern_of_json_finds_json_only(line: str) -> None:
    assert not compile_json('{ $.a NOT EXISTS || $.a != "" }')(line)


@pytest.mark.parametrize(
    "pattern",
    ["ERROR", "{ $.a = }", "{ $.a }", "{ ($.a = 1 }", "{ $.a = 1 $.b = 2 }", '{ "a" = 1 }', "{ }"],
)
def test_a_pattern_that_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_json(pattern)
