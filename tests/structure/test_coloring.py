"""Colorings: columns of one color share no row, and few colors do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import structures, written_out

from chainopt import Banded, BlockDiagonal, Diagonal, Identity, Jacobian, Sparse, optimal_order
from chainopt.structure import coloring


@settings(max_examples=200)
@given(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.data())
def test_columns_of_one_color_share_no_row(shape, data):
    structure = data.draw(structures(shape))
    for axis, pattern in ((1, written_out(structure, shape)), (0, written_out(structure, shape).T)):
        colors = coloring.coloring_of(structure, shape, axis)
        assert ((colors >= 0) == pattern.any(axis=0)).all()
        for color in range(coloring.color_count(colors)):
            assert pattern[:, colors == color].sum(axis=1).max(initial=0) <= 1
        counted = coloring.column_colors(structure, shape) if axis == 1 else coloring.row_colors(structure, shape)
        fullest = pattern.sum(axis=1, initial=0).max(initial=0)
        assert fullest <= counted == coloring.color_count(colors) <= pattern.any(axis=0).sum()
        if not isinstance(structure, Sparse):
            assert counted == fullest


def test_an_accumulation_needs_a_vector_for_each_color():
    costs = [
        optimal_order([Jacobian((9, 9), structure=structure, jvp_cost=10, vjp_cost=7)]).cost
        for structure in (Diagonal(), Identity(), Banded(1, 2), BlockDiagonal([(3, 2), (3, 4), (3, 3)]), None)
    ]
    assert costs == [7, 7, 28, 21, 63]
    by_jvps = optimal_order([Jacobian((9, 9), structure=Banded(1, 2), jvp_cost=10)])
    assert (by_jvps.cost, by_jvps.operations[0].mode) == (40, "forward")


def test_an_empty_matrix_costs_what_it_costs_beside_no_structures():
    plain = [Jacobian((0, 2), jvp_cost=5), Jacobian((2, 2))]
    beside = [plain[0], Jacobian((2, 2), structure=Banded(1, 1))]
    assert optimal_order(beside).cost == optimal_order(plain).cost == 10


def test_an_arrow_needs_all_columns_or_two_rows():
    arrow = np.eye(50, dtype=int)
    arrow[0] = 1
    assert coloring.column_colors(Sparse(arrow), (50, 50)) == 50
    assert coloring.row_colors(Sparse(arrow), (50, 50)) == 2


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_few_rows_bound_the_colors_of_a_band(rows):
    structure = Banded(20, 20)
    fullest = written_out(structure, (rows, 60)).sum(axis=1).max()
    assert coloring.column_colors(structure, (rows, 60)) == fullest
