"""The canary record: one SSM parameter, which 'make promote' writes and the guard reads.

It is also the lock of a promotion. `ops/releases/canary.py` writes the same form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

#: A new release gets a part of the calls, or is being given all of them.
TRYING = "trying"
#: The release has all calls; alarms still revert it.
SETTLING = "settling"
#: An operator's command applies the release before again.
RETURNING = "returning"
#: The guard put the versions before back; the next command of an operator removes the record.
REVERTED = "reverted"

#: A promotion reports every 20 s.
SILENT_SECONDS = 180


@dataclass(frozen=True)
class Record:
    """A canary.

    Parameters
    ----------
    id
        Of the promotion.
    state
        See the constants of this module.
    release, before
        Digests of the new and the stable release.
    by
        The operator, or the job on GitHub.
    begun, heartbeat, deadline
        Times in ISO 8601: the first call to the new release, the promotion's last sign of life, and
        the end of the state.
    patterns
        Filter patterns that find the technical errors in the log of a function.
    functions
        For each function, its stable version and the place of its pattern in `patterns`.
    state_machines
        The stable version of each state machine.
    reason
        Why the release was reverted.
    alarm
        The alarm that fired first after the promotion.
    """

    id: str
    state: str
    release: str
    before: str
    by: str
    begun: str
    heartbeat: str
    deadline: str
    patterns: list[str] = field(default_factory=list)
    functions: dict[str, tuple[str, int]] = field(default_factory=dict)
    state_machines: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    alarm: str = ""

    @classmethod
    def parse(cls, text: str) -> Record:
        """Read the parameter's value; unknown fields are of a newer release."""
        content = json.loads(text)
        known = {item.name: content[item.name] for item in fields(cls) if item.name in content}
        return cls(**known)

    def text(self) -> str:
        """Return the parameter's value."""
        return json.dumps({item.name: getattr(self, item.name) for item in fields(self)})

    def changed(self, **values: Any) -> Record:
        """Return the record with some fields changed."""
        return replace(self, **values)

    @property
    def begun_at(self) -> datetime:
        """The time of the first call to the new release."""
        return _time(self.begun)

    @property
    def is_tried(self) -> bool:
        """Whether a promotion or a return is under way, which must show signs of life."""
        return self.state in (TRYING, RETURNING)

    def overdue(self, now: datetime) -> str | None:
        """Return the reason to revert that lies in the promotion itself, None without one."""
        if not self.is_tried:
            return None
        if (now - _time(self.heartbeat)).total_seconds() > SILENT_SECONDS:
            return f"The promotion by {self.by} has shown no sign of life since {self.heartbeat}."
        if self.is_past(now):
            return f"The promotion by {self.by} did not end before {self.deadline}."
        return None

    def is_past(self, now: datetime) -> bool:
        """Return whether the time of the state is over."""
        return now > _time(self.deadline)


def _time(text: str) -> datetime:
    from datetime import datetime

    return datetime.fromisoformat(text)
