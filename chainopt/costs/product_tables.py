"""What products cost, whatever the chain and the objective: along one bracketing, and for all products there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.costs import multiplications, structured
from chainopt.costs.multiplications import exact_sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel


def along(chain: JacobianChain, bracketing: Bracketing, model: CostModel | None = None) -> NDArray[Any]:
    """Return the cost of the product that is split after factor g, for every g."""
    if model is None and chain.structures is None:
        return multiplications.of_products(chain, bracketing)
    if chain.structures is not None:
        counts, are_full = structured.along(chain, bracketing)
        if model is None:
            return counts
        return np.where(are_full, _by_model(chain, bracketing, model), model.structured(counts))
    assert model is not None
    return _by_model(chain, bracketing, model)


def _by_model(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> NDArray[Any]:
    sizes = exact_sizes(chain)
    costs = model.products(sizes[bracketing.first], sizes[1:-1], sizes[bracketing.last + 1])
    return costs if chain.batches is None else costs * multiplications.stacks(chain.batches, bracketing, sizes.dtype)


def rows(
    chain: JacobianChain, model: CostModel | None = None, stacks: NDArray[Any] | None = None
) -> Callable[[int], NDArray[Any]]:
    """Return a function that gives, for i, the costs of joining ``i..k-1`` with ``k..j-1``, at [k, j] where i < k < j.

    ``stacks[i, j]`` says how many matrices a product of the factors ``i..j-1`` is a stack of. Tables for all i, which are
    n^3 / 6 entries, are made only of structured chains.
    """
    sizes = exact_sizes(chain)
    factors = len(chain)
    tables = None if chain.structures is None else structured.tables(structured.intervals_of(chain), factors)

    def dense(i: int) -> NDArray[Any]:
        inner, ends = np.triu_indices(factors - i, 1)
        inner, ends = inner + i + 1, ends + i + 1
        if model is None:
            costs = sizes[i] * sizes[inner] * sizes[ends]
        else:
            costs = model.products(sizes[i : i + 1], sizes[inner], sizes[ends])
        table = np.zeros((factors + 1, factors + 1), dtype=costs.dtype)
        table[inner, ends] = costs if stacks is None else costs * stacks[i, ends]
        return table

    def row(i: int) -> NDArray[Any]:
        if tables is None:
            return dense(i)
        counts = np.zeros(
            (factors + 1, factors + 1), dtype=np.result_type(*[table.dtype for table, _ in tables[i + 1 :]], np.int64)
        )
        are_full = np.zeros(counts.shape, dtype=bool)
        for k in range(i + 1, factors):
            counts[k, k + 1 :], are_full[k, k + 1 :] = tables[k][0][i], tables[k][1][i]
        return counts if model is None else np.where(are_full, dense(i), model.structured(counts))

    return row
