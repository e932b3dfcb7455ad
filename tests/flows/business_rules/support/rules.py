"""The business rules of a running environment, as their callers and their operator see them."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

from emulator.stand_ins import rules_engine
from ops.flows import DeployedFlow
from ops.flows import business_rules as hooks
from ops.local.demo import EXAMPLES
from ops.local.signed import Keys
from ops.settings import LOCAL
from tests.support.running import RunningFlow

FLOW = "business_rules"
TABLE = "flowbridge-local-business-rules-audit"
MACHINE = "flowbridge-local-business-rules"
API_ROLE = "flowbridge-local-business-rules-api-targets"
FILES = EXAMPLES / FLOW
RULES = (FILES / "rules.yaml").read_text(encoding="utf-8")
HIGH: Mapping[str, Any] = json.loads((FILES / "high_risk.json").read_text(encoding="utf-8"))
MED: Mapping[str, Any] = json.loads((FILES / "med_risk.json").read_text(encoding="utf-8"))


def unthrottled(send: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """Return the answer to a request, which is resent while the API throttles it."""
    while (answer := send())[0] == HTTPStatus.TOO_MANY_REQUESTS:
        time.sleep(0.5)
    return answer


@dataclass
class Rules(RunningFlow):
    """The flow."""

    name: str = field(default=FLOW, kw_only=True)

    @cached_property
    def deployed(self) -> DeployedFlow:
        """The flow as its hooks see it."""
        return DeployedFlow(FLOW, LOCAL, self.aws.client, self.outputs)

    def ask(self, request: Any, keys: Keys | None = hooks.ROOT) -> tuple[int, Any]:
        """Return the status and body of the answer to a request."""
        return hooks.ask(self.deployed, request, keys)

    def premium(self, request: Any) -> str:
        """Return the premium of a request, which must get one."""
        status, body = self.ask(request)
        assert status == 200, body
        premium: str = body["response"]["premium"]
        return premium

    def audit(self, request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Return the items of a request in the audit, by their type."""
        found = hooks.audit(self.deployed, request["context"]["request_id"])
        items = [{name: next(iter(v.values())) for name, v in item.items()} for item in found]
        return {item["entry_type"]: item for item in items}

    @contextmanager
    def engine_at(self, port: int) -> Iterator[None]:
        """Have ExecuteRules find its engine at another port."""
        url = f"http://127.0.0.1:{port}{rules_engine.PATH}"
        with self.configured({"ExecuteRules": {"ENGINE_URL": url}}):
            yield

    @contextmanager
    def rules(self, text: str) -> Iterator[None]:
        """Have the engine use other rules."""
        hooks.publish(self.deployed, text)
        try:
            yield
        finally:
            hooks.publish(self.deployed, RULES)


def request(of: Mapping[str, Any] = HIGH, age: str | None = None, **car: str) -> dict[str, Any]:
    """Return a request with an id that no other has."""
    return hooks.with_new_id(hooks.changed(copy.deepcopy(dict(of)), age, **car))


def named(name: str) -> dict[str, Any]:
    """Return a request of a driver with a name."""
    new = request()
    new["request"]["driver"] = {**new["request"]["driver"], "name": name}
    return new


def unique() -> str:
    """Return a text that is nowhere else."""
    return uuid.uuid4().hex[:12]
