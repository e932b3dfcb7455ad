"""Play a rules engine: conditions in files that can be replaced while it runs, behind an HTTP API.

The conditions are in the language of https://pypi.org/project/rule-engine/, which evaluates them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from emulator.asgi import App, Message, Receive, Scope, Send, answer, read_body

PATH = "/_rules"
#: Publishes a file of rules, with the engine's token, or returns the one that holds.
RULES_PATH = f"{PATH}/rules"
PREMIUM_PATH = f"{PATH}/policy/premium"
CENT = Decimal("0.01")


class RulesError(ValueError):
    """A file of rules cannot be used; the message says why."""


@dataclass(frozen=True)
class Rule:
    """A rule: its name, its condition, and the percentage that it adds to the premium."""

    name: str
    when: str
    percent: Decimal

    @cached_property
    def condition(self) -> Any:
        """The condition, read by the engine."""
        import rule_engine

        # A dot before a key of a mapping is deprecated: car['color'].
        context = rule_engine.Context(mapping_attribute_lookup=False)
        return rule_engine.Rule(self.when, context=context)


def read_rules(text: str) -> list[Rule]:
    """Return the rules of a file in YAML.

    Raises
    ------
    RulesError
        Naming the rule that is wrong.
    """
    import rule_engine
    import yaml

    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RulesError(f"the file is not YAML: {error}") from None
    if not isinstance(entries, list):
        raise RulesError("the file is not a list of rules")
    rules = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or set(entry) != {"name", "when", "percent"}:
            raise RulesError(f"rule {number} needs name, when and percent, and nothing else")
        rule = Rule(str(entry["name"]), str(entry["when"]), Decimal(str(entry["percent"])))
        try:
            _ = rule.condition
        except rule_engine.EngineError as error:
            raise RulesError(f"the condition of '{rule.name}' is wrong: {error}") from None
        rules.append(rule)
    return rules


def apply_rules(rules: list[Rule], question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy of a question, with the premium after the first rule that holds.

    Parameters
    ----------
    rules
        The rules in their order.
    question
        ``driver``, ``car`` and ``policy``.

    Raises
    ------
    RulesError
        When the question lacks something.
    """
    import rule_engine

    try:
        policy = question["policy"]
        premium = Decimal(policy["premium"])
        facts = {name: question[name] for name in ("driver", "car")}
        found = next((rule for rule in rules if rule.condition.matches(facts)), None)
    except (KeyError, TypeError, ArithmeticError, rule_engine.EngineError) as error:
        raise RulesError(f"the question cannot be answered: {error!r}") from None
    if found is None:
        return {"id": policy["id"], "premium": text_of(premium)}
    changed = premium * (100 + found.percent) / 100
    return {"id": policy["id"], "premium": text_of(changed), "rule": found.name}


def text_of(premium: Decimal) -> str:
    """Return a premium as text: in cents, and whole if it is."""
    rounded = premium.quantize(CENT)
    whole = rounded.to_integral_value()
    return str(whole) if rounded == whole else str(rounded)


class WithRulesEngine:
    """ASGI application: another one, and the engine.

    Parameters
    ----------
    app
        Gets every other request unchanged.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._token = ""
        self._text = ""
        self._rules: list[Rule] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path not in (RULES_PATH, PREMIUM_PATH):
            await self._app(scope, receive, send)
            return
        body = await read_body(receive)
        if path == RULES_PATH:
            status, found = self._publish(scope, body)
        else:
            status, found = self._evaluate(scope, body)
        await answer(send, status, "application/json", json.dumps(found).encode())

    def _publish(self, scope: Scope, body: bytes) -> tuple[int, Any]:
        # The first one who publishes rules gives the engine its token.
        token = bearer(scope)
        if self._token and not secrets.compare_digest(token, self._token):
            return 401, {"message": "the token is wrong"}
        if scope["method"] == "GET":
            return 200, {"rules": self._text}
        try:
            rules = read_rules(body.decode("utf-8", "replace"))
        except RulesError as error:
            return 400, {"message": str(error)}
        self._token, self._text, self._rules = token, body.decode(), rules
        return 200, {"rules": len(rules)}

    def _evaluate(self, scope: Scope, body: bytes) -> tuple[int, Any]:
        if not self._text:
            return 503, {"message": "the engine has no rules yet"}
        if not secrets.compare_digest(bearer(scope), self._token):
            return 401, {"message": "the token is wrong"}
        try:
            return 200, {"policy": apply_rules(self._rules, json.loads(body))}
        except ValueError as error:
            return 422, {"message": str(error)}


def bearer(scope: Message) -> str:
    """Return the bearer token of a request; an empty text without one."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token if kind == "Bearer" else ""


def layer(app: App) -> App:
    """Put the engine in front of an application."""
    return WithRulesEngine(app)
