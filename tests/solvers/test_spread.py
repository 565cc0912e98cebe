"""A study spread over a cluster is the study itself."""

import numpy as np
import pytest

import chainopt
from chainopt import ChainError, InfeasibleError, Jacobian, JacobianChain
from chainopt.solvers import dask_batch
from chainopt.testing import chain_dims, random_stages


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(dask_batch, "FEWEST_CHAINS", 7)


def assert_same(left, right):
    assert (len(left), left.objective, left.method, left.model) == (len(right), right.objective, right.method, right.model)
    for mine, theirs in zip(left.solutions, right.solutions, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
    assert [*left[:3]] == [*right[:3]]


def cells(m, k, n):
    return m * n + k


@pytest.mark.parametrize("factors", [1, 2, 3, 8])
@pytest.mark.parametrize("options", [{}, {"method": "interval"}, {"objective": "time"}, {"objective": cells}])
def test_integer_arrays(client, factors, options):
    dims = np.random.default_rng(factors).integers(0, 100, (200, factors + 1))
    assert_same(chainopt.optimal_orders(dims, client=client, **options), chainopt.optimal_orders(dims, **options))


def test_costs_of_any_magnitude(client):
    dims = [chain_dims("huge" if at == 30 else "random", 5, at) for at in range(60)]
    spread_out = chainopt.optimal_orders(dims, client=client)
    assert spread_out.costs.dtype == object
    assert all(type(cost) is int for cost in spread_out.costs)
    assert_same(spread_out, chainopt.optimal_orders(dims))


@pytest.mark.parametrize("options", [{}, {"tape_limit": 40}, {"objective": "time"}])
def test_chains_of_stages(client, options):
    rng = np.random.default_rng(0)
    chains = []
    while len(chains) < 60:
        chain = JacobianChain(random_stages(rng, 5, largest_size=5, largest_cost=20))
        try:
            chainopt.optimal_order(chain, **options)
        except InfeasibleError:
            continue
        chains.append(chain)
    assert_same(chainopt.optimal_orders(chains, client=client, **options), chainopt.optimal_orders(chains, **options))


def test_no_chains_and_costs_of_mixed_kinds(client):
    assert len(chainopt.optimal_orders(np.empty((0, 4), dtype=int), client=client)) == 0

    def uneven(m, k, n):
        return m * k * n if m < 50 else m * k * n / 2

    dims = [[at, 3, 4, 5] for at in range(100)]
    spread_out = chainopt.optimal_orders(dims, objective=uneven, client=client)
    assert spread_out.costs.dtype == np.float64
    np.testing.assert_array_equal(spread_out.costs, chainopt.optimal_orders(dims, objective=uneven).costs)


def test_errors_are_the_same(client):
    chains = [JacobianChain([Jacobian((2, 3)), Jacobian((3, 4), vjp_cost=1, tape=at)]) for at in range(50)]
    for problem, options in ((chains, {"tape_limit": 39}), ([[1, 2], [3, -1]], {}), ([[1, 2]], {"method": "x"})):
        with pytest.raises(ChainError) as alone:
            chainopt.optimal_orders(problem, **options)
        with pytest.raises(ChainError) as together:
            chainopt.optimal_orders(problem, client=client, **options)
        assert (type(together.value), str(together.value)) == (type(alone.value), str(alone.value))
    with pytest.raises(ChainError, match="client is of type int"):
        chainopt.optimal_orders([[1, 2]], client=7)


def test_pieces_are_of_a_sensible_size(monkeypatch):
    monkeypatch.setattr(dask_batch, "FEWEST_CHAINS", 1_000)
    assert dask_batch.chains_per_piece(np.zeros((500, 9)), 8) == 1_000
    assert dask_batch.chains_per_piece(np.zeros((160_000, 9)), 8) == 5_000
    assert dask_batch.chains_per_piece(np.zeros((10**6, 9)), 2) * 9 * 8 <= dask_batch.MOST_BYTES
    assert dask_batch.chains_per_piece([range(10**6)] * 3, 2) == 1
