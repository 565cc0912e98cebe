"""The number of fused multiply-adds: a product of an m x k and a k x n matrix costs ``m * k * n`` of them.

A product of stacks costs that for every matrix of their broadcast stack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.chain.factor_data import broadcast
from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.typing import Cost

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

    def products(self, m: NDArray[Any], k: NDArray[Any], n: NDArray[Any]) -> NDArray[Any]:
        """Return the costs of products of m x k and k x n matrices; the sizes broadcast."""
        costs: NDArray[Any] = m * k * n
        return costs

    def structured(self, counts: NDArray[Any]) -> NDArray[Any]:
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


MULTIPLICATIONS = Multiplications()


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


def exact_sizes(chain: JacobianChain) -> NDArray[Any]:
    """Return the sizes in an array whose arithmetic is exact: int64 where that is enough, else Python ints."""
    sizes: NDArray[Any] = chain.sizes
    return sizes if is_small(chain) else sizes.astype(object)


def neighbours(dims: list[int]) -> int:
    """Return the sum of the products of neighbouring sizes."""
    products: Iterator[int] = map(mul, dims, dims[1:])
    return sum(products)


def of_products(chain: JacobianChain, bracketing: Bracketing) -> NDArray[Any]:
    """Return the cost of the product that is split after factor g, for every g; int64 or Python ints."""
    sizes = exact_sizes(chain)
    costs: NDArray[Any] = sizes[bracketing.first] * sizes[1:-1] * sizes[bracketing.last + 1]
    return costs if chain.batches is None else costs * stacks(chain.batches, bracketing, sizes.dtype)


def total(chain: JacobianChain, bracketing: Bracketing) -> int:
    """Return the cost of all products together."""
    return int(of_products(chain, bracketing).sum())


def homogeneous(chain: JacobianChain) -> tuple[int, int]:
    """Return the cost of the whole chain in forward and in reverse mode.

    Right to left every product ends with the last size: ``d[n] * (d[0] d[1] + ... + d[n-2] d[n-1])``;
    left to right every product begins with the first.
    """
    if chain.batches is not None:
        right_to_left, left_to_right = Bracketing.right_to_left(len(chain)), Bracketing.left_to_right(len(chain))
        return total(chain, right_to_left), total(chain, left_to_right)
    sizes = chain.sizes
    if sizes.size <= SHORT:
        dims = sizes.tolist()
        border = neighbours(dims)
        outputs, after, before, inputs = dims[0], dims[1], dims[-2], dims[-1]
    else:
        sizes = exact_sizes(chain)
        border = int(sizes[:-1].dot(sizes[1:]))
        outputs, after, before, inputs = sizes.item(0), sizes.item(1), sizes.item(-2), sizes.item(-1)
    return inputs * (border - before * inputs), outputs * (border - outputs * after)


def stacks(batches: tuple[tuple[int, ...], ...], bracketing: Bracketing, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return how many matrices the stack of each product holds, by the gap at which it is split."""
    counts = np.empty(bracketing.first.size, dtype=dtype)
    splits = iter(bracketing.splits_in_order().tolist())

    def join(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        batch = broadcast(left, right)
        counts[next(splits)] = math.prod(batch)
        return batch

    bracketing.fold(batches, join)
    return counts


def stack_table(batches: tuple[tuple[int, ...], ...]) -> NDArray[Any]:
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
