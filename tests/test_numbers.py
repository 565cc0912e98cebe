import math

import networkx as nx
import numpy as np
import pytest

import chainopt
from chainopt.numbers import count, ratio, shape_text, times


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (10**30 - 1, f"{10**30 - 1:,}"),
        (10**30, "about 1.00e+30"),
        (9_999 * 10**40, "about 1.00e+44"),
        (7 * 10**45, "about 7.00e+45"),
        (10**4_000, "about 1.00e+4000"),
    ],
)
def test_counts(number, text):
    assert count(number) == text


def test_shapes():
    assert shape_text(5, 10, 2000) == "5x10x2000"
    assert shape_text(10**30, 1) == "about 1.00e+30x1"


def test_ratios():
    assert ratio(0, 0) == 1.0
    assert ratio(3, 0) == math.inf
    assert ratio(10**400, 3) == math.inf
    assert ratio(10**400, 10**399) == 10
    assert [times(factor) for factor in (1.0, 2.7349, 88.88, 123456.7, math.inf)] == [
        "1",
        "2.73",
        "88.9",
        "123,457",
        "infinitely many",
    ]


def test_one_of_something_is_no_plural():
    one = chainopt.optimal_order([(1, 1)] * 2)
    printed = str(one)
    assert "1 fused multiply-add, optimal" in printed
    assert "peak memory  1 matrix entry" in printed
    alone = chainopt.optimal_order([chainopt.Jacobian((1, 1), jvp_cost=1, vjp_cost=1)])
    assert repr(alone).startswith("<Plan of 1 factor: ")
    assert "no order is cheaper than the better of the two" in str(alone)
    elimination = chainopt.optimal_elimination(nx.DiGraph([("x", "v"), ("v", "y")]))
    assert "1 intermediate vertex between 1 input, 1 output, 2 edges" in str(elimination)
    assert repr(elimination).startswith("<Elimination of 1 vertex: ")
    assert repr(chainopt.optimal_orders([[2, 3]])).startswith("<PlanBatch of 1 chain of 1 factor, ")
    assert repr(chainopt.compare([(2, 3)])).startswith("<Comparison of 1 factor: ")
    for call, message in (
        (lambda: chainopt.optimal_order([(2, 1), (2, 2)]), "has 1 column, but"),
        (lambda: one.execute([np.ones((1, 1))]), "factors has 1 matrix, but"),
        (lambda: chainopt.optimal_orders([[2, 3], [2]]), r"dims\[1\] has 1 size, and"),
    ):
        with pytest.raises(chainopt.ChainError, match=message):
            call()
