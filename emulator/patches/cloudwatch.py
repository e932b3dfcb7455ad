"""CloudWatch.

- ``alarms-in-query-protocol``: ``DescribeAlarms`` leaves out most fields of an alarm in the Query
  protocol, which Terraform's provider speaks, and gives an alarm of a percentile a ``Statistic``.
  Every plan would show differences.
- ``alarm-metrics``: an alarm is raised by every metric of its name, whatever its dimensions, only
  when ``PutMetricData`` is called, and never by an expression. The event bus gets no event.
- ``rights-of-alarms``: an alarm publishes to every topic, whatever the topic's policy allows.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from emulator import policies
from emulator.alarms import metrics_of, period_of, state_of
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "alarms-in-query-protocol": "``DescribeAlarms`` returns every field in each protocol.",
    "alarm-metrics": (
        "An alarm evaluates its own metrics, by dimensions or by an expression, and sends an event."
    ),
    "rights-of-alarms": "An alarm publishes to a topic if the topic's policy lets CloudWatch.",
}
SERVICE = "cloudwatch.amazonaws.com"
TIME_SUFFIX = "Timestamp"
#: How often alarms are evaluated; on AWS every minute.
SECONDS = 0.5
#: Points are stored almost in order of time, so after this many old ones the search ends.
OLD_POINTS = 50

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

log = logging.getLogger("emulator")


def apply(settings: Settings) -> None:
    """Close the gaps."""
    from ministack.services import cloudwatch

    cloudwatch._describe_alarms = describe_all_fields(cloudwatch._describe_alarms, cloudwatch._xml)
    alarms = Alarms(cloudwatch)
    cloudwatch._put_metric_alarm = with_expressions(
        cloudwatch._put_metric_alarm, cloudwatch._alarms
    )
    cloudwatch._metric_bucket = alarms.noting(cloudwatch._metric_bucket)
    cloudwatch._evaluate_alarm = alarms.evaluate
    cloudwatch._dispatch_alarm_actions = with_rights(cloudwatch._dispatch_alarm_actions, refusal)
    threading.Thread(target=alarms.run, daemon=True, name="alarms").start()
    settings.at_exit.callback(alarms.end.set)


class Alarms:
    """Evaluates the alarms whose metrics got a point, and those that fire.

    Parameters
    ----------
    cloudwatch
        MiniStack's module.
    """

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch
        self._changed: set[tuple[str, str, tuple[str, str, str]]] = set()
        self.end = threading.Event()

    def noting(self, bucket: Callable[..., list[JsonObject]]) -> Callable[..., list[JsonObject]]:
        """Return MiniStack's choice of the list for a point, which notes the metric."""
        from ministack.core.responses import get_account_id, get_region

        def noted(key: tuple[str, str, str]) -> list[JsonObject]:
            self._changed.add((get_account_id(), get_region(), key))
            return bucket(key)

        return noted

    def run(self) -> None:
        """Evaluate alarms until the emulator ends."""
        from ministack.core.responses import request_scope

        while not self.end.wait(SECONDS):
            changed, self._changed = self._changed, set()
            for account, region, alarm in self._due(changed):
                try:
                    with request_scope(account, region):
                        self.evaluate(alarm)
                except Exception:
                    log.exception("The alarm %s cannot be evaluated", alarm.get("AlarmName"))

    def _due(
        self, changed: set[tuple[str, str, tuple[str, str, str]]]
    ) -> Iterator[tuple[str, str, JsonObject]]:
        for (account, region, _), alarm in self._cloudwatch._alarms.all_items():
            keys = [
                (account, region, (namespace, name, self._cloudwatch._dims_key(dimensions)))
                for namespace, name, dimensions in metrics_of(alarm)
            ]
            if alarm["StateValue"] == "ALARM" or not changed.isdisjoint(keys):
                yield account, region, alarm

    def evaluate(self, alarm: JsonObject) -> None:
        """Give an alarm its state, and notify its topics and the event bus of a change.

        One that fires does so for a period at least, as on AWS.
        """
        now, before = time.time(), alarm["StateValue"]
        if before == "INSUFFICIENT_DATA" and not self._has_points(alarm):
            return
        new = state_of(alarm, self._statistic, now)
        if new is None or new[0] == before:
            return
        if before == "ALARM" and now - alarm["StateUpdatedTimestamp"] < period_of(alarm):
            return
        state, reason = new
        alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(now))
        name = alarm["AlarmName"]
        self._cloudwatch._record_history(name, before, state, reason)
        self._cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
        self._cloudwatch._evaluate_parent_alarms(alarm)
        publish_change(alarm, before)

    def _has_points(self, alarm: JsonObject) -> bool:
        return any(self._points(*key) for key in metrics_of(alarm))

    def _points(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> list[JsonObject]:
        key = (namespace, name, self._cloudwatch._dims_key(dimensions))
        points: list[JsonObject] = self._cloudwatch._metrics.get(key, [])
        return points

    def _statistic(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        stat: str,
        begin: float,
        end: float,
    ) -> float | None:
        points = list(recent(self._points(namespace, name, dimensions), begin, end))
        if not points:
            return None
        stats = self._cloudwatch._calc_stats(points)
        value: float | None = self._cloudwatch._stat_value(stats, stat, points)
        return value


def recent(points: Sequence[JsonObject], begin: float, end: float) -> Iterator[JsonObject]:
    """Yield the points after a time, up to another one."""
    old = 0
    for point in reversed(points):
        if begin < point["Timestamp"] <= end:
            yield point
        elif point["Timestamp"] <= begin and (old := old + 1) > OLD_POINTS:
            return


def publish_change(alarm: JsonObject, before: str) -> None:
    """Put the event of an alarm's change on the default bus."""
    from ministack.services import eventbridge

    time_of = datetime.fromtimestamp(alarm["StateUpdatedTimestamp"], UTC).isoformat()
    state = {"value": alarm["StateValue"], "reason": alarm["StateReason"], "timestamp": time_of}
    detail = {
        "alarmName": alarm["AlarmName"],
        "state": state,
        "previousState": {"value": before},
        "configuration": {"description": alarm.get("AlarmDescription", "")},
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [alarm["AlarmArn"]],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def with_rights(
    act: Callable[..., None], refusal_of: Callable[[str, str], str]
) -> Callable[..., None]:
    """Return MiniStack's actions of an alarm, which need the rights of its topics.

    Parameters
    ----------
    act
        MiniStack's function.
    refusal_of
        Returns why a topic refuses an alarm, by their ARNs; an empty text when it does not.
    """

    def act_permitted(alarm: JsonObject, *change: Any) -> None:
        permitted = dict(alarm)
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            permitted[name] = []
            for action in alarm.get(name) or ():
                if ":sns:" in action and (cause := refusal_of(action, alarm["AlarmArn"])):
                    log.warning("The alarm %s cannot notify: %s", alarm["AlarmName"], cause)
                else:
                    permitted[name].append(action)
        act(permitted, *change)

    return act_permitted


def refusal(topic: str, alarm: str) -> str:
    """Return why the policy of a topic does not let an alarm in, or an empty text."""
    # The policy that SNS gives a new topic has this condition.
    keys = {"aws:SourceOwner": alarm.split(":")[4]}
    document = policies.policy_of("sns", topic)
    return policies.resource_refusal(document, SERVICE, "sns:Publish", topic, alarm, keys)


def with_expressions(put: Callable[..., Answer], alarms: Any) -> Callable[..., Answer]:
    """Return MiniStack's ``PutMetricAlarm``, which keeps the metrics of an expression too."""

    def put_metric_alarm(
        params: Mapping[str, Any], data: JsonObject, is_cbor: bool, is_json: bool = False
    ) -> Answer:
        answer = put(params, data, is_cbor, is_json)
        fields = data if is_cbor or is_json else nested(params)
        alarm = alarms.get(fields.get("AlarmName"))
        if answer[0] == 200 and alarm is not None and fields.get("Metrics"):
            alarm["Metrics"] = [query_of(query) for query in fields["Metrics"]]
        return answer

    return put_metric_alarm


def query_of(query: JsonObject) -> JsonObject:
    """Return a query of a metric with the types of its fields."""
    found = dict(query)
    returned = found.get("ReturnData", True)
    found["ReturnData"] = returned if isinstance(returned, bool) else returned == "true"
    if stat := found.get("MetricStat"):
        found["MetricStat"] = {**stat, "Period": int(stat["Period"])}
    return found


def nested(params: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a form as JSON: ``Metrics.member.1.Id`` is in the list ``Metrics``."""
    fields: JsonObject = {}
    for key, values in params.items():
        place, parts = fields, key.split(".")
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = values[0] if isinstance(values, list) else values
    return {name: _with_lists(value) for name, value in fields.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {"member"}:
        listed = sorted(value["member"].items(), key=lambda item: int(item[0]))
        return [_with_lists(item) for _, item in listed]
    return {name: _with_lists(item) for name, item in value.items()}


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
