"""Whether a function multiplies matrices that both depend on what it is differentiated by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.computation_graph import carrying

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from chainopt.functions.trace import Trace

MATRIX = 2  # axes of a factor that is no vector


def multiplies_matrices(trace: Trace, products: AbstractSet[str]) -> bool:
    """Whether both factors of a product with a matrix depend on the inputs.

    Parameters
    ----------
    trace : Trace
    products : set of str
        The names of the equations that multiply.
    """
    carried = carrying(trace)
    return any(
        equation.name in products
        and carried.issuperset(equation.inputs)
        and any(len(trace.variables[variable].shape) >= MATRIX for variable in equation.inputs)
        for equation in trace.equations
    )
