"""Values that are the same for all inputs: constants, and what is computed of them as exactly as XLA does it.

Sums and functions of floats are left out: XLA may round them otherwise than NumPy, and what is zero here might not be zero there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.jax.detection.evaluations import EXACT, MOVES, OF_INTEGERS
from chainopt.jax.detection.values import constant
from chainopt.jax.detection.zeros import known_zeros
from chainopt.jax.jaxprs import dtype, shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn

MOST_ENTRIES = 20_000_000  # of a value that is evaluated
EXACT_IN_JAX = frozenset({  # which round nothing either
    "sort", "argmax", "argmin", "gather", "scatter", "dynamic_slice", "dynamic_update_slice", "pad", "split",
    "floor", "ceil", "round", "reduce_max", "reduce_min",
})  # fmt: skip
COMPARING = frozenset({  # by which numbers next to zero are told from zeros
    "eq", "ne", "lt", "le", "gt", "ge", "sign", "floor", "ceil", "sort", "argmax", "argmin", "convert_element_type",
})  # fmt: skip


def evaluated(equation: JaxprEqn, operands: Sequence[Value]) -> list[Value] | None:
    """Return the values of the results, where they are the same for all inputs; else None."""
    name = str(equation.primitive)
    if not all(isinstance(operand, np.ndarray) for operand in operands) or equation.effects:
        return known_zeros(equation, operands)
    if sum(map(size, equation.outvars)) > MOST_ENTRIES:
        return None
    integers = all(getattr(dtype(variable), "kind", "O") in "biu" for variable in equation.outvars)
    if name in COMPARING and any(map(_has_subnormals, operands)):  # which some of XLA's ways take for zeros, and some do not
        return None if integers else known_zeros(equation, operands)
    evaluate = MOVES.get(name) or EXACT.get(name) or (OF_INTEGERS.get(name) if integers else None)
    if evaluate is not None and not (integers and _is_xlas_own(name, operands, dtype(equation.outvars[0]))):
        result = np.asarray(evaluate(*operands, **equation.params), dtype(equation.outvars[0]))
        axes = shape(equation.outvars[0])
        return [result if result.shape == axes else np.broadcast_to(result, axes)]
    return _by_jax(equation, operands) if integers or name in EXACT_IN_JAX else known_zeros(equation, operands)


def _has_subnormals(operand: Value) -> bool:
    """Whether some entries are too near to zero for all their digits."""
    if not isinstance(operand, np.ndarray) or not jnp.issubdtype(operand.dtype, jnp.floating):
        return False
    smallest = float(jnp.finfo(operand.dtype).tiny)  # type: ignore[no-untyped-call]
    return bool(((operand != 0) & (abs(operand) < smallest)).any())


def _is_xlas_own(name: str, operands: Sequence[Value], kind: np.dtype[Any]) -> bool:
    """Whether integers come out that XLA defines and NumPy does not: what is out of range or no number, and the rest of x / 0."""
    given = operands[-1] if name in {"rem", "convert_element_type"} else None
    if not isinstance(given, np.ndarray):
        return False
    if name == "rem":
        return not given.all()
    return kind.kind != "b" and given.dtype.kind not in "biu" and not np.array_equal(np.trunc(given), given.astype(kind))


def _by_jax(equation: JaxprEqn, operands: Sequence[Value]) -> list[Value] | None:
    """Let JAX evaluate what is of integers, and thus the same wherever it is evaluated."""
    try:
        with jax.ensure_compile_time_eval():
            results = equation.primitive.bind(*operands, **equation.params)
    except Exception:  # noqa: BLE001 -- a primitive that is not to be evaluated alone; then its value is not known
        return None
    return [constant(value) for value in (results if equation.primitive.multiple_results else [results])]
