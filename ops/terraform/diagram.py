"""Draw a state machine's definition as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator

from ops.terraform.definition import State, all_states, inner

END = "finish((end))"
SHAPES = {
    "Choice": '{{"{text}"}}',
    "Succeed": '(["{text}"])',
    "Fail": '(["{text}"])',
    "Wait": '[/"{text}"/]',
}


def mermaid(definition: State) -> str:
    """Return the flowchart of a definition in Amazon States Language.

    Solid arrows are normal transitions, dashed arrows are Catch transitions. A state with Retry is
    labelled *retried*. Each branch of a Parallel is a frame; its end leads to the state after the
    Parallel.
    """
    lines = ["flowchart TD", "  start((start))", f"  start --> {definition['StartAt']}"]
    lines += _states(definition["States"], "  ")
    # Arrows come last: Mermaid puts a state into the frame that names it first.
    lines += _arrows(definition["States"], END)
    lines.append("  classDef failed stroke:#c00,color:#c00")
    failed = [name for name, state in all_states(definition) if state["Type"] == "Fail"]
    if failed:
        lines.append(f"  class {','.join(failed)} failed")
    return "\n".join(lines) + "\n"


def _states(states: dict[str, State], indent: str) -> Iterator[str]:
    for name, state in states.items():
        shape = SHAPES.get(state["Type"], '["{text}"]')
        yield f"{indent}{name}{shape.format(text=_label(name, state))}"
        for number, branch in enumerate(inner(state), start=1):
            yield f'{indent}subgraph {name}_{number} [" "]'
            yield from _states(branch["States"], indent + "  ")
            yield f"{indent}end"


def _arrows(states: dict[str, State], end: str) -> Iterator[str]:
    """Yield the arrows between states, and from the last of them to `end`."""
    for name, state in states.items():
        after = state.get("Next", end)
        branches = inner(state)
        for branch in branches:
            yield f"  {name} --> {branch['StartAt']}"
            yield from _arrows(branch["States"], after)
        if not branches and ("Next" in state or state.get("End")):
            yield f"  {name} --> {after}"
        elif state["Type"] == "Succeed" and end != END:
            yield f"  {name} --> {end}"
        for choice in state.get("Choices", []):
            yield f"  {name} --> {choice['Next']}"
        if "Default" in state:
            yield f"  {name} -->|else| {state['Default']}"
        for catcher in state.get("Catch", []):
            errors = ", ".join(catcher["ErrorEquals"])
            label = "any error" if errors == "States.ALL" else errors
            yield f"  {name} -.->|{label}| {catcher['Next']}"


def _label(name: str, state: State) -> str:
    retried = any(retrier.get("MaxAttempts", 3) > 0 for retrier in state.get("Retry", []))
    return f"{name}<br/><i>retried</i>" if retried else name
