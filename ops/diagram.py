"""Draw a state machine as a Mermaid flowchart, from its definition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

State = dict[str, Any]
SHAPES = {
    "Choice": '{{"{text}"}}',
    "Succeed": '(["{text}"])',
    "Fail": '(["{text}"])',
    "Wait": '[/"{text}"/]',
}


def mermaid(definition: State) -> str:
    """Return the flowchart of a definition in Amazon States Language.

    Solid arrows are the normal way, dashed ones what happens to an error that was caught; a state
    that repeats failed calls says so.
    """
    lines = ["flowchart TD", "  start((start))", f"  start --> {definition['StartAt']}"]
    lines += _states(definition["States"], "  ")
    lines.append("  classDef failed stroke:#c00,color:#c00")
    failed = [name for name, state in definition["States"].items() if state["Type"] == "Fail"]
    if failed:
        lines.append(f"  class {','.join(failed)} failed")
    return "\n".join(lines) + "\n"


def _states(states: dict[str, State], indent: str) -> Iterator[str]:
    for name, state in states.items():
        shape = SHAPES.get(state["Type"], '["{text}"]')
        yield f"{indent}{name}{shape.format(text=_label(name, state))}"
        yield from _nested(name, state, indent)
    for name, state in states.items():
        for target, arrow in _arrows(state):
            yield f"{indent}{name} {arrow} {target}"


def _nested(name: str, state: State, indent: str) -> Iterator[str]:
    branches = list(state.get("Branches", []))
    if "ItemProcessor" in state:
        branches.append(state["ItemProcessor"])
    for number, branch in enumerate(branches, start=1):
        yield f"{indent}subgraph {name}_{number} [{name} {number}]"
        yield from _states(branch["States"], indent + "  ")
        yield f"{indent}end"
        yield f"{indent}{name} --> {branch['StartAt']}"


def _label(name: str, state: State) -> str:
    retried = any(retrier.get("MaxAttempts", 3) > 0 for retrier in state.get("Retry", []))
    return f"{name}<br/><i>retried</i>" if retried else name


def _arrows(state: State) -> Iterator[tuple[str, str]]:
    if "Next" in state:
        yield state["Next"], "-->"
    for choice in state.get("Choices", []):
        yield choice["Next"], "-->"
    if "Default" in state:
        yield state["Default"], "-->|else|"
    for catcher in state.get("Catch", []):
        errors = ", ".join(catcher["ErrorEquals"])
        yield catcher["Next"], f"-.->|{'any error' if errors == 'States.ALL' else errors}|"
    if state.get("End"):
        yield "finish((end))", "-->"
