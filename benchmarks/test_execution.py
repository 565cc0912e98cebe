"""What does executing a plan cost above its products? Against the same products by hand, and against numpy and the pure modes."""

from itertools import pairwise

import numpy as np
import pytest

import chainopt

CASES = {
    "5 small factors": [3, 5, 2, 4, 6, 3],
    "about 1 ms of products": [600, 100, 400, 90, 500, 300],
    "about 20 ms of products": [2000, 150, 1200, 100, 1500, 900],
    "10 factors, thin in the middle": [800, 600, 700, 500, 400, 3, 500, 700, 400, 600, 900],
}


def by_hand(tree):
    """Write the products as a person would, with `@`."""

    def text(node):
        return f"f{node}" if isinstance(node, int) else f"({text(node[0])} @ {text(node[1])})"

    names = ", ".join(f"f{at}" for at in leaves(tree))
    return eval(f"lambda {names}: {text(tree)}")  # noqa: S307 -- a text that was written two lines above


def leaves(tree):
    return [tree] if isinstance(tree, int) else leaves(tree[0]) + leaves(tree[1])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("who", ["@ by hand", "plan.execute", "chainopt.multi_dot", "numpy.multi_dot", "forward", "reverse"])
def test_execution(measure, case, who):
    rng = np.random.default_rng(0)
    factors = [rng.random(shape) for shape in pairwise(CASES[case])]
    plan = chainopt.optimal_order(factors)
    hand = by_hand(plan.tree)
    forward, reverse = chainopt.forward_order(factors), chainopt.reverse_order(factors)
    calls = {
        "@ by hand": lambda: hand(*factors),
        "plan.execute": lambda: plan.execute(factors),
        "chainopt.multi_dot": lambda: chainopt.multi_dot(factors),
        "numpy.multi_dot": lambda: np.linalg.multi_dot(factors),
        "forward": lambda: forward.execute(factors),
        "reverse": lambda: reverse.execute(factors),
    }
    result = measure("multiplying a chain", case, who, calls[who], iterations=500 if "small" in case else 3)
    np.testing.assert_allclose(result, hand(*factors))
