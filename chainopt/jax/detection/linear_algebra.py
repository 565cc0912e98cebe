"""Products and solutions of linear systems."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import MOST_NONZEROS, IndexSets
from chainopt.jax.detection.reductions import accumulated
from chainopt.jax.detection.registry import rule, unknown
from chainopt.jax.detection.values import constant, nonzero
from chainopt.jax.jaxprs import shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import BoolArray


@rule("dot_general")
def dot_general(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join along the axes that are summed over; where the other operand is known, only what is not multiplied by zero."""
    results = []
    for position, operand in enumerate(operands):
        if isinstance(operand, IndexSets):
            other = operands[1 - position]
            mask = nonzero(other, shape(equation.invars[1 - position]))
            results.append(_product(equation, position, operand, mask, walker.cause(equation)))
    return [results[0].union(results[1:])]


def _product(equation: JaxprEqn, position: int, operand: IndexSets, mask: BoolArray | None, origin: str) -> IndexSets:
    """Return what a product depends on by one of its operands.

    Parameters
    ----------
    equation : jax.extend.core.JaxprEqn
    position : int
        Of the operand.
    operand : IndexSets
        What it depends on.
    mask : numpy.ndarray of bool, optional
        Where the other operand is not zero.
    origin : str
        The name of what does this.
    """
    contracted, batch = equation.params["dimension_numbers"]
    axes, others = shape(equation.invars[position]), shape(equation.invars[1 - position])
    own = _order(axes, batch[position], contracted[position])
    other = _order(others, batch[1 - position], contracted[1 - position])
    stacks = math.prod(axes[axis] for axis in batch[position])
    inner = math.prod(axes[axis] for axis in contracted[position])
    free = operand.size // max(stacks * inner, 1)
    across = math.prod(others) // max(stacks * inner, 1)
    matrices = operand.moved(lambda ids: ids.transpose(own), axes)  # (stacks, free, inner)
    if mask is not None:
        stack, column, member = np.nonzero(mask.transpose(other).reshape(stacks, across, inner))
        if stack.size * free <= MOST_NONZEROS:
            row = np.arange(free)
            result = (stack[:, None] * free + row) * across + column[:, None]
            place = (stack[:, None] * free + row) * inner + member[:, None]
            sums = matrices.merged(result.reshape(-1), place.reshape(-1), stacks * free * across, origin)
            return _in_order(sums, position, (stacks, free, across))
    sums = matrices.along((stacks * free, inner), [1], origin)
    repeated = sums.moved(lambda ids: np.broadcast_to(ids[..., None], (stacks, free, across)), (stacks, free))
    return _in_order(repeated, position, (stacks, free, across))


def _order(axes: Sequence[int], batch: Sequence[int], contracted: Sequence[int]) -> tuple[int, ...]:
    """List the axes of an operand: those of the batch, those that are its own, those that are summed over."""
    own = [axis for axis in range(len(axes)) if axis not in (*batch, *contracted)]
    return (*batch, *own, *contracted)


def _in_order(sums: IndexSets, position: int, sizes: tuple[int, int, int]) -> IndexSets:
    """Let the axes of the left operand come before those of the right one."""
    return sums if position == 0 else sums.moved(lambda ids: ids.transpose(0, 2, 1), sizes)


@rule("triangular_solve")
def triangular_solve(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join in each system what an unknown is computed from: all before it, or all behind it."""
    matrix, right = operands
    if isinstance(matrix, IndexSets) or not isinstance(right, IndexSets):
        return unknown(equation, operands, walker)
    axes = shape(equation.invars[1])
    is_left = equation.params["left_side"]
    reverse = not equation.params["lower"] ^ bool(equation.params["transpose_a"]) ^ (not is_left)
    return [accumulated(right, axes, len(axes) - (2 if is_left else 1), walker.cause(equation), reverse=reverse)]


@rule("custom_linear_solve")
def custom_linear_solve(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Look into what solves the system."""
    lengths, jaxprs = equation.params["const_lengths"], equation.params["jaxprs"]
    before = lengths.matvec + lengths.vecmat
    constants = operands[before : before + lengths.solve]
    right = operands[sum(lengths) :]
    solve = jaxprs.solve
    return walker.run(solve.jaxpr, [constant(value) for value in solve.consts], [*constants, *right])
