"""What is it worth to order chains of sparse matrices? Each line beside the best order by hand, and SciPy from left to right.

`multi_dot` finds its order anew at every call; `plan.execute` has one. All with one thread. What would take minutes from left
to right is missing.
"""

import gc
import time
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

import chainopt
from benchmarks.sparse_chains import CHAINS, by_hand, leftwards

FIRST = {  # of each kind one, for a short run
    "power, random, A^5 v",
    "Gram, words, X X.T v",
    "Galerkin, aggregates, R A P",
    "permutations, P A P.T with 3 columns",
    "blocks of 5 between dense ends",
    "hub, column, row, column",
    "row, diagonal, diagonal",
}
QUICK, FULL = 10_000, 30_000  # rows
LONGEST = 0.3  # seconds of a product from left to right that is timed
HEAVIEST = 5e7  # multiplications from left to right that are tried: beyond, it may be minutes, and gigabytes


def left_to_right(factors):
    """Return a call that multiplies from left to right, if that takes no more than moments."""
    if chainopt.reverse_order(factors, patterns="estimated").cost > HEAVIEST:
        return None
    begin = time.perf_counter()
    by_hand(leftwards(len(factors) - 1), factors)
    if time.perf_counter() - begin > LONGEST:
        return None
    return lambda: by_hand(leftwards(len(factors) - 1), factors)


def nested(plan):
    """Give the order of a plan as nested positions."""
    held = {(position, position): position for position in range(len(plan.chain))}
    for first, split, last in plan.association.steps():
        held[first, last] = held[first, split], held[split + 1, last]
    return held[0, len(plan.chain) - 1]


def peak(call):
    gc.collect()
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def held(factors):
    different = {id(factor): factor for factor in factors}.values()
    return sum(
        each.nbytes if isinstance(each, np.ndarray) else each.data.nbytes + each.indices.nbytes + each.indptr.nbytes
        for each in different
    )


@pytest.mark.usefixtures("one_blas_thread")
@pytest.mark.parametrize("case", [case if case in FIRST else pytest.param(case, marks=pytest.mark.long) for case in CHAINS])
def test_multiplying(contest, case, short):
    factors, tree = CHAINS[case](QUICK if short else FULL)
    plan = chainopt.optimal_order(factors, patterns="estimated")
    expected = by_hand(tree, factors)
    for result in (chainopt.multi_dot(factors), plan.execute(factors)):
        assert sparse.issparse(result) == sparse.issparse(expected)
        assert abs(result - expected).max() <= 1e-9 * max(1.0, abs(expected).max())
    planned = nested(plan)
    calls = {
        "multi_dot": lambda: chainopt.multi_dot(factors),
        "by hand": lambda: by_hand(tree, factors),
        "plan.execute": lambda: plan.execute(factors),
        "by hand, in the plan's order": lambda: by_hand(planned, factors),
        "scipy, left to right": left_to_right(factors),
    }
    slow = [who for who, call in calls.items() if call is None]
    group = "multiplying a chain of sparse matrices"
    contest(group, case, {who: call for who, call in calls.items() if call is not None}, rounds=11)
    contest.cells(group, case, dict.fromkeys(slow))
    least = {who: min(seconds) for who, seconds in contest.times.items()}
    own = held(factors)
    memory = {who: own + peak(calls[who]) for who in ("multi_dot", "by hand")}
    contest.cells(
        "sparse chains over by hand: least times, and memory with the factors",
        case,
        {
            "multi_dot": least["multi_dot"] / least["by hand"],
            "plan.execute": least["plan.execute"] / least["by hand"],
            "plan.execute, of its order by hand": least["plan.execute"] / least["by hand, in the plan's order"],
            "memory of multi_dot": memory["multi_dot"] / memory["by hand"],
        },
        "x",
    )


@pytest.mark.parametrize("case", ["power, random, A^5 v", "Gram, words, X X.T v", "Galerkin, aggregates, R A P"])
def test_planning(contest, case, short):
    factors, tree = CHAINS[case](QUICK if short else FULL)
    calls = {
        patterns: lambda patterns=patterns: chainopt.optimal_order(factors, patterns=patterns)
        for patterns in ("auto", "estimated", "exact")
    }
    contest("optimal_order of sparse chains, by patterns", case, {**calls, "the product by hand": lambda: by_hand(tree, factors)})
    exact = calls["exact"]()
    assert exact.cost_is_exact
    assert exact.is_optimal
    assert calls["estimated"]().cost == pytest.approx(exact.cost, rel=0.2)
