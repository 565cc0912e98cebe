"""Matrices inside of a compiled computation, full ones and those of which the nonzeros are held, and their products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.products import Product
from chainopt.functions.sparse.stages import PRODUCT
from chainopt.jax.staged.chain import FILLED, multiplier

if TYPE_CHECKING:
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, IntArray


class Matrix(NamedTuple):
    """A matrix: an array of two axes, or, of one with a pattern, an array of its nonzeros, row by row."""

    pattern: Entries | None
    array: Array

    def whole(self) -> Array:
        """Return the matrix as an array of two axes."""
        pattern = self.pattern
        if pattern is None:
            return self.array
        rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        zeros = jnp.zeros(pattern.shape, self.array.dtype)
        return zeros.at[rows, pattern.indices].set(self.array, mode="promise_in_bounds", unique_indices=True)


Multiply = Callable[["Array", "Array"], "Array"]


def product(left: Entries | None, right: Entries | None) -> tuple[Entries | None, Multiply]:
    """Return the pattern of a product, and what computes it of the arrays of two matrices with these patterns."""
    if left is not None and right is not None:
        both = Product.of(left, right)
        return both.pattern, multiplier(both)
    if left is not None:
        return None, partial(_applied, left)
    if right is not None:
        transposed, order = transposed_pattern(right)
        return None, lambda full, values: _applied(transposed, values.at[order].get(mode="promise_in_bounds"), full.T).T
    return None, jnp.matmul


def stays_sparse(left: Entries | None, right: Entries | None) -> bool:
    """Whether the nonzeros of two matrices are multiplied in less time than those of one by the other as a full one."""
    if left is None or right is None:
        return False
    products = int(np.diff(right.indptr)[left.indices].sum())
    return PRODUCT * products < min(left.nnz * right.shape[1], right.nnz * left.shape[0])


def transposed_pattern(pattern: Entries) -> tuple[Entries, IntArray]:
    """Return the transposed pattern, and which nonzero stands at each of its places."""
    order = np.argsort(pattern.indices, kind="stable")
    return tidy(pattern.T), order


def _applied(pattern: Entries, values: Array, columns: Array) -> Array:
    """Multiply a matrix of nonzeros by a full one: whole rows of that are taken, which lie together in memory."""
    counts, indices = np.diff(pattern.indptr), pattern.indices.astype(np.int32)
    depth = int(counts.max(initial=0))
    if depth * pattern.shape[0] > FILLED * pattern.nnz:  # some rows are much longer than the others
        rows = np.repeat(np.arange(pattern.shape[0]), counts)
        each = values[:, None] * columns.at[indices].get(mode="promise_in_bounds")
        return jax.ops.segment_sum(each, rows, pattern.shape[0], indices_are_sorted=True)
    total = jnp.zeros((pattern.shape[0], columns.shape[1]), jnp.result_type(values, columns))
    for number in range(depth):
        is_there = number < counts
        at = np.where(is_there, pattern.indptr[:-1] + number, 0)
        rows_taken = columns.at[indices[at]].get(mode="promise_in_bounds")
        each = values.at[at].get(mode="promise_in_bounds")[:, None] * rows_taken
        total = total + (each if is_there.all() else jnp.where(is_there[:, None], each, 0))
    return total
