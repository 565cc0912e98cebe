"""What products cost, whatever the chain and the objective: along one bracketing, and for all products there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.costs import multiplications, structured
from chainopt.costs.estimated import EstimatedMultiplications
from chainopt.costs.multiplications import Multiplications, exact_sizes, stack_table
from chainopt.costs.time import TimeModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.typing import NumpyArray

ROWS_AT_ONCE = 64  # of the seconds of products, half of which are of none


def along(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> NumpyArray:
    """Return the cost of the product that is split after factor g, for every g.

    Parameters
    ----------
    chain : JacobianChain
        What is multiplied.
    bracketing : Bracketing
        In which order; pushes and pulls are priced as if they were products.
    model : CostModel
        What products cost.

    Returns
    -------
    numpy.ndarray, shape (n - 1,)
        int64, float64 or Python ints.
    """
    if isinstance(model, EstimatedMultiplications):
        return model.along(bracketing)

    def dense() -> NumpyArray:
        sizes = exact_sizes(chain)
        costs = model.products(sizes[bracketing.first], sizes[1:-1], sizes[bracketing.last + 1])
        return costs if chain.batches is None else costs * multiplications.stacks(chain.batches, bracketing, sizes.dtype)

    return dense() if chain.structures is None else _priced(*structured.along(chain, bracketing), dense, model)


def rows(chain: JacobianChain, model: CostModel) -> Callable[[int], NumpyArray]:
    """Return a function that gives, for i, the costs of joining ``i..k-1`` with ``k..j-1``, at [k, j] where i < k < j.

    Tables for all i, which are n^3 / 6 entries, are made only of structured chains.
    """
    if isinstance(model, EstimatedMultiplications):
        return model.row
    sizes = exact_sizes(chain)
    factors = len(chain)
    stacks = None if chain.batches is None else stack_table(chain.batches)
    tables = None if chain.structures is None else structured.tables(structured.intervals_of(chain), factors)

    def dense(i: int) -> NumpyArray:
        if isinstance(model, TimeModel):
            seconds = np.zeros((factors + 1, factors + 1))
            for begin in range(i + 1, factors, ROWS_AT_ONCE):
                rows = slice(begin, min(begin + ROWS_AT_ONCE, factors))
                seconds[rows, begin + 1 :] = np.triu(model.table(sizes[i], sizes[rows], sizes[begin + 1 :]))
            return seconds if stacks is None else (seconds * stacks[i]).astype(np.float64)
        inner, ends = np.triu_indices(factors - i, 1)
        inner, ends = inner + i + 1, ends + i + 1
        costs = model.products(sizes[i : i + 1], sizes[inner], sizes[ends])
        table = np.zeros((factors + 1, factors + 1), dtype=costs.dtype)
        table[inner, ends] = costs if stacks is None else costs * stacks[i, ends]
        return table

    def row(i: int) -> NumpyArray:
        if tables is None:
            return dense(i)
        dtype = np.result_type(*[table.dtype for table, _ in tables[i + 1 :]], np.int64)
        counts = np.zeros((factors + 1, factors + 1), dtype=dtype)
        are_full = np.zeros(counts.shape, dtype=bool)
        for k in range(i + 1, factors):
            counts[k, k + 1 :], are_full[k, k + 1 :] = tables[k][0][i], tables[k][1][i]
        return _priced(counts, are_full, lambda: dense(i), model)

    return row


def _priced(counts: NumpyArray, are_full: NDArray[np.bool_], dense: Callable[[], NumpyArray], model: CostModel) -> NumpyArray:
    """Price structured products by what they need, and those whose sides are both full as the dense ones that they are."""
    if isinstance(model, Multiplications):  # which counts both in the same way
        return counts
    return np.where(are_full, dense(), model.structured(counts))
