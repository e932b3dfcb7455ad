"""Patches of MiniStack, one module for each AWS service.

Each module has

- a docstring that lists the gaps it closes, and what MiniStack does,
- ``GAPS``, their names, and what AWS does,
- ``apply(settings)``, which replaces functions of MiniStack.

``tests/emulator/end_to_end/test_gaps.py`` has a check for each name. It runs against a MiniStack
without patches, where it must find the gap, and against the emulator, where it must not. When a new
version of MiniStack closes a gap, that test fails; delete the patch then. ``make docs`` writes the
table of all gaps to ``emulator/README.md``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from emulator.settings import Settings


def modules() -> Iterator[ModuleType]:
    """Yield the patches in this folder."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield importlib.import_module(found.name)


def apply_all(settings: Settings) -> None:
    """Apply every patch."""
    for module in modules():
        module.apply(settings)
