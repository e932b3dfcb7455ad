"""The local rules engine: boundaries, arithmetic, and files that are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.stand_ins.rules_engine import RulesError, apply_rules, read_rules
from tests.flows.business_rules.support.rules import HIGH, RULES

CAR = HIGH["request"]["car"]


def premium(age: int, premium: str = "300", **car: str) -> tuple[str, str | None]:
    question = {
        "driver": {"age": age},
        "car": {**CAR, **car},
        "policy": {"id": "1", "premium": premium},
    }
    policy = apply_rules(read_rules(RULES), question)
    return policy["premium"], policy.get("rule")


@pytest.mark.parametrize(
    ("age", "wanted"),
    [
        (18, ("360", "High Risk")),
        (20, ("360", "High Risk")),
        (21, ("330", "Med Risk")),
        (22, ("330", "Med Risk")),
        (0, ("360", "High Risk")),
        (120, ("330", "Med Risk")),
    ],
)
def test_every_age_of_a_red_sports_car_has_a_rule(age: int, wanted: tuple[str, str]) -> None:
    assert premium(age) == wanted


@pytest.mark.parametrize("car", [{"color": "BLUE"}, {"style": "SEDAN"}, {"color": "red"}])
def test_other_cars_keep_their_premium(car: dict[str, str]) -> None:
    assert premium(18, **car) == ("300", None)


@pytest.mark.parametrize(
    ("before", "after"), [("0", "0"), ("0.01", "0.01"), ("99.99", "119.99"), ("0.1", "0.12")]
)
def test_premiums_are_exact_to_the_cent(before: str, after: str) -> None:
    assert premium(18, before)[0] == after


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        "- name: a",
        "- {name: a, when: 'driver <', percent: 1}",
        "- {name: a, when: 'driver < 1', percent: 1, more: 2}",
    ],
)
def test_rules_that_cannot_be_used_are_refused(text: str) -> None:
    with pytest.raises(RulesError):
        read_rules(text)


@pytest.mark.parametrize("question", [{}, {"driver": {}, "car": {}, "policy": {"premium": "x"}}])
def test_a_question_that_lacks_something_is_refused(question: dict[str, Any]) -> None:
    with pytest.raises(RulesError):
        apply_rules(read_rules(RULES), question)


def test_a_rule_may_name_what_a_question_lacks() -> None:
    rules = read_rules("- {name: a, when: \"driver['points'] > 3\", percent: 1}")

    with pytest.raises(RulesError):
        apply_rules(rules, {**HIGH["request"], "driver": {"age": 18}})
