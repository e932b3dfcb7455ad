"""The flows that are compared with an article's functions: ``tests/flows/<flow>/benchmark.py``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from tests.support.mariadb import MariaDB

Event = dict[str, Any]


@dataclass(frozen=True)
class Function:
    """A function of a flow; the article has one of the same name."""

    package: str
    event: Callable[[], Event]


@dataclass(frozen=True)
class FlowBenchmark:
    """The parts of a flow that the benchmark needs.

    Parameters
    ----------
    functions
        The functions to compare, by name.
    articles_packages
        The folder in ``benchmarks/article`` for each package.
    libraries
        The libraries of each package that the article's functions need.
    tried_on
        Functions for the variants that were tried and rejected, one of each kind.
    variables
        Returns the functions' environment variables, given the database and the stand-ins' URL.
    secrets
        Returns the secrets by identifier, given the database.
    prepare
        Creates the database's tables.
    """

    functions: Mapping[str, Function]
    articles_packages: Mapping[str, str]
    libraries: Mapping[str, Sequence[str]]
    tried_on: Sequence[str]
    variables: Callable[[MariaDB, str], Mapping[str, str]]
    secrets: Callable[[MariaDB], Mapping[str, str]]
    prepare: Callable[[MariaDB], None]


@cache
def benchmarks() -> dict[str, FlowBenchmark]:
    """Return the benchmark of each flow that has one, by the flow's name."""
    found = {}
    for flow in sorted(flow_folders(REPOSITORY)):
        module = f"tests.flows.{flow}.benchmark"
        if find_spec(f"tests.flows.{flow}") and find_spec(module):
            found[flow] = importlib.import_module(module).BENCHMARK
    return found


def loaded_flow() -> str:
    """Return the flow that gets load and whose cost is measured."""
    return next(iter(benchmarks()))
