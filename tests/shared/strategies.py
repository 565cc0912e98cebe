"""Random structures, their patterns written out, and matrices that have them."""

import numpy as np
from hypothesis import strategies as st

from chainopt import Banded, BlockDiagonal, Dense, Diagonal, Identity, Sparse


def written_out(structure, shape):
    """The pattern as an array of ones and zeros, by the definition of each structure and nothing else."""
    rows, columns = shape
    i, j = np.indices(shape)
    if isinstance(structure, Diagonal | Identity):
        return (i == j).astype(int)
    if isinstance(structure, Banded):
        return ((-structure.lower <= j - i) & (j - i <= structure.upper)).astype(int)
    if isinstance(structure, BlockDiagonal):
        pattern = np.zeros(shape, dtype=int)
        top = left = 0
        for height, width in structure.blocks:
            pattern[top : top + height, left : left + width] = 1
            top, left = top + height, left + width
        return pattern
    if isinstance(structure, Sparse):
        pattern = np.zeros(shape, dtype=int)
        for row in range(rows):
            pattern[row, structure.indices[structure.indptr[row] : structure.indptr[row + 1]]] = 1
        return pattern
    return np.ones((rows, columns), dtype=int)


@st.composite
def structures(draw, shape):
    """A structure that a matrix of this shape can have."""
    rows, columns = shape
    kinds = ["dense", "diagonal", "banded", "sparse", "blocks"] + ["identity"] * (rows == columns)
    kind = draw(st.sampled_from(kinds))
    if kind == "blocks":
        top, left = draw(st.integers(0, rows)), draw(st.integers(0, columns))
        return BlockDiagonal([(top, left), (rows - top, columns - left)])
    if kind == "sparse":
        share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
        return Sparse(np.random.default_rng(draw(st.integers(0, 10**6))).random(shape) < share)
    if kind == "banded":
        return Banded(draw(st.integers(0, 4)), draw(st.integers(0, 4)))
    return {"dense": Dense(), "diagonal": Diagonal(), "identity": Identity()}[kind]


@st.composite
def chains(draw, most_factors=6, smallest=0):
    """Sizes, and structures of the factors between them."""
    factors = draw(st.integers(1, most_factors))
    if draw(st.booleans()):
        dims = [draw(st.integers(smallest, 7))] * (factors + 1)
    else:
        dims = draw(st.lists(st.integers(smallest, 7), min_size=factors + 1, max_size=factors + 1))
    return dims, [draw(structures((dims[at], dims[at + 1]))) for at in range(factors)]
