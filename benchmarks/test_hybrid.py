"""What is hybrid worth? The cheaper of forward and reverse mode over the optimum: random chains, networks and solvers.

Multiplications of dense matrices that are at hand. The Jacobians of convolutions are in truth sparse; here only their sizes
count. Sizes of the random chains are log-uniform in 1 to 1,000. A mode wins where it costs least; of equal costs forward
counts before reverse, and reverse before hybrid.
"""

import numpy as np
import pytest

import chainopt
from chainopt.testing import KNOWN_CHAINS, chain_dims

CHAINS, FEW_CHAINS = 5_000, 500
RANDOM = "random chains of n factors: which mode costs least, and the cheaper of forward and reverse over the optimum"
KNOWN = "known networks and solvers: multiplications for the whole Jacobian"
LISTED = (3, 4, 5, 7, 10, 20, 30, 50)
DRAWN = (3, 5, 10, 20, 50)
MODES = ("forward", "reverse", "hybrid")


def pure_costs(dims):
    """Give the costs of forward and reverse mode of chains, a row each, outputs first."""
    products = dims[:, :-1] * dims[:, 1:]
    return dims[:, -1] * products[:, :-1].sum(axis=1), dims[:, 0] * products[:, 1:].sum(axis=1)


def study(factors, count):
    """Return the ratios of chains of a length, sorted, and the share of them that each mode wins."""
    dims = np.array([chain_dims("log-uniform", factors, seed) for seed in range(count)])
    batch = chainopt.optimal_orders(dims)
    forward, reverse = pure_costs(dims)
    assert forward[0] == chainopt.forward_order(chainopt.JacobianChain.from_dims(dims[0])).cost
    assert reverse[0] == chainopt.reverse_order(chainopt.JacobianChain.from_dims(dims[0])).cost
    ratios = np.minimum(forward, reverse) / batch.costs
    modes = np.array([mode.value for mode in batch.modes])
    assert (ratios >= 1).all()
    assert ((ratios > 1) == (modes == "hybrid")).all()
    return np.sort(ratios), {mode: (modes == mode).mean() for mode in MODES}


def test_random_chains(contest, short):
    count = FEW_CHAINS if short else CHAINS
    lengths = LISTED if short else range(3, 51)
    by_length = contest.once(RANDOM, lambda: {factors: study(factors, count) for factors in lengths})
    assert by_length[50][1]["hybrid"] > by_length[3][1]["hybrid"] == 0
    head = ["", *MODES, "median", "mean", "90 % below", "99 % below", "worst"]
    for factors in LISTED:
        ratios, shares = by_length[factors]
        figures = np.median(ratios), ratios.mean(), *np.quantile(ratios, (0.9, 0.99)), ratios[-1]
        line = [f"n = {factors}", *(f"{100 * shares[mode]:.1f} %" for mode in MODES), *(f"{ratio:,.3g} ×" for ratio in figures)]
        contest.lines(f"{RANDOM}; {count:,} chains a line", head, [line])
    for mode in ("hybrid", "forward", "reverse"):  # in the colors that they have elsewhere
        shares = [100 * by_length[factors][1][mode] for factors in by_length]
        contest.curve("which mode costs least", mode, by_length, shares, xlabel="factors", ylabel="chains, %", ylim=(0, 100))
    percents = np.linspace(0, 100, 201)
    for factors in DRAWN:
        contest.curve(
            "the cheaper of forward and reverse mode over the optimum",
            f"{factors} factors",
            np.quantile(by_length[factors][0], percents / 100),
            percents,
            xlabel="times the optimal cost",
            ylabel="chains with at most that, %",
            xscale="log",
        )


@pytest.mark.parametrize("name", KNOWN_CHAINS)
def test_known_chains(contest, name):
    chain = chainopt.JacobianChain.from_dims(KNOWN_CHAINS[name].dims)
    comparison = contest.once(KNOWN, lambda: chainopt.compare(chain))
    costs = {"optimal": comparison.optimal.cost, "forward": comparison.forward.cost, "reverse": comparison.reverse.cost}
    contest.cells(KNOWN, f"{name} ({comparison.optimal.mode.value})", costs, "multiply-adds")
    contest.note(f"{name}: {'-'.join(map(str, KNOWN_CHAINS[name].sizes))}; {KNOWN_CHAINS[name].source}")
    assert costs["optimal"] == min(costs.values())
    assert comparison.optimal.cost == chainopt.optimal_order(chain, method="interval").cost
