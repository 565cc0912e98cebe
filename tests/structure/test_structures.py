"""Structures as users give them: what they accept, and how they are held."""

import copy

import numpy as np
import pytest
from hypothesis import given
from random_sparse import random_sparse
from scipy import sparse
from strategies import chains, written_out

from chainopt import (
    Banded,
    BlockDiagonal,
    ChainError,
    Dense,
    Diagonal,
    Identity,
    Jacobian,
    JacobianChain,
    Sparse,
    optimal_order,
)
from chainopt.structure.structure import structure_from_dict


@given(chains(smallest=1))
def test_chains_are_written_and_read_back(problem):
    dims, structures = problem
    jacobians = [Jacobian((dims[at], dims[at + 1]), structure=structure) for at, structure in enumerate(structures)]
    chain = JacobianChain(jacobians)
    assert list(chain) == jacobians
    for again in (JacobianChain.from_dict(chain.to_dict()), copy.deepcopy(chain)):
        assert again == chain
        assert hash(again) == hash(chain)
        assert optimal_order(again) == optimal_order(chain)


def test_sparse_arrays_come_with_their_pattern():
    array = random_sparse(np.random.default_rng(0), (6, 5), 0.3)
    chain = optimal_order([array, np.ones((5, 2))]).chain
    assert chain[0].structure == Sparse(array)
    np.testing.assert_array_equal(written_out(chain[0].structure, (6, 5)), array.toarray() != 0)
    assert optimal_order([array, np.ones((5, 2))]).cost == 2 * array.nnz


def test_what_a_sparse_array_stores_counts_even_if_it_is_zero():
    stored = sparse.coo_array(([0.0, 1.0, 2.0], ([0, 1, 1], [0, 1, 1])), shape=(2, 2))
    assert Sparse(stored).indices.tolist() == [0, 1]
    assert Sparse(stored.toarray()).indices.tolist() == [1]


@pytest.mark.parametrize(
    ("shape", "structure", "message"),
    [
        ((2, 3), Identity(), r"structure is Identity\(\), but the shape is \(2, 3\): an identity is square"),
        ((2, 3), Sparse(np.eye(3)), r"structure has a pattern of 3x3, but the shape is \(2, 3\)"),
        ((2, 3), BlockDiagonal([(1, 1), (1, 1)]), r"structure is a BlockDiagonal of 2x2 together, but the shape is \(2, 3\)"),
        ((2, 3), "diagonal", "structure is 'diagonal': give one of Banded, BlockDiagonal, Dense, Diagonal, Identity, Sparse"),
        ((2, 3), Diagonal, "structure is <class .*Diagonal'>: give one of"),
    ],
)
def test_structures_that_do_not_fit_are_refused(shape, structure, message):
    with pytest.raises(ChainError, match=message):
        Jacobian(shape, structure=structure)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Banded(-1, 0), "lower is -1: give the number of diagonals"),
        (lambda: Banded(0, 1.5), r"upper is 1\.5"),
        (lambda: Banded(True, 1), "lower is True"),
        (lambda: BlockDiagonal(3), "blocks is 3: give a sequence"),
        (lambda: BlockDiagonal([(1, 2), (1, 2, 3)]), r"blocks\[1\] is \(1, 2, 3\)"),
        (lambda: BlockDiagonal([-2]), r"blocks\[0\] is -2"),
        (lambda: Sparse(np.ones(3)), r"pattern has the shape \(3,\): give a SciPy sparse array, or"),
        (lambda: Sparse([[1, 2], [3]]), "pattern has the type list: give a SciPy sparse array, or"),
        (lambda: Sparse(5), "pattern has the type int"),
        (lambda: Sparse.from_places((2, 2), [0, 1, 2], [0, 2]), "are not ascending columns within its shape"),
        (lambda: Sparse.from_places((2, 2), [0, 2, 2], [1, 0]), "are not ascending columns within its shape"),
        (lambda: Sparse.from_places((2, 2), "no", None), "are not ascending columns within its shape"),
        (
            lambda: structure_from_dict({"kind": "triangular"}),
            "known kinds are banded, blockdiagonal, dense, diagonal, identity and",
        ),
        (lambda: structure_from_dict({"kind": "banded", "lower": 1}), "lacks what describes it"),
        (lambda: structure_from_dict({"kind": "banded", "lower": -1, "upper": 1}), "lower is -1"),
        (lambda: structure_from_dict(7), "structure is 7"),
    ],
)
def test_what_is_no_structure_is_refused(make, message):
    with pytest.raises(ChainError, match=message):
        make()


def test_blocks_may_be_given_by_their_sizes():
    assert BlockDiagonal([2, (3, 3)]) == BlockDiagonal([(2, 2), (3, 3)])
    assert BlockDiagonal([4]).pattern((4, 4)).is_full


def test_stacks_of_structured_matrices_are_refused():
    with pytest.raises(ChainError, match="stacks beside stages with structures"):
        JacobianChain([Jacobian((2, 2), batch=(3,)), Jacobian((2, 2), structure=Diagonal())])


def test_they_are_seen():
    chain = JacobianChain(
        [Jacobian((3, 3), structure=kind) for kind in (None, Dense(), Diagonal(), Banded(1, 0), Sparse(np.eye(3)))]
    )
    assert [chain.shape_text(at) for at in range(5)] == ["3x3", "3x3", "3x3 diagonal", "3x3 band 1+0", "3x3 sparse 3"]
    assert JacobianChain([Jacobian((4, 4), structure=BlockDiagonal([2, 2]))]).shape_text(0) == "4x4 2 blocks"
    assert repr(Jacobian((3, 3), structure=Diagonal())) == "Jacobian((3, 3), structure=Diagonal())"
    assert repr(Sparse(np.eye(3))) == "Sparse(<3 places in 3x3>)"
    assert JacobianChain([Jacobian((3, 3), structure=Dense())]).structures is None


def test_blocks_that_are_empty_or_none_at_all():
    nothing = Jacobian((0, 0), structure=BlockDiagonal([]))
    assert optimal_order([nothing, Jacobian((0, 3))]).cost == 0
    full = Jacobian((10, 10), structure=BlockDiagonal([10, (0, 0)]))
    for objective in ("multiplications", "time"):
        costs = {optimal_order([stage, Jacobian((10, 10))], objective=objective).cost for stage in (full, Jacobian((10, 10)))}
        assert len(costs) == 1
