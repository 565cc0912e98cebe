"""Mistakes whose error says what was probably meant."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

import chainopt
from chainopt import ChainError, Jacobian

FACTORS = [np.ones((10, 20)), np.ones((20, 30)), np.ones((30, 5))]
OPERATOR = aslinearoperator(np.ones((20, 30)))


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (FACTORS[::-1], "looks like evaluation order"),
        ([FACTORS[0], FACTORS[2], FACTORS[1]], "plan the chain anew"),
        ([FACTORS[0], None, FACTORS[2]], "is None"),
        ([FACTORS[0], OPERATOR.matvec, FACTORS[2]], "a function or method"),
        ([FACTORS[0], OPERATOR, FACTORS[2]], "jvp_cost= or vjp_cost="),
    ],
)
def test_factors(factors, message):
    with pytest.raises(ChainError, match=message):
        chainopt.optimal_order(FACTORS).execute(factors)


def test_an_array_that_would_round_the_product():
    plan = chainopt.optimal_order(FACTORS)
    with pytest.raises(ChainError, match="float32"):
        plan.execute(FACTORS, out=np.empty((10, 5), np.float32))
    wide = np.empty((10, 5), np.complex128)
    assert plan.execute(FACTORS, out=wide) is wide
    assert (wide == 600).all()


@pytest.mark.parametrize("sizes", [[10, 2000, 30], np.array([10, 2000, 30])])
def test_sizes_in_the_place_of_factors(sizes):
    with pytest.raises(ChainError, match="from_dims"):
        chainopt.optimal_order(sizes)


def test_an_operator_in_the_place_of_a_stage():
    with pytest.raises(ChainError, match=r"jvp_cost=.*calibrate"):
        chainopt.optimal_order([FACTORS[0], OPERATOR])


def test_a_limit_in_bytes():
    with pytest.raises(ChainError, match="matrix entries"):
        chainopt.optimal_order(FACTORS, memory_limit="1GB")


def test_a_figure_is_no_file():
    with pytest.raises(ChainError, match="savefig"):
        chainopt.optimal_order(FACTORS).plot("plan.png")
    with pytest.raises(ChainError, match="savefig"):
        chainopt.optimal_order(FACTORS, workers=2).plot("plan.png")


def test_huge_costs_through_nothing():
    import numba  # noqa: F401 -- with which kernels are compiled at once

    chain = [Jacobian((0, 0)), Jacobian((0, 0), jvp_cost=7 * 10**24), Jacobian((0, 0))]
    assert chainopt.optimal_order(chain, tape_limit=5).cost == 0
