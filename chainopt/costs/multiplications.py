"""The number of fused multiply-adds: a product of an m x k and a k x n matrix costs ``m * k * n`` of them.

A product of stacks costs that for every matrix of their broadcast stack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.chain.factor_data import broadcast
from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.typing import Cost, NumpyArray, PlainDict, SizeArray

INT64_LIMIT = 2**63
SHORT = 40  # up to here Python ints are faster than arrays


@dataclass(frozen=True, slots=True)
class Multiplications:
    """The objective that is minimized unless another one is asked for: the exact count of fused multiply-adds."""

    @property
    def name(self) -> str:
        """What the objective is called in a plan."""
        return "multiplications"

    @property
    def unit(self) -> str:
        """What it counts."""
        return "fused multiply-adds"

    def products(self, m: NumpyArray, k: NumpyArray, n: NumpyArray) -> NumpyArray:
        """Return the costs of products of m x k and k x n matrices; the sizes broadcast."""
        costs: NumpyArray = m * k * n
        return costs

    def structured(self, counts: NumpyArray) -> NumpyArray:
        """Return the counts as they are."""
        return counts

    def stage(self, cost: Cost) -> Cost:
        """Return the cost of a JVP, a VJP or an accumulation as it is, which must be a count too.

        Raises
        ------
        ChainError
            If it is a float, in seconds.
        """
        if isinstance(cost, float):
            msg = (
                'the chain has costs in seconds (floats), which objective "multiplications" cannot add to counts: '
                'give ints, or take objective "time"'
            )
            raise ChainError(msg)
        return cost

    def to_dict(self) -> PlainDict:
        """Return nothing: there is only one such model."""
        return {}


MULTIPLICATIONS = Multiplications()


def cost_model() -> Multiplications:
    """Return the model of the objective "multiplications"."""
    return MULTIPLICATIONS


def read_cost_model(data: PlainDict) -> Multiplications:  # noqa: ARG001 -- as other objectives have it
    """Return the model, whatever else its dict says."""
    return MULTIPLICATIONS


def largest_stack(batches: tuple[tuple[int, ...], ...]) -> int:
    """Return a bound on how many matrices a stack of any part of a chain of stacks holds."""
    # A size of zero empties what it broadcasts with, but parts of the chain without it may be large.
    sizes = [tuple(max(size, 1) for size in batch) for batch in batches]
    depth = max(map(len, sizes))
    padded = [(1,) * (depth - len(batch)) + batch for batch in sizes]
    return math.prod(map(max, zip(*padded, strict=True)))


def is_small(chain: JacobianChain) -> bool:
    """Whether all costs, and all sums of them that anybody forms, are plainly below 2**63."""
    costs = chain.largest**3 * (chain.sizes.size + 1)
    if chain.details is None or chain.details.batches is None:
        return costs < INT64_LIMIT
    return costs * largest_stack(chain.details.batches) < INT64_LIMIT


def exact_sizes(chain: JacobianChain) -> NumpyArray:
    """Return the sizes in an array whose arithmetic is exact: int64 where that is enough, else Python ints."""
    sizes: NumpyArray = chain.sizes
    return sizes if is_small(chain) else sizes.astype(object)


def neighbors(dims: list[int]) -> int:
    """Return the sum of the products of neighboring sizes."""
    products: Iterator[int] = map(mul, dims, dims[1:])
    return sum(products)


def homogeneous(chain: JacobianChain) -> tuple[int, int]:
    """Return the cost of a chain of matrices, none of them a stack, in forward and in reverse mode."""
    sizes = chain.sizes
    if sizes.size <= SHORT:
        dims = sizes.tolist()
        return _both(neighbors(dims), dims[0], dims[1], dims[-2], dims[-1])
    forward, reverse = homogeneous_rows(sizes[np.newaxis])
    return forward.item(0), reverse.item(0)


def homogeneous_rows(sizes: SizeArray) -> tuple[NumpyArray, NumpyArray]:
    """Return the costs of chains, a row of sizes each, in forward and in reverse mode."""
    if int(sizes.max(initial=0)) ** 3 * (sizes.shape[1] + 1) >= INT64_LIMIT:
        sizes = sizes.astype(object)
    border = (sizes[:, :-1] * sizes[:, 1:]).sum(axis=1)
    return _both(border, sizes[:, 0], sizes[:, 1], sizes[:, -2], sizes[:, -1])


def _both(border: Any, outputs: Any, after: Any, before: Any, inputs: Any) -> tuple[Any, Any]:
    """Return the costs of both modes, given the sum of the products of neighboring sizes, and the two sizes at either end.

    Right to left every product ends with the last size: ``d[n] * (d[0] d[1] + ... + d[n-2] d[n-1])``;
    left to right every product begins with the first.
    """
    return inputs * (border - before * inputs), outputs * (border - outputs * after)


def stacks(batches: tuple[tuple[int, ...], ...], bracketing: Bracketing, dtype: np.dtype[Any]) -> NumpyArray:
    """Return how many matrices the stack of each product holds, by the gap at which it is split.

    Parameters
    ----------
    batches : tuple of tuples of int
        The stack of each factor.
    bracketing : Bracketing
        The order of the products.
    dtype : numpy.dtype
        Of the array: int64 where nothing wraps, else object.
    """
    counts = np.empty(bracketing.first.size, dtype=dtype)
    splits = iter(bracketing.splits_in_order().tolist())

    def join(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        batch = broadcast(left, right)
        counts[next(splits)] = math.prod(batch)
        return batch

    bracketing.fold(batches, join)
    return counts


def stack_table(batches: tuple[tuple[int, ...], ...]) -> NumpyArray:
    """Return how many matrices the stack of a product of the factors ``i..j-1`` holds, as Python ints at ``[i, j]``."""
    count = len(batches)
    depth = max(map(len, batches))
    table = np.ones((count + 1, count + 1), dtype=object)
    axes = np.array([(1,) * (depth - len(batch)) + batch for batch in batches], dtype=object).reshape(count, depth)
    for i in range(count):
        widest = np.maximum.accumulate(axes[i:], axis=0)
        empty = np.logical_or.accumulate(axes[i:] == 0, axis=0)
        table[i, i + 1 :] = np.where(empty, 0, widest).prod(axis=1)
    return table
