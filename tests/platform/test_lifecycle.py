"""Apply, an empty second plan, destroy: nothing to do, then nothing left."""

from __future__ import annotations

from tests.support.account import left
from tests.support.platform import Platform


def test_the_second_plan_is_empty(each_platform: Platform) -> None:
    plan = each_platform.make("plan")

    assert plan.code == 0, plan.text
    assert "No changes." in plan.text


def test_another_operator_meets_the_lock(platform: Platform) -> None:
    s3 = platform.aws.client("s3")
    lock = {"Bucket": "flowbridge-local-state-000000000000", "Key": "flowbridge.tfstate.tflock"}
    info = (
        '{"ID":"1","Operation":"OperationTypeApply","Info":"","Who":"maria@ops",'
        '"Version":"1.11.4","Created":"2026-01-01T00:00:00Z","Path":"x"}'
    )
    s3.put_object(**lock, Body=info)
    try:
        apply = platform.make("apply")
    finally:
        s3.delete_object(**lock)

    assert apply.code != 0
    assert "maria@ops" in apply.text


def test_destroy_leaves_nothing(each_platform: Platform) -> None:
    """Last of all tests of the environment: what follows finds nothing."""
    assert any(left(each_platform.aws).values())

    destroy = each_platform.make("destroy")

    assert destroy.code == 0, destroy.text
    assert {name: found for name, found in left(each_platform.aws).items() if found} == {}
