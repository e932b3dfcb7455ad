"""An API of any account is found by who sends no signature."""

from __future__ import annotations

from types import SimpleNamespace

from emulator.patches.apigateway import find_in_any_account


def test_an_api_is_found_whatever_account_it_is_in() -> None:
    apis: dict[tuple[str, str, str], object] = {
        ("000000000000", "us-east-1", "a1"): {},
        ("111111111111", "eu-west-1", "b2"): {},
    }
    find = find_in_any_account(SimpleNamespace(all_items=apis.items))

    assert find("b2") == ("111111111111", "eu-west-1")
    assert find("c3") is None
