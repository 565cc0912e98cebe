"""The interval program over numbers of nonzeros: compiled, as it stands, and beside all bracketings tried one by one."""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from chainopt import multi_dot, optimal_order
from chainopt.costs import nonzero_tables as tables_module
from chainopt.costs.estimates import estimates_of
from chainopt.costs.first_look import FirstLook, first_look
from chainopt.costs.nonzero_tables import nonzero_tables, products_of
from chainopt.costs.sure_sweeps import sure_sweep
from chainopt.kernels import nonzeros_dp, policy
from chainopt.structure.leaves import Leaf, dense_leaf


@st.composite
def chains(draw, longest):
    sizes = draw(st.lists(st.integers(0, 50), min_size=2, max_size=longest + 1))
    places = [rows * columns for rows, columns in pairwise(sizes)]
    are_full = [draw(st.booleans()) for _ in places]
    counts = [most if full else draw(st.integers(0, most)) for most, full in zip(places, are_full, strict=True)]
    return sizes, counts, are_full


def by_recursion(sizes, counts, are_full, fills):
    """The same program, written down as a recursion over intervals."""

    @cache
    def solved(i, j):
        if j == i + 1:
            return 0.0, None, float(counts[i])
        works = {k: solved(i, k)[2] * solved(k, j)[2] / max(sizes[k], 1) for k in range(i + 1, j)}
        totals = {k: solved(i, k)[0] + solved(k, j)[0] + work for k, work in works.items()}
        split = min(totals, key=totals.get)
        places = float(sizes[i] * sizes[j])
        if any(are_full[i:j]):
            return totals[split], split, places
        if not fills:
            return totals[split], split, min(places, max(solved(i, split)[2], solved(split, j)[2]))
        return totals[split], split, places * -math.expm1(-works[split] / max(places, 1.0))

    return solved


@given(chains(8), st.booleans())
def test_equal_to_a_recursion(chain, fills):
    stored, costs, splits = nonzero_tables(*chain, fills=fills)
    solved = by_recursion(*chain, fills)
    for i in range(len(chain[1])):
        for j in range(i + 2, len(chain[1]) + 1):
            cost, split, nonzeros = solved(i, j)
            assert (costs[i][j], stored[i][j]) == pytest.approx((cost, nonzeros), rel=1e-12)
            found = splits[i][j]
            other = (
                solved(i, found)[0] + solved(found, j)[0] + solved(i, found)[2] * solved(found, j)[2] / max(chain[0][found], 1)
            )
            assert found == split or other == pytest.approx(cost)


@given(chains(8), st.booleans())
def test_compiled_the_same(chain, fills):
    sizes, counts, are_full = chain
    expected = nonzero_tables(*chain, fills=fills)
    width = len(sizes)
    tables = np.zeros((width, width)), np.zeros((width, width)), np.zeros((width, width), dtype=np.intp)
    inner, outer = np.arange(width - 1), np.arange(1, width)
    tables[0][inner, outer] = tables[0][outer, inner] = counts
    look = policy.compiled(nonzeros_dp.first_look)
    for begin, end in ((2, min(4, width)), (min(4, width), width)):
        look(np.array(sizes, dtype=np.float64), np.array(are_full), fills, *tables, begin, end)
    for got, table in zip(tables, expected, strict=True):
        np.testing.assert_allclose(got, table, rtol=1e-12)


@st.composite
def swept(draw):
    """Chains with a thin dense end, mostly dense enough beside it; the end stands at the left or at the right."""
    thin = draw(st.integers(1, 3))
    sizes = [thin, *draw(st.lists(st.integers(4 * thin - draw(st.integers(0, 1)), 40), min_size=2, max_size=7))]
    pairs = list(pairwise(sizes))[1:]
    counts = [draw(st.integers(min(rows * columns, 2 * thin * max(rows, columns)), rows * columns)) for rows, columns in pairs]
    if draw(st.booleans()):
        counts[draw(st.integers(0, len(counts) - 1))] -= 1
    are_full = [True, *(count == rows * columns for count, (rows, columns) in zip(counts, pairs, strict=True))]
    chain = sizes, [thin * sizes[1], *counts], are_full
    return tuple(each[::-1] for each in chain) if draw(st.booleans()) else chain


@given(swept(), st.booleans())
def test_a_sure_sweep_is_the_cheapest_order(chain, fills):
    products = sure_sweep(*chain)
    solved, (sizes, counts, _) = by_recursion(*chain, fills), chain
    thin = min(sizes[0], sizes[-1])
    beside = zip(counts, pairwise(sizes), strict=True)
    is_sure = sorted(sizes)[1] >= 4 * thin and all(count >= 2 * thin * max(pair) for count, pair in beside if thin not in pair)
    assert (products is not None) is is_sure
    if products is None:
        return
    factors, nonzeros = len(counts), lambda i, j: solved(i, j)[2]
    work = sum(nonzeros(i, k) * nonzeros(k, j) / sizes[k] for i, k, j in products)
    assert solved(0, factors)[0] == pytest.approx(work, rel=1e-12)
    assert products == products_of(factors, lambda i, j: solved(i, j)[1])
    look = FirstLook(*map(tuple, chain))
    assert (look.cost(), look.least(), look.products) == (pytest.approx(work), pytest.approx(work), products)


def test_a_thousand_factors_and_a_vector_take_no_tables(monkeypatch):
    monkeypatch.setattr("chainopt.costs.first_look.nonzero_tables", None)
    step = sparse.csr_array(np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-1)) / 3
    factors = [step.copy() for _ in range(1000)]
    np.testing.assert_allclose(multi_dot([*factors, np.ones(5)]), np.linalg.matrix_power(step.toarray(), 1000) @ np.ones(5))
    plan = optimal_order([*factors, np.ones((5, 1))])
    assert (plan.mode, plan.cost_is_exact) == ("forward", False)
    assert plan.cost == 1000 * 13


def test_a_long_chain_is_looked_at_by_the_compiled_program(monkeypatch):
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 50, 121).tolist()
    leaves = [Leaf(shape, int(rng.integers(1, 3 * shape[0]))) for shape in pairwise(sizes)]
    leaves[-1] = dense_leaf(leaves[-1].shape)
    monkeypatch.setattr(tables_module, "AT_ONCE", 10 * 122**2)  # ten numbers of factors at once
    monkeypatch.setattr(policy, "compiled_pays", lambda _: True)
    look = first_look(leaves)
    assert isinstance(look.tables.stored, np.ndarray)
    cost, split, _ = by_recursion(sizes, [leaf.nonzeros for leaf in leaves], [leaf.is_full for leaf in leaves], True)(0, 120)
    assert (look.cost(), look.tables.splits[0][120]) == (pytest.approx(cost), split)
    assert estimates_of(leaves) is look  # of so many products none is counted
    assert sum(look.work(*product) for product in look.products) == pytest.approx(cost)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 30))
def test_different_products_of_sparse_factors_are_counted(kinds, most):
    known = [dense_leaf((3, 3)), *(Leaf((3, 3), 2) for _ in range(3))]
    leaves = [known[kind] for kind in kinds]
    pairs = [(i, j) for i in range(len(kinds)) for j in range(i + 2, len(kinds) + 1)]
    different = {tuple(kinds[i:j]) for i, j in pairs if 0 not in kinds[i:j]}
    look = first_look(leaves)
    assert look.products_of_sparse(leaves) == len(different)
    assert (look.products_of_sparse(leaves, most) > most) == (len(different) > most)
