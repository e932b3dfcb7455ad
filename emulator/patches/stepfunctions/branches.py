"""Branches of a Parallel and items of a Map run together; the first failure stops the others.

MiniStack lets the others run to their end, and ignores ``Arguments``, ``Output`` and ``Assign`` of
a Parallel in JSONata.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

from emulator.patches.stepfunctions import limits, scopes
from emulator.patches.stepfunctions.scopes import Stopped

JsonObject = dict[str, Any]
Work = Callable[[], Any]

#: An inline Map runs so many iterations at the same time, as on AWS.
INLINE_ITERATIONS = 40


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions as machines

    machines._run_parallel_branches = partial(run_parallel, machines)
    machines._run_map_items = run_map(machines, machines._run_map_items)


def run_together(works: Sequence[Work], workers: int) -> list[Any]:
    """Return what each piece of work returns.

    Parameters
    ----------
    works
        What to do; it runs in threads with the context of this one.
    workers
        How many run at the same time.

    Raises
    ------
    Exception
        The first error. Running work is interrupted, and waiting work never begins.
    Stopped
        When the scope of this thread is stopped.
    """
    results: list[Any] = [None] * len(works)
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    waiting = iter(enumerate(works))
    taking = threading.Lock()

    def work() -> None:
        while not scope.is_stopped:
            with taking:
                number, one = next(waiting, (0, None))
            if one is None:
                return
            try:
                results[number] = one()
                ended.put(None)
            except BaseException as error:
                ended.put(error)
                return

    outer = scopes.current()
    with outer.part() as scope, outer.calling(lambda: ended.put(Stopped())):
        for _ in range(min(workers, len(works))):
            # Each thread has a copy of the context, with the account and region.
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(work,), daemon=True).start()
        for _ in works:
            error = ended.get()
            if error is not None:
                raise error
    return results


def run_parallel(
    machines: Any, state: JsonObject, value: Any, execution: Any, context: JsonObject
) -> tuple[Any, str | None]:
    """Run the branches of a Parallel; return its output and the next state."""
    if machines._state_query_language(state, context) == "JSONata":
        given = machines._apply_jsonata_arguments(state, value, context)
    else:
        given = machines._apply_input_path(state, value, context)
        given = machines._apply_parameters(state, given, context)
    works = [
        partial(
            machines._run_sub_machine,
            branch["States"],
            branch["StartAt"],
            given,
            execution,
            branch_context(context),
        )
        for branch in state["Branches"]
    ]
    results = run_together(works, len(works))
    return finished(machines, state, value, context, results)


def run_map(machines: Any, other: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's run of a Map, which runs the items of an inline one.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    other
        MiniStack's function, used for a distributed Map.
    """

    def run_items(
        state: JsonObject, value: Any, execution: Any, context: JsonObject
    ) -> tuple[Any, str | None]:
        processor = state.get("ItemProcessor") or state["Iterator"]
        if processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            found: tuple[Any, str | None] = other(state, value, execution, context)
            return found
        given = machines._apply_input_path(state, value, context)
        limit = number(machines, state, "MaxConcurrency", value, context)

        def run_item(index: int, item: Any) -> Any:
            own = item_context(context, index, item)
            return machines._run_sub_machine(
                processor["States"],
                processor["StartAt"],
                selected(machines, state, value, given, own),
                execution,
                own,
            )

        items = items_of(machines, state, value, given, context)
        works = [partial(run_item, index, item) for index, item in enumerate(items)]
        results = run_together(works, min(limit or INLINE_ITERATIONS, INLINE_ITERATIONS))
        return finished(machines, state, value, context, results)

    return run_items


def items_of(machines: Any, state: JsonObject, value: Any, given: Any, context: JsonObject) -> Any:
    """Return the items of a Map that has no reader."""
    if machines._state_query_language(state, context) != "JSONata":
        items = machines._resolve_path_or_ctx(state.get("ItemsPath", "$"), given, context)
    elif "Items" in state:
        items = machines._jsonata_state_field(state, "Items", "array", value, context)
    else:
        items = value
    return items if isinstance(items, list) else [items]


def selected(machines: Any, state: JsonObject, value: Any, given: Any, context: JsonObject) -> Any:
    """Return the input of an item.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    state
        The Map.
    value
        Its input.
    given
        The part of the input that ``InputPath`` selects.
    context
        The context of the item.
    """
    # Parameters is the older name.
    template = state.get("ItemSelector") or state.get("Parameters")
    if not template:
        return context["Map"]["Item"]["Value"]
    if machines._state_query_language(state, context) == "JSONata":
        return machines._apply_jsonata_template(template, value, context)
    return machines._resolve_params_obj(template, given, context)


def number(machines: Any, state: JsonObject, name: str, value: Any, context: JsonObject) -> Any:
    """Return a number of a state, given as itself, an expression or a path; None without it."""
    if path := state.get(f"{name}Path"):
        return machines._resolve_path_or_ctx(path, value, context)
    if isinstance(state.get(name), str):
        return machines._jsonata_state_field(state, name, "number", value, context)
    return state.get(name)


def branch_context(context: JsonObject) -> JsonObject:
    """Return the context of a branch: it sees variables, and assigns its own."""
    return {**context, "variables": dict(context.get("variables") or {})}


def item_context(context: JsonObject, index: int, item: Any) -> JsonObject:
    """Return the context of an item of a Map."""
    return {**branch_context(context), "Map": {"Item": {"Index": index, "Value": item}}}


def finished(
    machines: Any, state: JsonObject, value: Any, context: JsonObject, result: Any
) -> tuple[Any, str | None]:
    """Return the output of a state whose result is known, and the next state."""
    limits.check(machines, result, context["State"]["Name"])
    if machines._state_query_language(state, context) == "JSONata":
        output = machines._apply_jsonata_output(
            state, value, context, result=result, default=result
        )
        machines._apply_state_assign(state, value, context, result=result)
    else:
        output = machines._apply_result_selector(state, result)
        output = machines._apply_result_path(state, value, output)
        output = machines._apply_output_path(state, output, context)
    return output, machines._next_or_end(state)
