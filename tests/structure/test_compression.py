"""Colors of both sides and of symmetric matrices: each nonzero is read off alone, which random values show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from chainopt.kernels import policy
from chainopt.structure import compression, star_coloring
from chainopt.structure.compression import Coloring, sources
from chainopt.structure.star_coloring import symmetric_products
from chainopt.structure.two_sided_coloring import fewest_products


def decompressed(entries, coloring, matrix):
    """Multiply by the 0-1 vectors of the colors, and read the nonzeros off."""
    by_row, position, color = sources(entries, coloring)
    assert (color >= 0).all()
    jvps = matrix @ (coloring.columns[:, None] == np.arange(coloring.jvps))
    vjps = (coloring.rows == np.arange(coloring.vjps)[:, None]) @ matrix
    values = np.empty(color.size)
    values[~by_row] = jvps[position[~by_row], color[~by_row]]
    values[by_row] = vjps[color[by_row], position[by_row]]
    return sparse.csr_array((values, entries.indices, entries.indptr), shape=entries.shape).toarray()


def with_values(array, seed=0):
    return np.where(array, np.random.default_rng(seed).integers(1, 1000, array.shape), 0)


def arrowhead(n):
    array = np.eye(n, dtype=bool)
    array[0] = array[:, 0] = True
    return array


patterns = st.tuples(st.integers(1, 11), st.integers(1, 11), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.3, 0.6]))


def drawn(rows, columns, seed, density):
    rng = np.random.default_rng(seed)
    array = rng.random((rows, columns)) < density
    array[rng.random(rows) < 0.2] = True
    array[:, rng.random(columns) < 0.2] = True
    return array


@settings(max_examples=100)
@given(patterns, st.sampled_from([(True, True), (True, False), (False, True)]), st.booleans())
def test_columns_and_rows(pattern, modes, sorts):
    array = drawn(*pattern)
    entries = sparse.csr_array(array)
    coloring = fewest_products(entries, has_jvps=modes[0], has_vjps=modes[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "MOST_COUNTERS", -1 if sorts else 2**26)
        assert (decompressed(entries, coloring, with_values(array)) == with_values(array)).all()
    assert coloring.products <= max(array.shape)
    assert modes[0] or coloring.jvps == 0
    assert modes[1] or coloring.vjps == 0


@settings(max_examples=100)
@given(patterns, st.booleans())
def test_symmetric(pattern, has_hubs):
    array = drawn(pattern[0], pattern[0], *pattern[2:])
    array |= array.T
    entries = sparse.csr_array(array)
    with pytest.MonkeyPatch.context() as patch:
        if has_hubs:
            patch.setattr(star_coloring, "FEW_PATHS", 0)
            patch.setattr(star_coloring, "HUB", 0.5)
        coloring = symmetric_products(entries)
    values = with_values(array) + with_values(array).T
    assert (decompressed(entries, coloring, values) == values).all()


@pytest.mark.parametrize("compiles", [False, True])
def test_star_colorings_have_no_path_of_four_in_two_colors(compiles, monkeypatch):
    monkeypatch.setattr(policy, "compiled_pays", lambda _: compiles)
    rng = np.random.default_rng(5)
    for density in (0.03, 0.1, 0.2):
        array = rng.random((40, 40)) < density
        array |= array.T
        colors = star_coloring._star_colors(sparse.csr_array(array | np.eye(40, dtype=bool)))
        near = array & ~np.eye(40, dtype=bool)
        for a, b in zip(*np.nonzero(near), strict=True):
            assert colors[a] != colors[b]
            for c in np.flatnonzero(near[b] & (colors == colors[a])):
                if c != a:
                    assert not (near[c] & (colors == colors[b]) & (np.arange(40) != b)).any()


@pytest.mark.parametrize("n", [30, 2000])
def test_an_arrowhead_takes_three_products(n):
    array = arrowhead(n)
    coloring = fewest_products(sparse.csr_array(array))
    assert coloring.products == 3
    assert 1 <= coloring.jvps <= 2
    assert repr(coloring) in {
        f"Coloring(2 JVPs of {n:,} columns, 1 VJP of 1 row)",
        f"Coloring(1 JVP of 1 column, 2 VJPs of {n:,} rows)",
    }
    assert symmetric_products(sparse.csr_array(array)).jvps == 2
    assert (decompressed(sparse.csr_array(array), coloring, with_values(array)) == with_values(array)).all()


def test_known_counts():
    line = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(60, 60)).tocsr().astype(bool)
    assert repr(fewest_products(line)) == "Coloring(3 JVPs of 60 columns)"
    assert repr(fewest_products(line, has_jvps=False)) == "Coloring(3 VJPs of 60 rows)"
    assert repr(symmetric_products(line)) == "Coloring(3 HVPs of 60 columns)"
    assert fewest_products(sparse.csr_array(np.ones((1, 9), dtype=bool))).vjps == 1
    assert repr(fewest_products(sparse.csr_array((3, 4), dtype=bool))) == "Coloring(nothing to find)"
    assert symmetric_products(sparse.csr_array(np.ones((5, 5), dtype=bool))).jvps == 5


def test_what_is_alone_nowhere_is_told():
    coloring = Coloring(np.array([0, 0, 1]), np.array([-1, -1]))
    found = sources(sparse.csr_array(np.array([[1, 1, 1], [1, 0, 0]], dtype=bool)), coloring)
    assert found.color.tolist() == [-1, -1, 1, 0]
    assert not found.is_complete
