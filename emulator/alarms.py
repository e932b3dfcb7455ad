"""When an alarm of CloudWatch fires.

An alarm looks at the last periods of one metric, or of an expression of several metrics. Here the
last period ends now, so that a test need not wait for the end of a minute.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

JsonObject = dict[str, Any]
#: Returns a statistic of the points between two times, None without points: namespace, metric,
#: dimensions, statistic, begin, end.
Statistic = Callable[[str, str, Mapping[str, str], str, float, float], float | None]

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def metrics_of(alarm: JsonObject) -> list[tuple[str, str, dict[str, str]]]:
    """Return namespace, name and dimensions of each metric that an alarm looks at."""
    return [key for _, key, _, _ in _queries(alarm)]


def period_of(alarm: JsonObject) -> int:
    """Return the seconds of an alarm's period."""
    return max((period for *_, period in _queries(alarm)), default=60)


def state_of(alarm: JsonObject, statistic: Statistic, now: float) -> tuple[str, str] | None:
    """Return the state of an alarm and its reason; None where it keeps the one that it has."""
    period, periods = period_of(alarm), int(alarm.get("EvaluationPeriods", 1))
    values = [_value(alarm, statistic, now - period * i, period) for i in range(periods)]
    found = [value for value in values if value is not None]
    missing = alarm.get("TreatMissingData", "missing")
    if not found and missing in ("missing", "ignore"):
        if missing == "ignore":
            return None
        return "INSUFFICIENT_DATA", "Insufficient Data: there are no datapoints"
    compare = COMPARISONS[alarm["ComparisonOperator"]]
    threshold = float(alarm.get("Threshold", 0))
    breaching = sum(compare(value, threshold) for value in found)
    if missing == "breaching":
        breaching += len(values) - len(found)
    state = "ALARM" if breaching >= int(alarm.get("DatapointsToAlarm") or periods) else "OK"
    return state, f"Threshold Crossed: {found} {alarm['ComparisonOperator']} {threshold}"


def _queries(
    alarm: JsonObject,
) -> list[tuple[str, tuple[str, str, dict[str, str]], str, int]]:
    """Return id, metric, statistic and period of each metric of an alarm."""
    stats = [(query["Id"], query["MetricStat"]) for query in _metric_queries(alarm)]
    return [
        (
            name,
            (
                stat["Metric"]["Namespace"],
                stat["Metric"]["MetricName"],
                _dimensions(stat["Metric"]),
            ),
            stat["Stat"],
            int(stat["Period"]),
        )
        for name, stat in stats
    ]


def _metric_queries(alarm: JsonObject) -> list[JsonObject]:
    if alarm.get("Metrics"):
        return [query for query in alarm["Metrics"] if query.get("MetricStat")]
    if not (alarm.get("Namespace") and alarm.get("MetricName")):
        return []
    metric = {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")}
    stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    return [{"Id": "m", "MetricStat": {"Metric": metric, "Stat": stat, "Period": alarm["Period"]}}]


def _dimensions(metric: JsonObject) -> dict[str, str]:
    return {part["Name"]: part["Value"] for part in metric.get("Dimensions") or ()}


def _value(alarm: JsonObject, statistic: Statistic, end: float, period: int) -> float | None:
    """Return what the alarm compares in the period that ends then."""
    values = {
        name: statistic(*key, stat, end - period, end) for name, key, stat, _ in _queries(alarm)
    }
    expressions = [query for query in alarm.get("Metrics") or () if query.get("Expression")]
    for query in expressions:
        values[query["Id"]] = evaluated(query["Expression"], values)
    returned = [query["Id"] for query in alarm.get("Metrics") or () if query.get("ReturnData")]
    name = returned[0] if returned else next(iter(values), "")
    return values.get(name)


def evaluated(expression: str, values: Mapping[str, float | None]) -> Any:
    """Return an expression of metric math for one period, None without a value.

    It knows numbers, metrics, ``+ - * /``, comparisons, ``IF`` and ``FILL``.
    """
    return _evaluated(ast.parse(expression.strip(), mode="eval").body, values)


def _evaluated(node: ast.expr, values: Mapping[str, float | None]) -> Any:
    match node:
        case ast.Constant(value=int() | float()):
            return node.value
        case ast.Name():
            return values.get(node.id)
        case ast.BinOp():
            return _combined(node.op, [node.left, node.right], values)
        case ast.Compare(ops=[op], comparators=[right]):
            return _combined(op, [node.left, right], values)
        case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no]):
            held = _evaluated(condition, values)
            # Without a value, a condition does not hold.
            return _evaluated(yes if held else no, values)
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, value]):
            found = _evaluated(filled, values)
            return _evaluated(value, values) if found is None else found
    raise ValueError(f"metric math that is not supported: {ast.unparse(node)}")


def _combined(sign: ast.AST, nodes: Sequence[ast.expr], values: Mapping[str, float | None]) -> Any:
    left, right = (_evaluated(node, values) for node in nodes)
    if left is None or right is None:
        return None
    try:
        return OPERATORS[type(sign)](left, right)
    except ZeroDivisionError:
        # CloudWatch has no datapoint then.
        return None
