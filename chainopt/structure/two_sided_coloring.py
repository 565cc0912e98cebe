"""Colors for both columns and rows: full rows are found by VJPs, so that the columns of the others need few colors.

References: A. K. M. S. Hossain and T. Steihaug, "Computing a sparse Jacobian matrix by rows and columns", Optim. Methods
Softw. 10, 1998. T. F. Coleman and A. Verma, "The efficient computation of sparse Jacobian matrices using automatic
differentiation", SIAM J. Sci. Comput. 19, 1998.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.structure.compression import Coloring
from chainopt.structure.greedy_coloring import greedy_colors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.structure.patterns import Entries
    from chainopt.typing import IntArray

OVERHEAD = 2  # products as dear as to have both JVPs and VJPs
SPLITS = 3  # are tried, those that promise most


def fewest_products(entries: Entries, *, has_jvps: bool = True, has_vjps: bool = True) -> Coloring:
    """Color columns, rows, or both, whichever takes the fewest products; JVPs win a tie.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern.
    has_jvps, has_vjps : bool
        Which of them there are; at least one.
    """
    transposed = entries.T.tocsr()
    found: list[Coloring] = []
    widths = [int(np.diff(part.indptr).max(initial=0)) for part in (entries, transposed)]
    if has_jvps:
        found.append(Coloring(greedy_colors(entries), _none(entries.shape[0])))
    if has_vjps and not (has_jvps and found[0].jvps <= widths[1]):
        found.append(Coloring(_none(entries.shape[1]), greedy_colors(transposed)))
    if has_jvps and has_vjps:
        fewest = min(coloring.products for coloring in found) - OVERHEAD
        for columns, rows in _splits(entries, transposed, fewest):
            found.append(Coloring(columns, rows))
        for rows, columns in _splits(transposed, entries, fewest):
            found.append(Coloring(columns, rows))
        if min(coloring.products for coloring in found) >= fewest:
            found = [coloring for coloring in found if not (coloring.jvps and coloring.vjps)]
    return min(found, key=lambda coloring: coloring.products)


def _splits(entries: Entries, transposed: Entries, fewest: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Color the columns of all rows but the widest ones, and those rows, where that promises fewer products."""
    widths = np.diff(entries.indptr).astype(np.int64)
    order = np.argsort(-widths, kind="stable")
    falling = np.append(widths[order], 0)
    after = np.flatnonzero(falling[1:] < falling[:-1]) + 1  # so many rows are taken out
    tallest = int(np.diff(transposed.indptr).max(initial=0))
    promised = falling[after] + np.minimum(after, tallest)
    best = np.argsort(promised, kind="stable")[:SPLITS]
    for count in after[best[promised[best] < fewest]].tolist():
        full = np.zeros(widths.size, dtype=bool)
        full[order[:count]] = True
        columns = greedy_colors(_rows_of(entries, ~full))
        rows = greedy_colors(_rows_of(entries, full).T.tocsr())
        yield columns, rows


def _rows_of(entries: Entries, chosen: np.ndarray) -> Entries:
    """Return the pattern with the places of some rows only."""
    kept = entries.copy()
    kept.data = np.repeat(chosen, np.diff(entries.indptr))
    kept.eliminate_zeros()
    return kept


def _none(size: int) -> IntArray:
    return np.full(size, -1, dtype=np.int64)
