"""The batch entry of the polygon kernel, uncompiled; `bracket` itself is held against oracles in test_agreement."""

from itertools import pairwise

from chainopt import optimal_order
from chainopt.kernels import polygon
from chainopt.solvers.polygon import MODES
from chainopt.testing import FAMILIES, chain_dims


def test_many_chains_are_one_after_the_other():
    factors = 9
    chains = [chain_dims(family, factors) for family in FAMILIES]
    spans = [[[0] * (factors - 1) for _ in range(2)] for _ in chains]
    scratch = [[0] * (factors + 2) for _ in range(polygon.SCRATCH_ROWS)]
    costs, modes = [0] * len(chains), [0] * len(chains)
    polygon.bracket_many(chains, scratch, spans, costs, modes)
    for dims, cost, mode, span in zip(chains, costs, modes, spans, strict=True):
        plan = optimal_order(list(pairwise(dims)), method="textbook")
        assert (cost, MODES[mode]) == (plan.cost, plan.mode)
        assert sum(dims[a] * dims[g + 1] * dims[b + 1] for g, (a, b) in enumerate(zip(*span, strict=True))) == cost
