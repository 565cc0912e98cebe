"""When straight-line code is the faster way to a Jacobian, as far as that can be told from the code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import jax

from chainopt.functions.backend import UnplannableError
from chainopt.functions.computation_graph import carrying, multiplies_matrices
from chainopt.jax.elimination.pushed import LOOPS
from chainopt.jax.elimination.straight_line import straight_line
from chainopt.jax.rules.elementwise import DEAR
from chainopt.jax.rules.registry import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Trace
    from chainopt.jax.elimination.straight_line import StraightLine

MOST_ENTRIES = 800  # that all equations of a function write: what has more takes longer to compile than it saves
MOST_OPERATIONS = 2_000  # of the code, for the same reason
MOST_ENDS = 32  # inputs, and results
LEAST_EQUATIONS = 80  # of a function that is long
LEAST_WITH_MATRICES = 10  # equations of a function that multiplies matrices: around fewer there is nothing to share
OPERATIONS_OF_AN_EQUATION = 10  # of the code, which take as long to compile as an equation in the pure modes
OPERATIONS_OF_A_FUNCTION = 300  # the same of a function, however short it is
WIDEST = 4  # entries of what an equation writes, on the average
MOST_DEAR = 12  # equations, at least, for each operation that is dear,
SHARED = 2  # unless its result has so many uses, on the average: the pure modes compute it anew for each of them


def worthwhile(trace: Trace, outputs: int) -> StraightLine | None:
    """Return straight-line code where it is the faster way; None elsewhere, and where there is none."""
    if not _is_small(trace, outputs):
        return None
    try:
        line = straight_line(trace, outputs)
    except UnplannableError:
        return None
    return line if _pays(line, trace) else None


def _is_small(trace: Trace, outputs: int) -> bool:
    """Whether a function is small enough that its code may be worth writing."""
    inputs = sum(map(trace.size, trace.inputs))
    results = sum(map(trace.size, trace.outputs[:outputs]))
    if not (2 <= inputs <= MOST_ENDS and 2 <= results <= MOST_ENDS) or jax.default_backend() != "cpu":
        return False
    carried = carrying(trace)
    if any(equation.name in LOOPS and not carried.isdisjoint(equation.inputs) for equation in trace.equations):
        return False  # which stay as they are: there is little left to be shared
    equations = _equations_in(trace)
    written = sum(trace.size(variable) for equation in trace.equations for variable in equation.outputs)
    is_long = equations >= LEAST_EQUATIONS and written <= WIDEST * equations
    dear = [equation.outputs[0] for equation in trace.equations if equation.name in DEAR]
    if equations >= LEAST_WITH_MATRICES and multiplies_matrices(trace, PRODUCTS):
        return written <= MOST_ENTRIES
    return is_long and written <= MOST_ENTRIES and (_has_few(sum(map(trace.size, dear)), equations) or _are_shared(dear, trace))


def _pays(line: StraightLine, trace: Trace) -> bool:
    """Whether the code is faster than the better of the pure modes.

    Those go through a long function once for each input or result, and what they fuse they compute again for each consumer, so
    that their time grows faster than the function; that of the code does not. Sines and the like take most of the time in any
    mode, and a short function is fused as a whole. Products of small matrices are slow in the pure modes, above all at many
    points: they are calls, for each point and tangent, of what is made for large ones.
    """
    code = line.walk.code
    needed = [node for node in code.needed(line.entries.values()) if code.nodes[node].operands]
    dear = sum(code.nodes[node].kind in DEAR for node in needed)
    equations = _equations_in(trace)
    most = min(MOST_OPERATIONS, OPERATIONS_OF_A_FUNCTION + OPERATIONS_OF_AN_EQUATION * equations)
    if len(needed) > most:
        return False
    of_trace = [equation.outputs[0] for equation in trace.equations if equation.name in DEAR]
    return _has_few(dear, equations) or multiplies_matrices(trace, PRODUCTS) or _are_shared(of_trace, trace)


def _equations_in(trace: Trace) -> int:
    """Return of how many equations a function is; an array that is taken apart counts as a slice and a scalar for each part.

    JAX wrote it so before 0.12, and the bounds above are of those days: the compiler's work is the same.
    """
    return sum(2 * len(equation.outputs) if equation.name == "unstack" else 1 for equation in trace.equations)


def _has_few(dear: int, equations: int) -> bool:
    """Whether few operations are dear, beside the equations."""
    return dear * MOST_DEAR <= equations


def _are_shared(dear: Sequence[int], trace: Trace) -> bool:
    """Whether what is dear has several uses, on the average."""
    uses = Counter(variable for equation in trace.equations for variable in equation.inputs)
    return sum(uses[variable] for variable in dear) >= SHARED * len(dear)
