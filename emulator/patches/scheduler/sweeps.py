"""When schedules are due.

MiniStack's thread calls ``_tick_schedules`` at an interval; here it looks each second.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

JsonObject = dict[str, Any]
#: Calls the target of a schedule, given the account, the region and the moment for which it is.
Call = Callable[[str, str, JsonObject, float], None]

SECONDS = 1.0
ONCE = re.compile(r"^at\((.+)\)$")


def apply(call: Call) -> None:
    """Replace MiniStack's function and interval."""
    from ministack.services import eventbridge, scheduler

    scheduler._SCHEDULE_TICK_INTERVAL = SECONDS
    scheduler._tick_schedules = Sweeps(scheduler, eventbridge, call).sweep


class Sweeps:
    """Finds the schedules that are due.

    Parameters
    ----------
    scheduler, events
        MiniStack's Scheduler, and its EventBridge, which reads the expressions.
    call
        Calls a target, and returns at once.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self, scheduler: Any, events: Any, call: Call, clock: Callable[[], float] = time.time
    ) -> None:
        self._scheduler = scheduler
        self._events = events
        self._call = call
        self._clock = clock
        #: By schedule, the version that was called and the moment from which its next call counts.
        self._called: dict[Any, tuple[float, float]] = {}

    def sweep(self) -> None:
        """Call the target of each schedule that is due."""
        now = self._clock()
        schedules = self._scheduler._schedules._data
        for key, schedule in list(schedules.items()):
            if schedule["State"] != "ENABLED":
                continue
            end = self._scheduler._to_epoch(schedule.get("EndDate"))
            if end is not None and now > end:
                self._complete(key, schedule)
                continue
            start = self._scheduler._to_epoch(schedule.get("StartDate"))
            if start is not None and now < start:
                continue
            moment = self._due(key, schedule, now)
            if moment is not None:
                self._call(key[0], key[1], schedule, moment)
                if ONCE.match(schedule["ScheduleExpression"]):
                    self._complete(key, schedule)

    def _complete(self, key: Any, schedule: JsonObject) -> None:
        if schedule.get("ActionAfterCompletion") == "DELETE":
            self._scheduler._schedules._data.pop(key, None)
            self._called.pop(key, None)

    def _due(self, key: Any, schedule: JsonObject, now: float) -> float | None:
        """Return the moment for which a schedule is due, and note that it was called."""
        version = schedule["LastModificationDate"]
        called, since = self._called.get(key, (0.0, 0.0))
        is_new = called != version
        if is_new:
            since = version
        moment = self._moment(schedule, since, now, is_new)
        if moment is not None:
            self._called[key] = (version, moment)
        return moment

    def _moment(self, schedule: JsonObject, since: float, now: float, is_new: bool) -> float | None:
        expression = schedule["ScheduleExpression"]
        zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
        if once := ONCE.match(expression):
            moment = datetime.fromisoformat(once[1]).replace(tzinfo=zone).timestamp()
            return moment if is_new and moment <= now else None
        if interval := self._events._parse_rate_seconds(expression):
            times = (now - since) // interval
            return since + times * interval if times else None
        fields = self._events._parse_cron_fields(expression)
        if fields is None:
            return None
        found = self._events._cron_next_fire(fields, datetime.fromtimestamp(since, zone))
        return found.timestamp() if found and found.timestamp() <= now else None
