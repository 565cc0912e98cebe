"""The order of the equations of a program: how long variables are alive, and an order that keeps less alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Equation, Trace


def last_uses(equations: Sequence[Equation], results: Sequence[int]) -> dict[int, int]:
    """Return after which equation each variable is needed no more; those that are results, never."""
    last = {variable: at for at, equation in enumerate(equations) for variable in equation.inputs}
    return last | dict.fromkeys(results, len(equations))


def narrow_order(trace: Trace, equations: list[Equation], varying: set[int]) -> list[Equation]:
    """Order the equations so that little is alive: of those that are ready, the one after which least is."""
    counts = dict.fromkeys(varying, 0)
    for equation in equations:
        for variable in varying & set(equation.inputs):
            counts[variable] += 1
    for variable in set(trace.outputs) & varying:
        counts[variable] += len(equations)
    made = set(trace.inputs)
    waiting = list(range(len(equations)))
    order: list[Equation] = []

    def growth(at: int) -> int:
        equation = equations[at]
        born = sum(trace.size(variable) for variable in equation.outputs if trace.is_differentiable(variable))
        freed = [variable for variable in varying & set(equation.inputs) if counts[variable] == 1]
        return born - sum(trace.size(variable) for variable in freed if trace.is_differentiable(variable))

    made_by = {variable: at for at, equation in enumerate(equations) for variable in equation.outputs}
    missing = {
        at: {made_by[variable] for variable in equation.inputs if variable in made_by} for at, equation in enumerate(equations)
    }
    readers: dict[int, list[int]] = {}
    for at, needed in missing.items():
        for other in needed:
            readers.setdefault(other, []).append(at)
    ready = [at for at in waiting if not missing[at]]
    while ready:
        best = min(ready, key=lambda at: (growth(at), at))
        ready.remove(best)
        order.append(equations[best])
        made |= set(equations[best].outputs)
        for variable in varying & set(equations[best].inputs):
            counts[variable] -= 1
        for reader in readers.get(best, ()):
            missing[reader].discard(best)
            if not missing[reader]:
                ready.append(reader)
    return order
