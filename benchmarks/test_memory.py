"""Is the predicted peak memory that which is used? Against the traced peak, and against other orders of the same chain."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

import chainopt
from chainopt import Jacobian

GROUP = "peak memory of multiplying a chain"
SLACK = 0.01, 32 * 1024  # of the prediction, and bytes of Python's own
CASES = {
    "5 factors, 100 to 800": ([800, 300, 600, 100, 700, 400], None),
    "10 factors, thin in the middle": ([800, 600, 700, 500, 400, 3, 500, 700, 400, 600, 900], None),
    "large inside": ([10, 20, 1000, 20, 1000, 20, 10], None),
    "large inside, memory_limit=1,000 entries": ([10, 20, 1000, 20, 1000, 20, 10], 1_000),
    "20 factors of sizes 1 to 1,000": ([*map(int, np.random.default_rng(3).integers(1, 1_000, 21))], None),
}


def traced(call):
    """Return what a call returns, and how many bytes were held at once while it ran, above what was held before."""
    call()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = call()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return result, peak


def assert_as_predicted(plan, peak):
    predicted = 8 * plan.peak_memory
    assert predicted <= peak + SLACK[1]
    assert peak <= (1 + SLACK[0]) * predicted + SLACK[1]


@pytest.mark.parametrize("case", CASES)
def test_peak(contest, case):
    dims, limit = CASES[case]
    rng = np.random.default_rng(0)
    factors = [rng.random(shape) for shape in pairwise(dims)]
    plan = chainopt.optimal_order(factors, memory_limit=limit)
    forward, reverse = chainopt.forward_order(factors), chainopt.reverse_order(factors)
    calls = {
        "traced, plan.execute": lambda: plan.execute(factors),
        "numpy.multi_dot": lambda: np.linalg.multi_dot(factors),
        "forward": lambda: forward.execute(factors),
        "reverse": lambda: reverse.execute(factors),
    }
    outcomes = contest.once(GROUP, lambda: {who: traced(call) for who, call in calls.items()})
    for result, _ in outcomes.values():
        np.testing.assert_allclose(result, outcomes["traced, plan.execute"][0])
    peaks = {"predicted": 8 * plan.peak_memory} | {who: peak for who, (_, peak) in outcomes.items()}
    contest.cells(GROUP, case, peaks, "bytes")
    assert_as_predicted(plan, peaks["traced, plan.execute"])
    for who, order in (("forward", forward), ("reverse", reverse)):
        assert_as_predicted(order, peaks[who])


class Stage:
    """A matrix that is known by its products only."""

    def __init__(self, matrix):
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def matmat(self, columns):
        """Push columns forward."""
        return self.matrix @ columns

    def rmatmat(self, rows):
        """Pull rows back."""
        return self.matrix.T @ rows


def test_peak_of_a_matrix_free_chain(contest):
    rng = np.random.default_rng(0)
    sizes = [400, 900, 800, 40, 900, 700, 300]
    stages = [Stage(rng.random(shape)) for shape in pairwise(sizes)]
    plan = chainopt.optimal_order(
        [Jacobian(stage.shape, jvp_cost=stage.matrix.size, vjp_cost=stage.matrix.size) for stage in stages]
    )
    result, peak = contest.once(GROUP, lambda: traced(lambda: plan.execute(stages)))
    np.testing.assert_allclose(result, np.linalg.multi_dot([stage.matrix for stage in stages]))
    contest.cells(GROUP, "6 matrix-free stages", {"predicted": 8 * plan.peak_memory, "traced, plan.execute": peak}, "bytes")
    assert peak <= 2 * 8 * plan.peak_memory
