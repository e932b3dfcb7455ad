"""Each module's example can be applied, does what it promises, and can be destroyed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.modules import checks
from tests.modules.examples import (
    EXAMPLE,
    FOLDER,
    GROUPS,
    MODULES,
    OTHERS,
    SITES,
    Examples,
    applied,
)
from tests.support.account import left

of_each_module = pytest.mark.parametrize(
    "module",
    [
        pytest.param(module, marks=pytest.mark.xdist_group(f"examples-{group}"))
        for module, group in GROUPS.items()
    ],
)
of_each_group = pytest.mark.parametrize(
    "group",
    [
        pytest.param(group, marks=pytest.mark.xdist_group(f"examples-{group}"))
        for group in (SITES, OTHERS)
    ],
)


@pytest.fixture(scope="module", name=SITES)
def sites_examples(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examples]:
    """The applied examples of web sites."""
    with applied(chosen(SITES, request.session), tmp_path_factory.mktemp(SITES)) as examples:
        yield examples


@pytest.fixture(scope="module", name=OTHERS)
def others_examples(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examples]:
    """The applied examples of all other modules."""
    with applied(chosen(OTHERS, request.session), tmp_path_factory.mktemp(OTHERS)) as examples:
        yield examples


def chosen(group: str, session: pytest.Session) -> list[str]:
    """Return the modules of a group that are tested now; all when no test names one."""
    tests = [item for item in session.items if isinstance(item, pytest.Function)]
    parameters = [test.callspec.params for test in tests if hasattr(test, "callspec")]
    named = {values["module"] for values in parameters if values.get("module") in MODULES}
    modules = [module for module in MODULES if GROUPS[module] == group]
    return [module for module in modules if module in named] or modules


@pytest.fixture
def examples(module: str, request: pytest.FixtureRequest) -> Examples:
    """The applied examples of a module's group."""
    found: Examples = request.getfixturevalue(GROUPS[module])
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_an_example_that_its_readme_names(module: str) -> None:
    assert (FOLDER / module / EXAMPLE / "main.tf").exists(), "Write a root module that uses it."
    assert f"({EXAMPLE})" in (FOLDER / module / "README.md").read_text()
    assert hasattr(checks, module), f"Add a function {module} to tests/modules/checks.py."


@of_each_module
def test_the_second_plan_is_empty(module: str, examples: Examples) -> None:
    marks = (f"module.{module}.", f"output {module} ")

    assert [change for change in examples.planned_changes if change.startswith(marks)] == []


@of_each_module
def test_an_example_works(module: str, examples: Examples) -> None:
    getattr(checks, module)(examples.aws, examples.outputs(module))


@of_each_group
def test_destroying_the_examples_leaves_nothing(group: str, request: pytest.FixtureRequest) -> None:
    examples: Examples = request.getfixturevalue(group)
    assert any(left(examples.aws).values())

    examples.destroy()

    assert {name: found for name, found in left(examples.aws).items() if found} == {}
