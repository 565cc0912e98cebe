"""How many nonzeros the rows and columns of all products in a chain have, estimated in time that is linear in the factors'.

The counts of the rows of a product travel leftwards: a row has as many nonzeros as the rows that it picks have together, but for
those that meet at one place. How many meet is known for some rows that are drawn, whose patterns are formed; and those of the
columns travel rightwards, and add up to the same number.

References: E. Cohen, "Structure prediction and computation of sparse matrix products", J. Comb. Optim. 2 (1998), which lets
sketches travel likewise; J. Sommer, M. Boehm, A. V. Evfimievski, B. Reinwald, P. J. Haas, "MNC: structure-exploiting sparsity
estimation for matrix expressions", SIGMOD 2019, which lets counts do so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainopt.typing import Array

    Counts = dict[tuple[int, int], NDArray[np.float64]]

SAMPLE = 32  # rows


class SampledCounts(NamedTuple):
    """The nonzeros in each row, and in each column, of the product of the factors ``i..j-1``, for every i < j."""

    rows: Counts
    columns: Counts

    def work(self, i: int, k: int, j: int) -> float:
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs; of two factors exactly."""
        return float(self.columns[i, k] @ self.rows[k, j])


def sampled_counts(ones: Sequence[Array]) -> SampledCounts:
    """Estimate the counts of a chain.

    Parameters
    ----------
    ones : sequence of scipy.sparse.csr_array
        The factors, with ones in the places of their nonzeros.
    """
    rows, columns = _rows(ones), {}
    for i, leaf in enumerate(ones):
        columns[i, i + 1] = leaf.sum(axis=0)
        for j in range(i + 2, len(ones) + 1):
            counts = _spread(columns[i, j - 1] @ ones[j - 1], leaf.shape[0])
            columns[i, j] = _adding_up_to(rows[i, j].sum(), counts, leaf.shape[0])
    return SampledCounts(rows, columns)


def _rows(ones: Sequence[Array]) -> Counts:
    draw = np.random.default_rng(0)  # the same estimates at each call
    rows: Counts = {(i, i + 1): leaf.sum(axis=1) for i, leaf in enumerate(ones)}
    for i in range(len(ones) - 2, -1, -1):
        height = ones[i].shape[0]
        drawn = np.arange(height) if height <= SAMPLE else draw.choice(height, SAMPLE, replace=False)
        sample = ones[i][drawn]
        for j in range(i + 2, len(ones) + 1):
            sample = sample @ ones[j - 1]
            sample.data[:] = 1.0
            width = ones[j - 1].shape[1]
            counts = _spread(ones[i] @ rows[i + 1, j], width)
            found = counts[drawn].sum()
            rows[i, j] = _adding_up_to(counts.sum() * (sample.nnz / found) if found else counts.sum(), counts, width)
    return rows


def _spread(pairs: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """Return how many of some places are hit by so many pairs, if each hits one of them by chance."""
    hit: NDArray[np.float64] = -places * np.expm1(-pairs / places)
    return hit


def _adding_up_to(total: float, counts: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Scale counts to a sum, as far as none is more than there are places."""
    present = counts.sum()
    return np.minimum(counts * (total / present), most) if present else counts
