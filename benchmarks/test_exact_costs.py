"""Is the order still the best where costs pass 2**63, or differ in their last digits only? And what that takes."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.linalg import _linalg as numpy_linalg
from oracles import all_trees, tree_cost

import chainopt
from chainopt.testing import chain_dims

GROUP = "exact costs: time with sizes around 10**30, and with small sizes"
RIGHT = "200 chains of 7 factors: orders that cost the least of all bracketings, by brute force in Python ints"
FACTORS, CHAINS = 7, 200


@pytest.mark.parametrize("factors", [10, 100, 1_000])
def test_time(contest, factors):
    huge, small = (chainopt.JacobianChain.from_dims(chain_dims(family, factors)) for family in ("huge", "random"))
    calls = {
        "costs beyond 2**63": lambda: chainopt.optimal_order(huge),
        "costs below 2**63": lambda: chainopt.optimal_order(small),
    }
    contest(GROUP, f"n = {factors:,}", calls)
    beyond, below = (call().cost for call in calls.values())
    assert beyond > 2**63 > below


def numpy_tree(dims):
    """NumPy's order, which it finds with costs in float64."""
    splits = numpy_linalg._multi_dot_matrix_chain_order([Shaped(shape) for shape in pairwise(dims)])

    def tree(first, last):
        split = int(splits[first, last]) if first < last else 0
        return first if first == last else (tree(first, split), tree(split + 1, last))

    return tree(0, len(dims) - 2)


class Shaped:
    """What has a shape, and nothing else: sizes that no array has."""

    def __init__(self, shape):
        self.shape = shape


@pytest.mark.parametrize("family", ["random", "near ties", "huge"])
def test_right(contest, family):
    chains = [chain_dims(family, FACTORS, seed) for seed in range(CHAINS)]

    def run():
        right = dict.fromkeys(("chainopt", "numpy"), 0)
        for dims in chains:
            shapes = [*pairwise(dims)]
            least = min(tree_cost(tree, shapes)[0] for tree in all_trees(0, FACTORS - 1))
            plan = chainopt.optimal_order(shapes)
            assert plan.cost == least
            right["chainopt"] += tree_cost(plan.tree, shapes)[0] == least
            right["numpy"] += tree_cost(numpy_tree(dims), shapes)[0] == least
        return right

    optimal = contest.once(RIGHT, run)
    assert optimal["chainopt"] == CHAINS
    names = {"random": "sizes 1 to 1,000", "near ties": "sizes of 10**9, a few units apart", "huge": "sizes around 10**30"}
    contest.cells(RIGHT, names[family], {who: 100 * count / CHAINS for who, count in optimal.items()}, "%")
    assert np.isfinite(optimal["numpy"])
