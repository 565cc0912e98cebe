"""Primitives of which an entry of the result depends on the same entry of the operands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.registry import lifted, rule, spread
from chainopt.jax.detection.values import full, is_zero, nonzero
from chainopt.jax.jaxprs import shape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn

# These are zero where what depends on the seeds is.
HOMOGENEOUS = (
    "neg", "convert_element_type", "reduce_precision", "real", "imag", "conj", "complex", "abs", "sign", "floor", "ceil", "round",
    "sqrt", "cbrt", "square", "sin", "tan", "tanh", "sinh", "asin", "atan", "asinh", "atanh", "expm1", "log1p", "erf",
    "not", "and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge", "lt_to", "le_to", "is_finite",
)  # fmt: skip
# And these may be something else there.
AFFINE = (
    "exp", "exp2", "log", "cos", "cosh", "acos", "acosh", "logistic", "rsqrt", "erfc", "erf_inv", "lgamma", "digamma", "pow",
    "log2", "one_minus_square", "polynomial", "rem", "atan2", "nextafter", "igamma", "igammac", "regularized_incomplete_beta",
    "bessel_i0e", "bessel_i1e", "polygamma", "zeta",
)  # fmt: skip


@rule(*HOMOGENEOUS)
def homogeneous(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
    """Join what the operands depend on."""
    axes = shape(equation.outvars[0])
    first, *others = (
        spread(operand, atom, axes)
        for operand, atom in zip(operands, equation.invars, strict=True)
        if isinstance(operand, IndexSets)
    )
    return [first.union(others)]


@rule("copy", "copy_p", "stop_gradient", "name", "device_put", "optimization_barrier", "sharding_constraint", "pvary", "reshard")
def same(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
    """Hand on the operands."""
    return list(operands)


@rule("tie")
def tie(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
    """Hand on the last operand, as JAX did before 0.5 with what a pullback gives."""
    return [operands[-1]]


@rule(*AFFINE)
def affine(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
    """Let everything depend on everything: it need not be zero where no seed is."""
    return [full(size(variable), walker.columns, walker.cause(equation)) for variable in equation.outvars]


@rule("mul")
def mul(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Leave out where the other factor is zero for all inputs."""
    (product,) = homogeneous(equation, operands, walker)
    axes = shape(equation.outvars[0])
    for operand in operands:
        mask = nonzero(operand, axes)
        if mask is not None and isinstance(product, IndexSets):
            product = product.where(mask)
    return [product]


@rule("div")
def div(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Take a quotient for a product, if what depends on the seeds is above."""
    return homogeneous(equation, operands, walker) if isinstance(operands[0], IndexSets) else affine(equation, operands, walker)


@rule("integer_pow")
def integer_pow(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Tell powers from quotients."""
    return (homogeneous if equation.params["y"] > 0 else affine)(equation, operands, walker)


@rule("add", "add_any", "sub")
def add(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join what is added."""
    axes = shape(equation.outvars[0])
    first, *others = (
        spread(lifted(operand, size(atom), equation, walker), atom, axes)
        for operand, atom in zip(operands, equation.invars, strict=True)
    )
    return [first.union(others)]


@rule("max", "min")
def extreme(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join what is compared, unless a constant may be the result where all else is zero."""
    sign = 1 if str(equation.primitive) == "max" else -1
    bounded = [np.zeros(()) if isinstance(one, np.ndarray) and (sign * one <= 0).all() else one for one in operands]
    return add(equation, bounded, walker)


@rule("clamp")
def clamp(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join bounds and operand, unless zero may be out of bounds."""
    low, _, high = operands
    if isinstance(low, np.ndarray) and isinstance(high, np.ndarray) and (low <= 0).all() and (high >= 0).all():
        return homogeneous(equation, operands, walker)
    return affine(equation, operands, walker)


@rule("select_n")
def select_n(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join all cases; where it is known which one is taken, that one alone."""
    which, *cases = operands
    axes = shape(equation.outvars[0])
    chosen = [
        spread(lifted(case, size(atom), equation, walker), atom, axes)
        for case, atom in zip(cases, equation.invars[1:], strict=True)
    ]
    if isinstance(which, np.ndarray):
        number = np.broadcast_to(which, axes).reshape(-1)
        chosen = [case.where(number == position) for position, case in enumerate(chosen)]
    elif isinstance(which, IndexSets) and not all(map(is_zero, cases)):
        chosen.append(spread(which, equation.invars[0], axes))
    return [chosen[0].union(chosen[1:])]
