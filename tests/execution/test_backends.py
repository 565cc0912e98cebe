"""What is asked of every library of arrays, of each the same, and what a new one takes."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

import chainopt
from chainopt import Banded, ChainError, Diagonal, Identity, Jacobian, optimal_order
from chainopt.execution.backends import dispatch
from chainopt.execution.backends.base import Backend
from chainopt.execution.backends.dispatch import OTHER, backend_of
from chainopt.execution.backends.seeds import seed_sample

MAKERS = [
    ("numpy", "asarray"),
    ("torch", "tensor"),
    ("jax.numpy", "asarray"),
    ("dask.array", "from_array"),
    ("array_api_strict", "asarray"),
]


def as_numpy(array):
    if type(array).__module__.startswith("array_api_strict"):
        return np.array([[complex(array[row, column]) for column in range(array.shape[1])] for row in range(array.shape[0])])
    return np.asarray(array.resolve_conj() if hasattr(array, "resolve_conj") else array)


@pytest.fixture(params=MAKERS)
def convert(request):
    """A function that makes an array of a library of a NumPy array."""
    module, name = request.param
    return getattr(pytest.importorskip(module), name)


def test_all_answer_as_numpy_does(convert):
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
    square, vector, mask = matrix[:, :3], np.array([2, 0, 3], dtype=np.float32), matrix % 2 == 0
    array = convert(matrix)
    library = backend_of(array)
    for found, expected in (
        (library.adjoint(array), matrix.T),
        (library.adjoint(convert(matrix + 1j)), matrix.T - 1j),
        (library.concatenate([array, array], 0), np.vstack([matrix, matrix])),
        (library.concatenate([array, array], 1), np.hstack([matrix, matrix])),
        (library.take(array, np.array([2, 0, 2]), 0), matrix[[2, 0, 2]]),
        (library.take(array, np.array([3, 3]), 1), matrix[:, [3, 3]]),
        (library.masked(array, mask), np.where(mask, matrix, 0)),
        (library.scale_rows(convert(vector), array), vector[:, None] * matrix),
        (library.scale_columns(convert(square), convert(vector)), square * vector),
        (library.from_diagonal(convert(vector)), np.diag(vector)),
        (library.reshape(array, (4, 3)), matrix.reshape(4, 3)),
        (library.reshape(library.diagonal(convert(square)), (1, 3)), square.diagonal()[None]),
        (library.convert(matrix, array), matrix),
    ):
        assert backend_of(found) is library
        library.wait_for(found)
        assert str(found.dtype).split(".")[-1] == str(expected.dtype)
        np.testing.assert_array_equal(as_numpy(found), expected)
    for shape, offset in (((4, 2), -1), ((2, 4), 1), ((3, 3), 0)):
        seed = library.eye(shape, offset, None, seed_sample([array]))
        assert backend_of(seed) is library
        np.testing.assert_array_equal(as_numpy(seed), np.eye(*shape, k=offset))
    numbers = library.numbers(array)
    if library.in_chunks:
        assert numbers is None
        return
    assert backend_of(numbers).nonzeros(numbers) == 11
    assert backend_of(numbers).nonzeros(numbers, mask) == np.count_nonzero(matrix[mask])
    assert not backend_of(numbers).is_all_ones(library.numbers(convert(vector)))
    assert backend_of(numbers).is_all_ones(library.numbers(convert(np.ones(3))))


@pytest.mark.parametrize("structure", [Diagonal(), Identity(), Banded(0, 1)])
def test_nonzeros_outside_of_a_structure_are_seen_where_numbers_are_known(convert, structure):
    factors = [convert(matrix) for matrix in (np.ones((2, 3)), np.ones((3, 3)))]
    plan = optimal_order([Jacobian((2, 3)), Jacobian((3, 3), structure=structure)])
    if backend_of(factors[0]).in_chunks:
        assert backend_of(plan.execute(factors)) is backend_of(factors[0])
        return
    with pytest.raises(ChainError, match=r"factors\[1\] \(J1\) was planned with the structure"):
        plan.execute(factors)


def test_they_are_seen_while_other_factors_are_traced(jax):
    plan = optimal_order([Jacobian((2, 3)), Jacobian((3, 3), structure=Diagonal())])
    run = jax.jit(lambda left, right: plan.execute([left, right]))
    assert run(np.ones((2, 3)), np.ones((3, 3))).shape == (2, 3)  # what is traced cannot be looked at
    constant = jax.numpy.ones((3, 3))
    with pytest.raises(ChainError, match="has nonzeros outside of it"):
        jax.jit(lambda left: plan.execute([left, constant]))(np.ones((2, 3)))


def test_what_is_infinite_stays_where_it_is(torch):
    matrix = torch.tensor([[np.inf, 0], [0, 1]], dtype=torch.float64)
    stage = SimpleNamespace(shape=(2, 2), dtype=torch.float64, matmat=lambda _: torch.tensor([[np.inf], [1.0]]).double())
    plan = optimal_order([Jacobian((2, 2), jvp_cost=1, structure=Diagonal())])
    assert torch.equal(plan.execute([stage]), matrix)


def test_vectors_of_identities_are_matrices_in_products(torch):
    both = optimal_order([Jacobian((3, 3), structure=Identity())] * 2)
    np.testing.assert_array_equal(both.execute([np.ones(3)] * 2).toarray(), np.eye(3))
    assert torch.equal(both.execute([torch.ones(3)] * 2), torch.eye(3))


class Array:
    """An array of a library that follows no standard, and multiplies with its own only."""

    def __init__(self, entries):
        self.entries, self.shape, self.dtype = entries, entries.shape, entries.dtype

    def __matmul__(self, other):
        return Array(self.entries @ other.entries) if isinstance(other, Array) else NotImplemented

    def __getitem__(self, key):
        return Array(self.entries[key])


class Library(Backend):
    """What would stand in a file of its own."""

    arrays = "own arrays"
    stands_alone = True

    def owns(self, factor):
        return isinstance(factor, Array)

    def sample(self, _):
        return Array(np.empty(0))

    def convert(self, matrix, _):
        return Array(matrix)

    def seed(self, matrix, dtype, sample):
        return Array(super().seed(matrix, dtype, sample))


def test_a_new_library_is_one_file_and_one_line(monkeypatch):
    assert backend_of(Array(np.ones((2, 2)))) is OTHER
    monkeypatch.setattr(dispatch, "_BY_TYPE", {})
    monkeypatch.setitem(sys.modules, "own_arrays", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "chainopt.execution.backends.own", SimpleNamespace(BACKEND=Library()))
    monkeypatch.setitem(dispatch._FILES, "own_arrays", "own")
    rng = np.random.default_rng(0)
    matrices = [rng.random((2, 3)), rng.random((3, 4)), rng.random((4, 2))]
    factors = [Array(matrix) for matrix in matrices]
    expected = np.linalg.multi_dot(matrices)
    stage = SimpleNamespace(shape=(3, 4), matmat=lambda seeds: factors[1] @ seeds)
    stages = [Jacobian((2, 3)), Jacobian((3, 4), jvp_cost=1, accumulation_cost=1), Jacobian((4, 2))]
    for given, chain in (
        (factors, factors),
        ([factors[0], *matrices[1:]], factors),
        ([factors[0], stage, factors[2]], stages),
    ):
        product = optimal_order(chain).execute(given)
        assert isinstance(product, Array)
        np.testing.assert_allclose(product.entries, expected)
    np.testing.assert_allclose(chainopt.multi_dot(factors).entries, expected)
    stranger = sparse.csr_array(matrices[1])
    with pytest.raises(ChainError, match=r"factors\[1\] is a csr_array, which does not multiply with own arrays"):
        optimal_order(factors).execute([factors[0], stranger, factors[2]])
