"""In which numbers costs are added."""

import numpy as np
import pytest

from chainopt import ChainError, Jacobian, JacobianChain, optimal_order
from chainopt.costs.number_type import added, in_numbers, number_type, wider


@pytest.mark.parametrize(
    ("columns", "terms", "expected"),
    [
        ([], 10, np.int64),
        ([[1, 2], 3], 10, np.int64),
        ([[2**61]], 2, object),
        ([[2**61 - 1]], 2, np.int64),
        ([np.array([3, 10**40], dtype=object)], 1, object),
        ([[1, 2.5]], 10, np.float64),
        ([1e-7, 5], 10, np.float64),  # however small it is
        ([np.array([0.5]), 10**40], 10, np.float64),
        ([np.float64(2.0)], 10, np.float64),
        ([[-1, -1]], 10, np.int64),
    ],
)
def test_types(columns, terms, expected):
    assert number_type(columns, terms) is expected


def test_a_float_wins_over_all_ints():
    types = (np.int64, object, np.float64)
    assert [[wider(one, other) for other in types] for one in types] == [
        [np.int64, object, np.float64],
        [object, object, np.float64],
        [np.float64] * 3,
    ]


def test_what_no_float_holds():
    for call in (
        lambda: in_numbers([1.5, 10**400], np.float64),
        lambda: added([0.5, 10**400], 0),
        lambda: added([1e308, 1e308], 0),
    ):
        with pytest.raises(ChainError, match="where floats end"):
            call()
    assert added([10**400, 1], 0) == 10**400 + 1
    assert in_numbers([10**400], object).tolist() == [10**400]


def quarter(m, k, n):
    return 0.25 * m * k * n


@pytest.mark.parametrize("method", ["auto", "interval", "textbook"])
@pytest.mark.parametrize("fixture", ["cold", "warm"])
def test_large_counts_beside_floats(method, fixture, request):
    request.getfixturevalue(fixture)
    chain = JacobianChain([Jacobian((4, 6), jvp_cost=10**30, vjp_cost=9 * 10**29), (6, 3), (3, 2)])
    plan = optimal_order(chain, objective=quarter, method=method)
    assert (type(plan.cost), plan.is_optimal) == (float, True)
    assert plan.cost == pytest.approx(2e30)  # pushed through, two columns
    with pytest.raises(ChainError, match="where floats end"):
        optimal_order([Jacobian((4, 6), jvp_cost=10**400), (6, 3), (3, 2)], objective=quarter, method=method)
    assert type(optimal_order([(4, 6)], objective="time").cost) is float
