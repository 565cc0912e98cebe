"""What the products of one sweep through a chain need, estimated from some of their rows, in time linear in the factors.

`chainopt.structure.sampled_counts` knows all intervals of a chain; a sweep has but one for each factor. Its rows grow
independently of each other, so that some are formed, and stand for the others. Those with the most paths to the other side are
always among them: a full row may hold more than all others.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from chainopt.structure.leaves import Leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainopt.typing import Array, BoolArray, IntArray

    Counts = NDArray[np.float64]

FEWEST, MOST, ENTRIES = 16, 128, 200_000  # rows that are drawn, and how many entries they may have
MANY = 64  # factors of which so many are drawn; of longer chains fewer
HEAVIEST = 4  # rows that are always taken, after one factor, after two, four, eight, ...

ALIKE = 0.95  # of the places in some rows and some columns that are filled, as if all were


class SweptCounts:
    """The nonzeros and the work of the products of a sweep.

    Parameters
    ----------
    leaves : sequence of Leaf
        The factors.
    is_forward : bool
        Whether the sweep begins with the last factor, else with the first.
    """

    def __init__(self, leaves: Sequence[Leaf], *, is_forward: bool) -> None:
        self._leaves = leaves
        swept = _transposed(leaves) if is_forward else leaves
        ones = {id(leaf): None if leaf.is_full else leaf.ones() for leaf in swept}
        self._nonzeros: list[float] = [0.0, float(swept[0].nonzeros)]  # by the number of factors
        self._work: list[float] = [0.0, 0.0]
        rows = _start(swept, [ones[id(leaf)] for leaf in swept])
        for leaf in swept[1:]:
            work, rows = rows.times(leaf, ones[id(leaf)])
            self._work.append(work)
            self._nonzeros.append(rows.nonzeros)

    def nonzeros(self, i: int, j: int) -> float:
        """Return how many nonzeros the product of ``i..j-1`` has."""
        return float(self._leaves[i].nonzeros) if j == i + 1 else self._nonzeros[j - i]

    def work(self, i: int, k: int, j: int) -> float:  # noqa: ARG002 -- there is but one split in a sweep
        """Return how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        return self._work[j - i]


class _Box:
    """Equal rows: so many, and the columns of each."""

    def __init__(self, height: float, live: BoolArray) -> None:
        self.height, self.live = height, live
        self.nonzeros = height * int(np.count_nonzero(live))

    def times(self, leaf: Leaf, ones: Array) -> tuple[float, _Box]:
        """Return the work of a product with one more factor, and its rows."""
        if ones is None:
            return self.nonzeros * leaf.shape[1], _Box(self.height, np.full(leaf.shape[1], self.live.any()))
        lengths = np.diff(ones.indptr)
        met = np.zeros(leaf.shape[1], dtype=bool)
        met[ones.indices[np.repeat(self.live, lengths)]] = True
        return self.height * int(lengths[self.live].sum()), _Box(self.height, met)


class _Rows:
    """Some rows of a product, each of which stands for several.

    Parameters
    ----------
    pattern : scipy.sparse.csr_array
        Ones in the places of their nonzeros.
    weights : array of float
        For how many rows each stands.
    """

    def __init__(self, pattern: Array, weights: Counts) -> None:
        self.pattern, self.weights = pattern, weights
        self.nonzeros = float(weights @ np.diff(pattern.indptr))

    def times(self, leaf: Leaf, ones: Array) -> tuple[float, _Rows | _Box]:
        """Return the work of a product with one more factor, and its rows."""
        if ones is None:
            return self.nonzeros * leaf.shape[1], _Box(self._filled(), np.ones(leaf.shape[1], dtype=bool))
        work = float(self.weights @ (self.pattern @ np.diff(ones.indptr).astype(np.float64)))
        pattern = self.pattern @ ones
        pattern.data[:] = 1.0
        return work, _Rows(pattern, self.weights).simplest()

    def simplest(self) -> _Rows | _Box:
        """Return the rows as a box, if all that are not empty are nearly equal."""
        live = np.zeros(self.pattern.shape[1], dtype=bool)
        live[self.pattern.indices] = True
        filled = np.count_nonzero(np.diff(self.pattern.indptr))
        is_box = self.pattern.nnz >= ALIKE * filled * np.count_nonzero(live)
        return _Box(self._filled(), live) if is_box else self

    def _filled(self) -> float:
        return float(self.weights[np.diff(self.pattern.indptr) > 0].sum())


def _start(leaves: Sequence[Leaf], ones: Sequence[Array]) -> _Rows | _Box:
    """Return rows of the first factor."""
    first = leaves[0]
    if first.is_full:
        return _Box(first.shape[0], np.ones(first.shape[1], dtype=bool))
    filled = np.flatnonzero(np.diff(ones[0].indptr))
    widest = max(leaf.shape[1] for leaf in leaves)
    count = max(FEWEST, min(MOST, ENTRIES // max(widest, 1), MOST * MANY // len(leaves)))
    heaviest = filled if filled.size <= count else _heaviest(list(takewhile(lambda factor: factor is not None, ones)))
    others = np.setdiff1d(filled, heaviest, assume_unique=True)
    drawn = others
    if others.size > count:
        drawn = np.random.default_rng(0).choice(others, count, replace=False)  # the same ones each time
    weights = np.ones(heaviest.size + drawn.size)
    weights[heaviest.size :] = others.size / max(drawn.size, 1)
    return _Rows(ones[0][np.concatenate([heaviest, drawn])], weights).simplest()


def _heaviest(ones: Sequence[Array]) -> IntArray:
    """Return the rows with the most paths through one factor, through two, through four, and so on."""
    found, end = [], 1
    while end <= len(ones):
        paths = np.ones(ones[end - 1].shape[1])
        for factor in reversed(ones[:end]):
            paths = factor @ paths
            paths /= max(paths.max(initial=0.0), 1.0)
        found.append(np.argsort(paths)[-HEAVIEST:])
        end *= 2
    chosen = np.unique(np.concatenate(found))
    kept: IntArray = chosen[np.diff(ones[0].indptr)[chosen] > 0]
    return kept


def _transposed(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return the transposes of factors, the last one first."""
    alike: dict[int, Leaf] = {}
    for leaf in leaves:
        if id(leaf) not in alike:
            source = None if leaf.is_full else leaf.ones().T.tocsr()
            alike[id(leaf)] = Leaf(leaf.shape[::-1], leaf.nonzeros, is_full=leaf.is_full, source=source)
    return [alike[id(leaf)] for leaf in reversed(leaves)]
