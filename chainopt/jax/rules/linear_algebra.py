"""Products of matrices and vectors, and convolutions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.extend import core

from chainopt.functions.primitives import Derivative, Matrix, Price
from chainopt.jax.jaxprs import JaxprEqn, shape, size
from chainopt.jax.rules.registry import ENTRY, rule, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array


@rule("dot_general")
def dot_general(equation: JaxprEqn) -> Derivative:
    """Multiply; the Jacobian by a factor that is contracted as a whole is the other factor."""
    contracted, (batch, _) = equation.params["dimension_numbers"]
    factors = equation.invars
    summed = math.prod(shape(factors[0])[axis] for axis in contracted[0])
    results = written(equation)
    matrices = {}
    if not batch and not any(isinstance(factor, core.Literal) for factor in factors):
        for position, factor in enumerate(factors):
            if math.prod(shape(factor)[axis] for axis in contracted[position]) == size(factor):  # other axes have one entry
                read_off = _other_factor(1 - position, contracted[position], contracted[1 - position])
                matrices[position] = Matrix(read_off)
    has_rows = len(shape(factors[0])) > len(contracted[0]) + len(batch)  # which come before the tangents in the result
    pulled = min(map(size, factors))  # the larger factor is a constant, mostly
    price = Price(results * summed + results, results * summed + pulled)
    # Where both modes have as many passes, forward mode is the quicker one, unless tangents are turned.
    return Derivative(price, matrices=matrices, turned=results if has_rows else 0, slowed=results * (summed // 5 + ENTRY))


def _other_factor(position: int, of_vector: tuple[int, ...], of_matrix: tuple[int, ...]) -> Callable[[Sequence[Array]], Array]:
    """Return what makes a matrix of the factor at a position: its contracted axes become the columns, in the vector's order."""
    columns_first = [of_matrix[place] for place in sorted(range(len(of_vector)), key=of_vector.__getitem__)]

    def matrix(operands: Sequence[Array]) -> Array:
        factor = operands[position]
        if not isinstance(factor, jax.core.Tracer):  # a constant: the compiler would take its time to transpose it itself
            factor = jax.lax.optimization_barrier(factor)
        rows = [axis for axis in range(factor.ndim) if axis not in columns_first]
        columns = math.prod(factor.shape[axis] for axis in columns_first)
        transposed = jnp.transpose(factor, (*rows, *columns_first))
        return jnp.reshape(transposed, (-1 if columns else math.prod(factor.shape), columns))

    return matrix


@rule("conv_general_dilated")
def convolution(equation: JaxprEqn) -> Derivative:
    """Multiply each result's window with the kernel."""
    kernel = equation.invars[1]
    features = shape(kernel)[equation.params["dimension_numbers"].rhs_spec[0]]
    multiplied = written(equation) * (size(kernel) // max(features, 1))
    return Derivative(Price(multiplied, multiplied))
