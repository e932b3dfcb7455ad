"""Lambda.

Python functions run in `emulator.function_host` in place of MiniStack's workers.

- ``error-names``: every exception has the type ``Runtime.HandlerError``, so no ``Retry`` or
  ``Catch`` of a state machine could distinguish them.
- ``lasting-environments``: an exception ends the process, so the next invocation starts cold.
- ``own-libraries``: functions can import the emulator's libraries, so a library that is missing in
  a package is not noticed.
- ``fast-starts``: a cold start takes half a second, a warm call that logs nothing 50 ms.
- ``version-concurrency``: the reserved concurrency of a function does not apply to its versions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulator.function_host import run_python_functions
from emulator.settings import Settings

GAPS = (
    "error-names",
    "lasting-environments",
    "own-libraries",
    "fast-starts",
    "version-concurrency",
)

JsonObject = dict[str, Any]


def apply(settings: Settings) -> None:
    """Close the gaps."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    folder = settings.at_exit.enter_context(tempfile.TemporaryDirectory(prefix="functions-"))
    host = run_python_functions(Path(folder), lambda_runtime, lambda_svc)
    settings.at_exit.callback(host.server.close)
    lambda_svc._reserved_concurrency = of_all_versions(
        lambda_svc._reserved_concurrency, lambda_svc._functions
    )


def of_all_versions(reserved: Callable[..., int | None], functions: Any) -> Callable[..., Any]:
    """Return MiniStack's lookup of a function's reserved concurrency, extended to its versions.

    Versions share the limit of their function, and an alias calls a version.

    Parameters
    ----------
    reserved
        MiniStack's function.
    functions
        The functions by their names.
    """

    def of_the_function(function: JsonObject, config: JsonObject) -> int | None:
        return reserved(functions.get(config.get("FunctionName")) or function, config)

    return of_the_function
