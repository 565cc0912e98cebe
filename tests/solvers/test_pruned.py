"""Structured chains: as cheap as the interval program that forms everything, without forming what no cheap plan holds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainopt import Banded, Diagonal, Identity, Jacobian, JacobianChain, Sparse, optimal_order
from chainopt.costs.operation_costs import total
from chainopt.solvers import lookup, pruned
from chainopt.solvers.base import Problem
from chainopt.structure import patterns

pytest.importorskip("scipy")


@st.composite
def chains(draw):
    """Chains of up to six factors, with empty sizes, identities, bands, dense ones, and places anywhere."""
    sizes = draw(st.lists(st.integers(0, 6), min_size=3, max_size=7))
    factors = []
    for shape in pairwise(sizes):
        square = [Identity(), Diagonal(), Banded(1, 1)] if shape[0] == shape[1] else []
        count = shape[0] * shape[1]
        places = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        sparse = Sparse(np.array(places, dtype=bool).reshape(shape))
        factors.append(Jacobian(shape, structure=draw(st.sampled_from([None, sparse, *square]))))
    return JacobianChain(factors)


@given(chains())
def test_as_cheap_as_the_program_that_forms_everything(chain):
    if chain.structures is None:
        return
    problem = Problem(chain)
    found, expected = pruned.METHOD.solve(problem), lookup.METHOD.solve(problem)
    assert (found.cost, found.mode) == (expected.cost, expected.mode)
    assert total(chain, found.bracketing, problem.model) == found.cost
    assert found.is_optimal


def test_what_no_cheap_plan_holds_is_not_formed(monkeypatch):
    from scipy import sparse

    rng = np.random.default_rng(0)
    words = sparse.csr_array((np.ones(40_000), (np.repeat(np.arange(4_000), 10), rng.zipf(1.5, 40_000) % 400)), (4_000, 400))
    words.sum_duplicates()
    formed = []
    product = patterns.product
    monkeypatch.setattr(patterns, "product", lambda *sides: formed.append(product(*sides)) or formed[-1])
    plan = optimal_order([words, words.T.tocsr(), np.ones((4_000, 1))], patterns="exact")
    assert plan.tree == (0, (1, 2))
    assert plan.cost == 2 * words.nnz
    assert max(pattern.nonzeros for pattern in formed) <= 4_000


def test_a_long_power_is_planned_from_one_pattern(monkeypatch):
    from scipy import sparse

    stencil = sparse.diags_array([1.0, 2.0, 1.0, 3.0], offsets=[-30, 0, 1, 30], shape=(900, 900)).tocsr()
    products = []
    product = patterns.product
    monkeypatch.setattr(patterns, "product", lambda *sides: products.append(sides) or product(*sides))
    plan = optimal_order([*[stencil] * 30, np.ones((900, 1))], patterns="exact")
    assert plan.cost == 30 * stencil.nnz
    assert plan.mode == "forward"
    assert len(products) < 100


def test_counts_beyond_int64_are_exact():
    large = np.array([2**32, 2**31])
    assert patterns.counted(large, large) == 2**64 + 2**62
    assert patterns.counted(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == 0
