"""The batch entry of the interval kernel, uncompiled."""

import numpy as np

from chainopt import JacobianChain, optimal_order
from chainopt.costs.stage_choices import stage_choices
from chainopt.kernels import interval_dp
from chainopt.testing import random_stages


def test_many_chains_are_one_after_the_other():
    factors = 6
    rng = np.random.default_rng(0)
    chains = [JacobianChain(random_stages(rng, factors, largest_size=5, largest_cost=20)) for _ in range(12)]
    choices = [stage_choices(chain) for chain in chains]
    columns = [[getattr(choice, name) for choice in choices] for name in ("leaves", "push", "pull")]
    table = [[10**9] * (factors + 1) for _ in range(factors + 1)]
    scratch = [[0] * (factors + 1), [0] * (2 * factors + 2)]
    spans = [[[0] * (factors - 1) for _ in range(2)] for _ in chains]
    kinds, costs = [[0] * (factors - 1) for _ in chains], [0] * len(chains)
    interval_dp.solve_many([chain.dims for chain in chains], *columns, table, scratch, spans, kinds, costs)
    assert costs == [optimal_order(chain, method="textbook").cost for chain in chains]
