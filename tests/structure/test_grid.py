"""Large chains of dense and block-diagonal factors, which are counted by ranges of rows that are alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainopt
from chainopt import BlockDiagonal, ChainError, Jacobian
from chainopt.structure import ranges


@st.composite
def chains(draw):
    sizes = [draw(st.integers(1, 6))]
    factors = []
    for _ in range(draw(st.integers(2, 5))):
        rows = sizes[-1]
        cuts = sorted(draw(st.sets(st.integers(1, max(rows - 1, 1)), max_size=2)) - {rows})
        heights = np.diff([0, *cuts, rows]).tolist()
        widths = [draw(st.integers(0, 3)) for _ in heights]
        is_dense = draw(st.booleans())
        columns = sum(widths)
        structure = None if is_dense else BlockDiagonal(list(zip(heights, widths, strict=True)))
        factors.append(Jacobian((rows, columns), structure=structure))
        sizes.append(columns)
        if columns == 0:
            break
    return factors


@settings(max_examples=60)
@given(chains(), st.sampled_from([{}, {"objective": "time"}, {"memory_limit": 10**9}, {"workers": 2}]))
def test_grids_count_as_lists_of_places_do(factors, options):
    listed = chainopt.optimal_order(factors, patterns="exact", **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "LARGE", 0)
        gridded = chainopt.optimal_order(factors, **options)
        assert chainopt.JacobianChain(factors).grids is not None or listed.chain.structures is None
    assert gridded.cost == pytest.approx(listed.cost) if isinstance(listed.cost, float) else gridded.cost == listed.cost
    assert gridded.makespan == pytest.approx(listed.makespan)
    assert gridded.mode == listed.mode


@pytest.mark.parametrize("rows", [3 * 10**7, 2 * 10**8, 2**63, 10**30])
def test_blocks_of_any_size(rows):
    chain = [Jacobian((rows + 1, 2), structure=BlockDiagonal([(rows, 1), (1, 1)])), (2, 3)]
    plan = chainopt.optimal_order(chain)
    assert (plan.cost, plan.is_optimal) == (3 * (rows + 1), True)
    assert chainopt.Plan.from_json(plan.to_json()) == plan
    assert plan.peak_memory == 3 * (rows + 1)


def test_what_cannot_be_listed_is_refused():
    blocks = Jacobian((10**9 + 1, 2), structure=BlockDiagonal([(10**9, 1), (1, 1)]))
    with pytest.raises(ChainError, match="up to 16,777,216 can be listed"):
        chainopt.optimal_order([blocks, Jacobian((2, 2), structure=chainopt.Diagonal())])
    with pytest.raises(ChainError, match="is a BlockDiagonal of 3x2 together"):
        Jacobian((4, 2), structure=BlockDiagonal([(2, 1), (1, 1)]))


@pytest.mark.parametrize("size", [10**9, 2**63, 10**30])
@pytest.mark.parametrize("structure", [chainopt.Banded(1, 1), chainopt.Diagonal(), chainopt.Sparse(np.eye(5) + np.eye(5)[0])])
def test_sizes_that_cannot_be_listed_beside_structures(size, structure):
    chain = [(size, 5), Jacobian((5, 5), structure=structure), (5, size)]
    nonzeros = {"Banded": 13, "Diagonal": 5, "Sparse": 9}[type(structure).__name__]
    for options in ({}, {"patterns": "exact"}, {"patterns": "estimated"}, {"workers": 2}, {"memory_limit": 10**70}):
        try:
            plan = chainopt.optimal_order(chain, **options)
        except ChainError:
            continue
        assert plan.cost == size * nonzeros + 5 * size**2
