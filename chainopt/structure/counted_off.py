"""Colors of columns by counting them off, which suits stencils: the color is the remainder of the column's number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chainopt.structure.patterns import Entries
    from chainopt.typing import IntArray

FIRST_ROWS = 64  # in which most numbers that do not fit are found out


def counted_off(entries: Entries) -> IntArray | None:
    """Return the color of each column, or None where no number below twice the fullest row's fits.

    Parameters
    ----------
    entries : scipy.sparse.csr_array of bool
        The pattern.
    """
    widths = np.diff(entries.indptr)
    bound, rows = int(widths.max(initial=0)), np.repeat(np.arange(entries.shape[0]), widths)
    begin = int(entries.indptr[min(FIRST_ROWS, entries.shape[0])])
    for modulus in range(max(bound, 1), 2 * bound + 1):
        remainders = entries.indices % modulus
        if all(_are_alone(rows[:end] * modulus + remainders[:end]) for end in (begin, rows.size)):
            return np.arange(entries.shape[1], dtype=np.int64) % modulus
    return None


def _are_alone(keys: IntArray) -> bool:
    return int(np.bincount(keys).max(initial=0)) <= 1
