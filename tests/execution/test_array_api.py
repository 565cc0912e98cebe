"""Arrays of a library that is known by the array API standard alone: what goes in as such, comes out as such."""

from copy import copy
from itertools import pairwise

import array_api_strict as strict
import numpy as np
import pytest

import chainopt
from chainopt import Banded, ChainError, Diagonal, Identity, Jacobian, Sparse, optimal_order
from chainopt.execution.backends.dispatch import backend_of


def matrices_of(dims, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(-3, 4, shape).astype(float) for shape in pairwise(dims)]


def as_numpy(array):
    """Return the entries of a matrix, which no door of this package may ask for: they would be NumPy's from then on."""
    assert type(array) is type(strict.empty(0))
    rows, columns = array.shape
    return np.array([[float(array[row, column]) for column in range(columns)] for row in range(rows)])


class Stage:
    """A stage that works on arrays of the library, and says so by what it does."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, tuple(matrix.shape), matrix.dtype

    def matmat(self, seeds):
        return self.matrix @ seeds

    def rmatmat(self, seeds):
        return self.matrix.mT @ seeds


@pytest.mark.parametrize("workers", [None, 2])
def test_products(workers):
    matrices = matrices_of([4, 7, 2, 5, 3])
    plan = optimal_order(matrices)
    factors = [strict.asarray(matrix) for matrix in matrices]
    expected = np.linalg.multi_dot(matrices)
    np.testing.assert_array_equal(as_numpy(plan.execute(factors, workers=workers)), expected)
    for mixed in ([matrices[0], *factors[1:]], [*factors[:2], matrices[2].tolist(), factors[3]]):
        np.testing.assert_array_equal(as_numpy(plan.execute(mixed, workers=workers)), expected)
    assert optimal_order(factors) == plan


def test_in_the_place_of_multi_dot():
    factors = [strict.asarray(matrix) for matrix in matrices_of([4, 7, 2, 5])]
    np.testing.assert_array_equal(as_numpy(chainopt.multi_dot(factors)), as_numpy(factors[0] @ factors[1] @ factors[2]))
    row, column = strict.ones(4), strict.ones(5)
    assert chainopt.multi_dot([row, *factors]).shape == (5,)
    assert chainopt.multi_dot([*factors, column]).shape == (4,)
    number = chainopt.multi_dot([row, *factors, column])
    assert float(number) == float(row @ factors[0] @ factors[1] @ factors[2] @ column)


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_seeds_are_of_the_library(chunk_size):
    stages = [Jacobian((4, 5)), Jacobian((5, 6), jvp_cost=1), Jacobian((6, 3), jvp_cost=1), Jacobian((3, 7), vjp_cost=1)]
    matrices = matrices_of([4, 5, 6, 3, 7])
    factors = [strict.asarray(matrix) for matrix in matrices]
    operators = [Stage(factor) if stage.is_matrix_free else factor for stage, factor in zip(stages, factors, strict=True)]
    for plan in (optimal_order(stages), optimal_order(stages[:3]), chainopt.forward_order(stages[:3])):
        given = operators[: len(plan.chain)]
        result = plan.execute(given, chunk_size=chunk_size)
        np.testing.assert_array_equal(as_numpy(result), np.linalg.multi_dot(matrices[: len(given)]))


@pytest.mark.parametrize("cost", ["jvp_cost", "vjp_cost"])
@pytest.mark.parametrize("structure", [Diagonal(), Banded(1, 1), Sparse(np.eye(6)[::-1])])
def test_colored_accumulations(structure, cost):
    matrix = np.random.default_rng(0).random((6, 6)) * (
        np.eye(6)[::-1] if isinstance(structure, Sparse) else np.tri(6, k=1) * np.tri(6, k=1).T
    )
    matrix = np.diag(matrix.diagonal()) if isinstance(structure, Diagonal) else matrix
    plan = optimal_order([Jacobian((2, 6)), Jacobian((6, 6), structure=structure, **{cost: 1})])
    stage = Stage(strict.asarray(matrix))
    np.testing.assert_allclose(as_numpy(plan.execute([strict.ones((2, 6)), stage])), np.ones((2, 6)) @ matrix)


def test_structures():
    rng = np.random.default_rng(0)
    structures = [None, Diagonal(), Banded(1, 1), Identity(), None]
    stages = [Jacobian((6, 6), structure=structure) for structure in structures]
    band = np.triu(np.tril(rng.random((6, 6)), 1), -1)
    matrices = [rng.random((6, 6)), np.diag(rng.random(6)), band, np.eye(6), rng.random((6, 6))]
    factors = [strict.asarray(matrix) for matrix in matrices]
    vectors = [strict.asarray(matrix.diagonal()) if at in (1, 3) else factors[at] for at, matrix in enumerate(matrices)]
    for begin, end in ((0, 5), (1, 5), (1, 3), (1, 4), (3, 5)):
        for given in (factors, vectors):
            result = optimal_order(stages[begin:end]).execute(given[begin:end])
            np.testing.assert_allclose(as_numpy(result), np.linalg.multi_dot(matrices[begin:end]))
    for position, wrong in ((1, "Diagonal"), (2, "Banded"), (3, "Identity")):
        given = [*factors[:position], strict.ones((6, 6)), *factors[position + 1 :]]
        with pytest.raises(ChainError, match=rf"factors\[{position}\] .* was planned with the structure {wrong}"):
            optimal_order(stages).execute(given)


def test_complex_adjoints():
    matrix = np.array([[1, 2j], [3 + 1j, 4]])
    library = backend_of(strict.asarray(matrix))
    adjoint = library.adjoint(strict.asarray(matrix))
    assert complex(adjoint[0, 1]) == 3 - 1j
    assert complex(adjoint[1, 0]) == -2j


def test_what_does_not_go_with_it(torch):
    factors = [strict.ones((2, 3)), strict.ones((3, 4)), strict.ones((4, 5))]
    plan = optimal_order(factors)
    with pytest.raises(ChainError, match=r"factors\[1\] is a Tensor, which does not multiply with array_api_strict arrays"):
        plan.execute([factors[0], torch.ones(3, 4), factors[2]])
    for out in (np.empty((2, 5)), strict.empty((2, 5))):
        with pytest.raises(ChainError, match="out is a"):
            plan.execute(factors, out=out)


def test_libraries_are_the_same_in_all_processes(jax, torch):
    for array in (strict.ones(1), np.ones(1), jax.numpy.ones(1), torch.ones(1), object()):
        library = backend_of(array)
        assert copy(library) is library
