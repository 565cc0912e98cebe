"""Whether a compiler would compute sines anew for each tangent, as far as the equations of a function tell that.

XLA joins what is computed entry by entry, and what moves entries, to one loop, the derivatives of sines among it: where that
loop runs over all tangents, they are computed for each of them, and those of one step anew in each later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
from jax.extend import core

from chainopt.jax.jaxprs import inner, size
from chainopt.jax.rules import elementwise
from chainopt.jax.rules.registry import CALLS, trips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Trace

SINES = frozenset({"sin", "cos", "tan"})  # XLA has no vectors of these on CPUs; of exponentials and the like it has
# What keeps nothing of what it computes is no such call.
CALLED = {*CALLS, "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"} - {"remat", "remat2", "checkpoint"}
OF_ENTRIES = SINES | {*elementwise.NAMES.split(), "add", "add_any", "convert_element_type", "copy"}
FEWEST_STEPS = 4  # of a loop
# Sines and cosines that all passes compute: fewer take less time than to keep them.
LEAST_IN_A_STEP = 1_500
LEAST = 100_000  # each as often as there are behind each other


class _Place(NamedTuple):
    """Where a variable stands: behind how many sines of each other, and whether entries were moved since the last one."""

    sines: int = 0
    is_moved: bool = False


class _Sines:
    """How many sines a function computes of what depends on its inputs."""

    def __init__(self) -> None:
        self.entries = self.deepest = 0
        self.in_a_step = 0  # of a loop

    def follow(self, jaxpr: core.Jaxpr, given: Sequence[_Place | None]) -> list[_Place | None]:
        """Go through equations, given where the inputs stand, those that matter; return the same of the results."""
        places: dict[core.Var, _Place | None] = dict(zip(jaxpr.invars, given, strict=True))
        for equation in jaxpr.eqns:
            operands = [None if isinstance(atom, core.Literal) else places.get(atom) for atom in equation.invars]
            moving = [place for place in operands if place is not None]
            if moving:
                written = self._behind(equation, operands, max(moving))
                places.update(zip(equation.outvars, written, strict=True))
        return [None if isinstance(atom, core.Literal) else places.get(atom) for atom in jaxpr.outvars]

    def _behind(self, equation: core.JaxprEqn, operands: list[_Place | None], place: _Place) -> list[_Place | None]:
        name, parts = str(equation.primitive), inner(equation)
        count = len(equation.outvars)
        if name in CALLED and parts and len(parts[0].invars) == len(operands):
            return self.follow(parts[0], operands)
        if name == "scan" and trips(equation) >= FEWEST_STEPS:
            step = _Sines()
            step.follow(parts[0], operands)
            self.in_a_step = max(self.in_a_step, step.entries)
        if name in SINES:
            place = _Place(place.sines + (place.is_moved or not place.sines))
            self.entries += size(equation.outvars[0])
            self.deepest = max(self.deepest, place.sines)
        elif name not in OF_ENTRIES:
            place = _Place(place.sines, is_moved=True)
        return [place] * count


def recomputing_mode(trace: Trace, outputs: int, mode: str) -> str | None:
    """Return the pure mode of fewer passes where it would compute many sines again; None elsewhere.

    Parameters
    ----------
    trace : Trace
        From JAX.
    outputs : int
        How many of its results are differentiated.
    mode : str
        The one that is taken where both have as many passes.
    """
    jaxpr = trace.source.closed.jaxpr
    if jax.default_backend() != "cpu" or jaxpr.effects:
        return None
    sines = _Sines()
    sines.follow(jaxpr, [_Place() if place < len(trace.inputs) else None for place in range(len(jaxpr.invars))])
    sizes = {"forward": sum(map(trace.size, trace.inputs)), "reverse": sum(map(trace.size, trace.outputs[:outputs]))}
    mode = min(sizes, key=lambda each: (sizes[each], each != mode))
    passes = 2 * sizes[mode]  # a sine and a cosine
    are_many = sines.deepest > 1 and passes * sines.entries * sines.deepest >= LEAST
    return mode if are_many or (mode == "forward" and passes * sines.in_a_step >= LEAST_IN_A_STEP) else None
