"""25 chains as they are met in practice: the order that is found, beside the one by hand."""

import numpy as np
import pytest

from chainopt import JacobianChain, multi_dot, optimal_order
from chainopt.bracketing.bracketing import Bracketing
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.operation_costs import total
from chainopt.ordering.sparse_order import sparse_order

sparse = pytest.importorskip("scipy.sparse")
from benchmarks.sparse_chains import CHAINS, by_hand  # noqa: E402 -- which needs SciPy

# What costs fewer multiplications than the order by hand, is not faster: SciPy's products of sparse matrices take more time each.
NOT_BY_COUNT = {"power, bidiagonal, A^6 with 30 columns"}


def bracketing(tree, factors):
    splits = {}

    def visit(node):
        if isinstance(node, int):
            return node, node
        (first, end), (start, last) = visit(node[0]), visit(node[1])
        assert start == end + 1
        splits[first, last + 1] = start
        return first, last

    assert visit(tree) == (0, factors - 1)
    return Bracketing.from_splits(factors, lambda i, j: splits[i, j])


def in_order(products):
    splits = {(i, j): k for i, k, j in products}
    return Bracketing.from_splits(len(products) + 1, lambda i, j: splits[i, j])


def entries(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


@pytest.mark.parametrize("case", CHAINS)
def test_the_order_costs_no_more_than_the_one_by_hand(case):
    factors, tree = CHAINS[case](400)
    chain = JacobianChain(factors)
    expert = total(chain, bracketing(tree, len(factors)), MULTIPLICATIONS)
    least = optimal_order(chain, patterns="exact").cost
    assert least <= expert <= (1.5 if case in NOT_BY_COUNT else 1.1) * least
    assert total(chain, in_order(sparse_order(factors)), MULTIPLICATIONS) <= 1.02 * expert
    plan = optimal_order(chain, patterns="estimated")
    assert total(chain, plan.association, MULTIPLICATIONS) <= 1.1 * least
    expected = entries(by_hand(tree, factors))
    for result in (multi_dot(factors), plan.execute(factors), optimal_order(factors).execute(factors)):
        np.testing.assert_allclose(entries(result), expected, rtol=1e-9, atol=1e-9)
