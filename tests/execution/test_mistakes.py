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
        ([FACTORS[0], FACTORS[2], FACTORS[1]], "plan the chain again"),
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


class Wrong:
    """An operator whose products have other shapes than it says."""

    shape, dtype = (20, 30), np.dtype(float)

    def matmat(self, columns):
        return np.ones((19, columns.shape[1]))

    def rmatmat(self, columns):
        return np.ones((29, columns.shape[1]))


def test_operators_that_do_not_do_what_they_say():
    stage = chainopt.Jacobian((20, 30), jvp_cost=600, vjp_cost=600)
    pulled = chainopt.optimal_order([chainopt.Jacobian((2, 20)), stage, chainopt.Jacobian((30, 50))])
    pushed = chainopt.optimal_order([chainopt.Jacobian((50, 20)), stage, chainopt.Jacobian((30, 2))])
    left, right = np.ones((2, 20)), np.ones((30, 50))
    with pytest.raises(ChainError, match=r"rmatmat of a Wrong of shape \(20, 30\) makes \(29, 2\) of \(20, 2\), not \(30, 2\)"):
        pulled.execute([left, Wrong(), right])
    with pytest.raises(ChainError, match=r"matmat of a Wrong of shape \(20, 30\) makes \(19, 2\) of \(30, 2\), not \(20, 2\)"):
        pushed.execute([np.ones((50, 20)), Wrong(), np.ones((30, 2))])
    linalg = pytest.importorskip("scipy.sparse.linalg")
    with pytest.raises(ChainError, match=r"without rmatmat \(its VJP; rmatvec of SciPy's operators\)"):
        pulled.execute([left, linalg.LinearOperator((20, 30), matvec=lambda vector: vector[:20]), right])

    class Unfinished(Wrong):
        def rmatmat(self, columns):
            raise NotImplementedError

    with pytest.raises(ChainError, match="has no rmatmat, which the plan uses"):
        pulled.execute([left, Unfinished(), right])


def test_masks_and_units_are_not_dropped():
    masked = np.ma.masked_array(np.ones((3, 4)), np.eye(3, 4))
    with pytest.raises(ChainError, match=r"arrays\[0\] has masked entries"):
        chainopt.multi_dot([masked, np.ones((4, 5)), np.ones((5, 2))])

    class Metres(np.ndarray):
        unit = "m"

    diagonal = np.eye(3).view(Metres)
    plan = chainopt.optimal_order([chainopt.Jacobian((3, 3), structure=chainopt.Diagonal()), (3, 2)])
    with pytest.raises(ChainError, match="has a unit, which its structured form would lose"):
        plan.execute([diagonal, np.ones((3, 2))])
    nx = pytest.importorskip("networkx")
    with pytest.raises(ChainError, match="is a Metres with a unit, which would be lost"):
        chainopt.accumulate(nx.DiGraph([("x", "y", {"jacobian": diagonal})]))


@pytest.mark.parametrize("name", ["a\0", "\x1b[31m", "\ud800"])
def test_names_that_no_file_holds_are_not_written(name, tmp_path):
    nx = pytest.importorskip("networkx")
    with pytest.raises(ChainError, match="has a character that XML cannot hold"):
        chainopt.write_graphml(nx.DiGraph([(name, "b")]), tmp_path / "x.graphml")
