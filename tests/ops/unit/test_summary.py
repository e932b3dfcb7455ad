"""The few lines that stand for a plan before a question."""

from __future__ import annotations

from typing import Any

import pytest

from ops.releases.summary import counts, packages, protected, summary, warnings
from tests.support.releases import release_of


def change(address: str, *actions: str, mode: str = "managed", **values: Any) -> dict[str, Any]:
    kind = address.partition(".")[0]
    change = {"actions": list(actions), **values}
    return {"address": address, "type": kind, "mode": mode, "change": change}


PLAN = {
    "resource_changes": [
        change("role.a", "no-op"),
        change("role.b", "create"),
        change("role.c", "update"),
        change("queue.d", "delete", "create"),
        change("queue.e", "create", "delete"),
        change("queue.f", "delete"),
        change("document.g", "read", mode="data"),
        # A mode of later releases of Terraform.
        change("secret.h", "create", mode="ephemeral"),
    ]
}


def test_a_plan_is_told_by_counts_kinds_and_what_it_destroys() -> None:
    assert summary(PLAN) == [
        "3 to add, 1 to change, 3 to destroy",
        "Kinds: 3 queue, 2 role",
        "Destroyed: queue.f",
        "Replaced: queue.d, queue.e",
    ]
    assert counts(PLAN)["delete"] == 3


def test_many_addresses_are_cut() -> None:
    plan = {"resource_changes": [change(f"queue.n{number}", "delete") for number in range(10)]}

    assert summary(plan)[2].endswith("queue.n7, 2 more")


def test_no_change_is_said() -> None:
    assert summary({"resource_changes": [change("role.a", "no-op")]}) == ["No resource changes"]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (None, "Packages: 2 of 2 change: +one, +two"),
        (release_of(one=b"1", two=b"2"), "Packages: 0 of 2 change"),
        (release_of(one=b"0", two=b"2"), "Packages: 1 of 2 change: one"),
        (release_of(one=b"1", three=b"3"), "Packages: 2 of 2 change: +two, -three"),
    ],
    ids=["first", "same", "one", "other"],
)
def test_the_packages_that_change_are_named(before: Any, told: str) -> None:
    assert packages(before, release_of(one=b"1", two=b"2")) == told


def test_what_is_protected_is_named_if_it_would_be_deleted() -> None:
    plan = {
        "resource_changes": [
            change("db.kept", "update", before={"deletion_protection": True}),
            change("db.gone", "delete", before={"deletion_protection": True}),
            change("db.open", "delete", before={"deletion_protection": False}),
            change("db.new", "create", before=None),
        ]
    }

    assert protected(plan) == ["db.gone"]


def test_checks_that_failed_warn() -> None:
    plan = {
        "checks": [
            {"status": "pass", "instances": [{"problems": [{"message": "old"}]}]},
            {"status": "fail", "instances": [{"problems": [{"message": "No receiver."}]}]},
            {"status": "error"},
        ]
    }

    assert warnings(plan) == ["No receiver."]
