"""Units, masks and labels: kept where all that is multiplied keeps them, else refused in one sentence; never dropped."""

import networkx as nx
import numpy as np
import pytest

import chainopt
from chainopt import ChainError, Jacobian

RNG = np.random.default_rng(5)
A, B, C = RNG.random((3, 4)), RNG.random((4, 4)), RNG.random((4, 2))
D = np.diag(RNG.random(4))
LOST = "lost|lose|has no unit|ha(s|ve) no product"


class Metres(np.ndarray):
    """What has a unit, as astropy's."""

    unit, __array_priority__ = "m", 10


def metres(matrix):
    return np.asarray(matrix).view(Metres)


class Named:
    """What has names, as xarray's variables."""

    dims, sizes = ("x", "y"), {}

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def __array__(self, dtype=None, copy=None):
        return self.matrix


def entries(matrix):
    return [[metres(number) for number in row] for row in matrix]


def masked_rows(matrix):
    return [np.ma.masked_array(row, [True] + [False] * (len(row) - 1)) for row in matrix]


def structured(structure):
    return chainopt.optimal_order([A.shape, Jacobian((4, 4), structure=structure), C.shape])


def graph(*matrices):
    ends = [("x", "v"), ("v", "w"), ("w", "y"), ("x", "y")]
    return nx.DiGraph([(*pair, {"jacobian": matrix}) for pair, matrix in zip(ends, matrices, strict=False)])


DENSE = chainopt.optimal_order([A, B, C])
DOORS = {
    "execute": lambda make: DENSE.execute([make(A), B, C]),
    "threads": lambda make: DENSE.execute([A, make(B), C], workers=2),
    "multi_dot": lambda make: chainopt.multi_dot([A, make(B), C]),
    "one": lambda make: chainopt.optimal_order([A]).execute([make(A)]),
    "out": lambda make: DENSE.execute([make(A), B, C], out=np.empty((3, 2))),
    "diagonal": lambda make: structured(chainopt.Diagonal()).execute([A, make(D), C]),
    "beside a diagonal": lambda make: structured(chainopt.Diagonal()).execute([make(A), D, C]),
    "beside a band": lambda make: structured(chainopt.Banded(1, 0)).execute([make(A), D, C]),
    "accumulate": lambda make: chainopt.accumulate(graph(make(C), B, A)),
    "parallel": lambda make: chainopt.accumulate(graph(C, B, A, make(A @ B @ C))),
    "elimination": lambda make: chainopt.optimal_elimination(graph(C, B, A)).execute({("x", "v"): make(C)}),
}
KEPT = {"execute", "threads", "multi_dot", "one", "beside a diagonal"}


@pytest.mark.parametrize("door", DOORS)
def test_units_are_kept_or_refused(door):
    if door == "threads":
        pytest.importorskip("threadpoolctl")
    if door == "beside a band":
        pytest.importorskip("scipy")
    if door in KEPT:
        product = DOORS[door](metres)
        assert product.unit == "m"
        np.testing.assert_allclose(np.asarray(product), np.asarray(DOORS[door](np.asarray)))
    else:
        with pytest.raises(ChainError, match=LOST):
            DOORS[door](metres)


@pytest.mark.parametrize("make", [entries, masked_rows, Named, lambda matrix: np.ma.masked_array(matrix, matrix < 0.5)])
@pytest.mark.parametrize("door", DOORS)
def test_what_lists_hold_names_and_masks_are_refused(door, make):
    with pytest.raises(ChainError, match=LOST) as raised:
        DOORS[door](make)
    assert len(str(raised.value)) < 200


def test_units_beside_sparse_matrices_and_operators():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ChainError, match="has a unit, which a product with a csr_array would lose: give its values"):
        chainopt.multi_dot([sparse.csr_array(A), metres(B), C])
    with pytest.raises(ChainError, match="has a unit, which a product with a csr_array would lose"):
        DENSE.execute([metres(A), sparse.csr_array(B), C])

    class Stage:
        shape = (4, 4)

        def matmat(self, columns):
            return B @ np.asarray(columns)

    plan = chainopt.optimal_order([A, Jacobian((4, 4), jvp_cost=1), C])
    with pytest.raises(ChainError, match="matmat of a Stage loses the unit of what it is given"):
        plan.execute([A, Stage(), metres(C)])
    linear = sparse.linalg.aslinearoperator(B)
    assert plan.execute([A, linear, metres(C)]).unit == "m"  # for SciPy keeps subclasses


def test_quantities_of_pint():
    registry = pytest.importorskip("pint").UnitRegistry()

    def quantity(matrix, unit="m"):
        return registry.Quantity(matrix, unit)

    expected = A @ B @ C
    for product in (
        DENSE.execute([quantity(A), quantity(B, "km"), quantity(C, "s")]),
        chainopt.multi_dot([quantity(A), quantity(B, "km"), quantity(C, "s")]),
        chainopt.optimal_elimination(graph(quantity(C, "s"), quantity(B, "km"), quantity(A))).execute(),
    ):
        np.testing.assert_allclose(product.to("m**2 s").magnitude, 1000 * expected)
    for door in ("one", "execute", "threads", "beside a diagonal"):
        assert DOORS[door](quantity).units == registry.metre
    for door in ("out", "diagonal", "beside a band", "accumulate", "parallel"):
        with pytest.raises(ChainError, match=LOST):
            DOORS[door](quantity)
    parallel = nx.MultiDiGraph([("x", "y", {"jacobian": quantity(A)}), ("x", "y", {"jacobian": quantity(A, "km")})])
    np.testing.assert_allclose(chainopt.optimal_elimination(parallel).execute().to("m").magnitude, 1001 * A)
    parallel.edges["x", "y", 1]["jacobian"] = quantity(A, "kg")
    with pytest.raises(ChainError, match="do not go together: Cannot convert from 'meter'"):
        chainopt.optimal_elimination(parallel).execute()
    masked = quantity(np.ma.masked_array(A, A < 0.5))
    sparse = quantity(pytest.importorskip("scipy.sparse").csr_array(A))
    for hidden in (masked, sparse, [[registry.Quantity(number, "m") for number in row] for row in A]):
        for call in (
            lambda hidden=hidden: DENSE.execute([hidden, B, C]),
            lambda hidden=hidden: chainopt.multi_dot([hidden, B, C]),
        ):
            with pytest.raises(ChainError, match=r"lose|would be lost|masked"):
                call()
    operator = pytest.importorskip("scipy.sparse.linalg").aslinearoperator(B)
    plan = chainopt.optimal_order([A, Jacobian((4, 4), jvp_cost=1), C])
    with pytest.raises(ChainError, match="has a unit, which a product with a MatrixLinearOperator would lose"):
        plan.execute([A, operator, quantity(C)])
