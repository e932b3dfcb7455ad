"""Tests that share a dear fixture run in one process, which sets it up once for all of them."""

from __future__ import annotations

import pytest

from tests.support.plugins.flows import PLANS, SHARED, environment_of


@pytest.hookimpl(tryfirst=True)  # before the tests are dealt out to processes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put each test into the group of what it shares; the one that destroys it comes last."""
    items.sort(key=lambda item: item.name.partition("[")[0] == "test_destroy_leaves_nothing")
    for item in items:
        marker, group = item.get_closest_marker("xdist_group"), group_of(item)
        if marker is None and group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
        elif marker is not None and is_dear(group) and group != marker.args[0]:
            raise pytest.UsageError(
                f"{item.nodeid} uses '{group}' and runs with the tests of '{marker.args[0]}', so "
                f"it would set up a second '{group}'. Split the test."
            )


def is_dear(group: str | None) -> bool:
    """Return whether a group shares an environment, or the plans."""
    return group is not None and (group == PLANS or group.startswith(f"{SHARED}-"))


def group_of(item: pytest.Item) -> str | None:
    """Return the name of what a test shares with others; None if it may run anywhere."""
    if not isinstance(item, pytest.Function):
        return None
    dear = environment_of(item) or (PLANS if PLANS in item.fixturenames else None)
    if dear is not None:
        return dear
    definitions = item._fixtureinfo.name2fixturedefs.values()
    is_shared = any(fixture.scope == "module" for found in definitions for fixture in found[-1:])
    return item.nodeid.partition("::")[0] if is_shared else None
