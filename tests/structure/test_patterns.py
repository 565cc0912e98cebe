"""Patterns: every product of every pair of neighbors against Boolean matrices."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import chains, written_out

from chainopt import Banded, ChainError, Diagonal, Identity
from chainopt.structure import patterns
from chainopt.structure.bands import Band


def array_of(pattern):
    return patterns.places(pattern).toarray().astype(int)


def counted(left, right, *, is_unit):
    return 0 if is_unit else int((left.sum(axis=0) * right.sum(axis=1)).sum())


def is_unit(pattern):
    return isinstance(pattern, Band) and pattern.is_unit


@settings(max_examples=300)
@given(chains())
def test_products_of_neighbors_whatever_the_bracketing(problem):
    dims, given_structures = problem
    factors = len(given_structures)
    held, dense = {}, {}
    for at, structure in enumerate(given_structures):
        shape = (dims[at], dims[at + 1])
        held[at, at + 1], dense[at, at + 1] = structure.pattern(shape), written_out(structure, shape)
    for width in range(2, factors + 1):
        for i in range(factors - width + 1):
            j = i + width
            dense[i, j] = (dense[i, j - 1] @ dense[j - 1, j] > 0).astype(int)
            for k in range(i + 1, j):
                left, right = held[i, k], held[k, j]
                product = patterns.product(left, right)
                assert product.shape == (dims[i], dims[j])
                np.testing.assert_array_equal(array_of(product), dense[i, j])
                count = counted(dense[i, k], dense[k, j], is_unit=is_unit(left) or is_unit(right))
                assert patterns.multiplications(left, right) == count
                for many in (1, 50):
                    table = patterns.table_of_multiplications([left, left], [right] * many)
                    np.testing.assert_array_equal(table, np.full((2, many), count))
            held[i, j] = product
    for interval, pattern in held.items():
        assert pattern.nonzeros == dense[interval].sum()
        np.testing.assert_array_equal(pattern.row_counts(), dense[interval].sum(axis=1))
        np.testing.assert_array_equal(pattern.column_counts(), dense[interval].sum(axis=0))
        np.testing.assert_array_equal(array_of(patterns.transposed(pattern)), dense[interval].T)
        if isinstance(pattern, Band):
            assert pattern.widest_row == dense[interval].sum(axis=1, initial=0).max(initial=0)


sizes = st.integers(1, 12)
diagonals = st.integers(0, 6)


@settings(max_examples=300)
@given(st.lists(sizes, min_size=3, max_size=6), st.data())
def test_chains_of_rectangular_bands_stay_bands(dims, data):
    bands = [Banded(data.draw(diagonals), data.draw(diagonals)) for _ in dims[1:]]
    pattern, dense = Band.full(dims[0], dims[0]), np.eye(dims[0], dtype=int)
    pattern = Identity().pattern((dims[0], dims[0]))
    for at, band in enumerate(bands):
        shape = (dims[at], dims[at + 1])
        pattern = patterns.product(pattern, band.pattern(shape))
        dense = (dense @ written_out(band, shape) > 0).astype(int)
        assert isinstance(pattern, Band)
        np.testing.assert_array_equal(array_of(pattern), dense)


@pytest.mark.parametrize("size", [10**6, 10**12, 10**30])
def test_bands_of_any_size_are_counted_exactly(size):
    stencil, diagonal = Banded(1, 1).pattern((size, size)), Diagonal().pattern((size, size))
    dense = Band.full(size, 3)
    assert stencil.nonzeros == 3 * size - 2
    assert patterns.multiplications(stencil, stencil) == 9 * size - 10
    assert patterns.multiplications(stencil, dense) == 3 * (3 * size - 2)
    assert patterns.multiplications(diagonal, dense) == 3 * size
    assert patterns.multiplications(Band.full(2, size), dense) == 6 * size
    wide = patterns.product(stencil, stencil)
    assert (wide.lower, wide.upper, wide.nonzeros) == (2, 2, 5 * size - 6)


def test_many_places_are_counted_exactly():
    left, right = Band.full(2**31, 2), patterns.Rectangle(np.array([True, False]), np.ones(2**22, dtype=bool))
    many = patterns.Rectangle(np.ones(2**22, dtype=bool), np.array([True, True]))
    assert patterns.table_of_multiplications([many], [right]).tolist() == [[2**44]]
    assert patterns.multiplications(left, right) == 2**53
    assert patterns.table_of_multiplications([left], [Band.full(2, 2**31)]).tolist() == [[2**63]]


def forms(rng, shape):
    """Make one pattern of each form there is."""
    mask = rng.random(shape) < 0.3
    rows, columns = rng.random(shape[0]) < 0.6, rng.random(shape[1]) < 0.6
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    yield patterns.Rectangle(rows, columns)
    yield patterns.Places.of_rows(shape, indptr, np.nonzero(mask)[1])
    yield patterns.Bitmap.of(mask)
    yield Band.of(shape, 1, 2)
    yield Band.full(*shape)


@pytest.mark.parametrize("seed", range(4))
def test_unions_and_what_is_reached_whatever_the_form(seed):
    rng = np.random.default_rng(seed)
    shape = (9, 11)
    made = list(forms(rng, shape))
    for one in made:
        dense = array_of(one) > 0
        for other in made:
            assert ((array_of(patterns.union(one, other)) > 0) == (dense | (array_of(other) > 0))).all()
        for picked in (rng.random(11) < 0.4, np.ones(11, dtype=bool), np.zeros(11, dtype=bool)):
            assert (patterns.reached(one, picked) == dense[:, picked].any(axis=1)).all()
        for picked in (rng.random(9) < 0.4, np.ones(9, dtype=bool)):
            assert (patterns.reached_columns(one, picked) == dense[picked].any(axis=0)).all()


def test_a_table_is_exact_where_floats_are_not():
    many = 2**27 + 1
    full = patterns.Rectangle(np.ones(1, dtype=bool), np.ones(1, dtype=bool))

    class Tall(patterns.Rectangle):
        """Says that its rows and columns are long, as no array in a test can be."""

        def row_counts(self):
            return np.array([many])

        def column_counts(self):
            return np.array([many])

    tall = Tall(full.rows, full.columns)
    table = patterns.table_of_multiplications([full, tall], [full, tall])
    assert table.tolist() == [[1, many], [many, many**2]]


def test_without_scipy_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    patterns.scipy_sparse.cache_clear()
    with pytest.raises(ChainError, match="a sparse pattern needs SciPy"):
        patterns.scipy_sparse()
