"""Seeded chains of every kind, for tests, benchmarks and notebooks alike.

Examples
--------
>>> from chainopt.testing import chain_dims, FAMILIES
>>> chain_dims("sorted", 4, seed=1) == chain_dims("sorted", 4, seed=1)
True
>>> len(chain_dims("random", 4)), "bitonic" in FAMILIES
(5, True)
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.errors import ChainError
from chainopt.numbers import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Family = Callable[[np.random.Generator, int], list[int]]

LARGEST = 1_000


def _random(rng: np.random.Generator, sizes: int) -> list[int]:
    return [*map(int, rng.integers(1, LARGEST, sizes, endpoint=True))]


def _log_uniform(rng: np.random.Generator, sizes: int) -> list[int]:
    return [*map(int, np.exp(rng.uniform(0, np.log(LARGEST + 1), sizes)))]


def _few_sizes(rng: np.random.Generator, sizes: int) -> list[int]:
    return [*map(int, rng.integers(1, 6, sizes, endpoint=True))]


def _all_equal(rng: np.random.Generator, sizes: int) -> list[int]:
    return [int(rng.integers(1, LARGEST))] * sizes


def _ones(rng: np.random.Generator, sizes: int) -> list[int]:
    """Ones and twos, mostly ones."""
    return [*map(int, rng.choice([1, 1, 1, 2], sizes))]


def _sorted(rng: np.random.Generator, sizes: int) -> list[int]:
    return sorted(_random(rng, sizes))


def _sorted_down(rng: np.random.Generator, sizes: int) -> list[int]:
    return _sorted(rng, sizes)[::-1]


def _bitonic(rng: np.random.Generator, sizes: int) -> list[int]:
    """Up to the middle and down again: nested arcs, as deep as possible."""
    values = sorted(map(int, rng.integers(1, 10 * sizes, sizes)))
    return values[::2] + values[1::2][::-1]


def _valley(rng: np.random.Generator, sizes: int) -> list[int]:
    """Down to the middle and up again."""
    values = sorted(map(int, rng.integers(1, 10 * sizes, sizes)))
    return values[::2][::-1] + values[1::2]


def _bottleneck(rng: np.random.Generator, sizes: int) -> list[int]:
    """One tiny size in the middle."""
    values = [*map(int, rng.integers(LARGEST // 2, LARGEST, sizes))]
    values[sizes // 2] = 1 + int(rng.integers(3))
    return values


def _alternating(rng: np.random.Generator, sizes: int) -> list[int]:
    low, high = int(rng.integers(1, 10)), int(rng.integers(100, LARGEST))
    return [high if position % 2 else low for position in range(sizes)]


def _zeros(rng: np.random.Generator, sizes: int) -> list[int]:
    values = _random(rng, sizes)
    for position in rng.integers(0, sizes, 1 + sizes // 10).tolist():
        values[position] = 0
    return values


def _huge(rng: np.random.Generator, sizes: int) -> list[int]:
    """Sizes around 10**30: every cost is far beyond 2**63."""
    return [10**30 + value * 10**25 for value in _random(rng, sizes)]


def _near_ties(rng: np.random.Generator, sizes: int) -> list[int]:
    """Sizes around 10**9, a few units apart: costs that differ in their last digits, in float64 not at all."""
    return [10**9 + value for value in rng.integers(0, 3, sizes).tolist()]


FAMILIES: dict[str, Family] = {
    "random": _random,
    "log-uniform": _log_uniform,
    "few sizes": _few_sizes,
    "all equal": _all_equal,
    "ones": _ones,
    "sorted": _sorted,
    "sorted down": _sorted_down,
    "bitonic": _bitonic,
    "valley": _valley,
    "bottleneck": _bottleneck,
    "alternating": _alternating,
    "zeros": _zeros,
    "huge": _huge,
    "near ties": _near_ties,
}
"""How the sizes of a chain are drawn, by name."""


def chain_dims(family: str, factors: int, seed: int = 0) -> list[int]:
    """Make the sizes between the factors of a chain, outputs first; the same ones for the same seed.

    Parameters
    ----------
    family : str
        One of `FAMILIES`.
    factors : int
        How many factors the chain has, at least one.
    seed : int
        Other seeds give other chains.

    Returns
    -------
    list of int
        ``factors + 1`` sizes.

    Raises
    ------
    ChainError
        If the family is unknown, or there is no factor.

    Examples
    --------
    >>> chain_dims("valley", 6, seed=3)
    [60, 56, 13, 6, 13, 17, 56]
    """
    if family not in FAMILIES:
        msg = f"family is {shown(family)}: give one of {', '.join(map(repr, FAMILIES))}"
        raise ChainError(msg)
    if factors < 1:
        msg = f"factors is {factors}: a chain has at least one"
        raise ChainError(msg)
    return FAMILIES[family](np.random.default_rng(seed), factors + 1)


def random_stages(rng: np.random.Generator, factors: int, largest_size: int, largest_cost: int) -> list[Jacobian]:
    """Make stages of all kinds side by side: matrix at hand, JVP only, VJP only, both, and accumulated otherwise.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the numbers come from.
    factors : int
        How many stages.
    largest_size, largest_cost : int
        The largest size, at least 1, and the largest cost and tape, at least 0; costs may pass 2**63.

    Returns
    -------
    list of Jacobian
        In product order.

    Examples
    --------
    >>> random_stages(np.random.default_rng(0), factors=3, largest_size=10, largest_cost=100)
    [Jacobian((9, 7), jvp_cost=1), Jacobian((7, 6)), Jacobian((6, 3), jvp_cost=92)]
    """
    sizes = [*map(int, rng.integers(1, largest_size, factors + 1, endpoint=True))]
    stages = []
    for shape in pairwise(sizes):
        kind = int(rng.integers(6))
        costs = [int(rng.random() * (largest_cost + 1)) if kind in kinds else None for kinds in ({1, 3, 5}, {2, 3}, {4, 5})]
        tape = int(rng.integers(min(largest_cost, 30), endpoint=True)) if kind in {2, 3} else 0
        stages.append(Jacobian(shape, jvp_cost=costs[0], vjp_cost=costs[1], accumulation_cost=costs[2], tape=tape))
    return stages


def scheduled_chain(sizes: Sequence[int], costs: Sequence[int]) -> JacobianChain:
    """Make a matrix-free chain like those with published schedules: one number is a stage's JVP cost, VJP cost and tape.

    Parameters
    ----------
    sizes : sequence of int
        In evaluation order, the inputs first.
    costs : sequence of int
        What one JVP or VJP of each stage costs, in the same order.

    Returns
    -------
    JacobianChain
        One stage fewer than there are sizes.

    Examples
    --------
    >>> scheduled_chain([5, 5, 37], [5582, 5194])[0]
    Jacobian((37, 5), jvp_cost=5194, vjp_cost=5194, tape=5194)
    """
    shapes = [(rows, columns) for columns, rows in pairwise(sizes)]
    stages = [Jacobian(shape, jvp_cost=cost, vjp_cost=cost, tape=cost) for shape, cost in zip(shapes, costs, strict=True)]
    return JacobianChain.from_stages(stages)


def random_scheduled_chain(rng: np.random.Generator, factors: int) -> JacobianChain:
    """Draw such a chain from the published distribution: sizes from 5 to 50, costs from 1,000 to 10,000.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the numbers come from.
    factors : int
        How many stages.

    Returns
    -------
    JacobianChain
        The same one for a generator in the same state.

    Examples
    --------
    >>> random_scheduled_chain(np.random.default_rng(0), 4)
    JacobianChain(J4: 19x17, J3: 17x28, J2: 28x34, J1: 34x44)
    """
    sizes = rng.integers(5, 50, factors + 1, endpoint=True)
    return scheduled_chain(sizes.tolist(), rng.integers(1_000, 10_000, factors, endpoint=True).tolist())


class KnownChain(NamedTuple):
    """The sizes between the stages of a known network or solver, in evaluation order, and where they come from.

    Examples
    --------
    >>> KNOWN_CHAINS["SINDy autoencoder, Lorenz"].sizes
    (128, 64, 32, 3, 32, 64, 128)
    """

    sizes: tuple[int, ...]
    source: str

    @property
    def dims(self) -> list[int]:
        """The sizes with the outputs first, as `chainopt.JacobianChain.from_dims` takes them."""
        return list(self.sizes[::-1])


KNOWN_CHAINS: dict[str, KnownChain] = {
    "LeNet-5": KnownChain(
        (1_024, 4_704, 1_176, 1_600, 400, 120, 84, 10), "LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86 (1998), figure 2"
    ),
    "AlexNet": KnownChain(
        (150_528, 253_440, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000),
        "Krizhevsky, Sutskever and Hinton, NeurIPS 2012, the counts of neurons in the caption of figure 2",
    ),
    "autoencoder of digits": KnownChain(
        (784, 1_000, 500, 250, 30, 250, 500, 1_000, 784), "Hinton and Salakhutdinov, Science 313 (2006)"
    ),
    "autoencoder of faces": KnownChain(
        (625, 2_000, 1_000, 500, 30, 500, 1_000, 2_000, 625), "Hinton and Salakhutdinov, Science 313 (2006)"
    ),
    "SINDy autoencoder, Lorenz": KnownChain((128, 64, 32, 3, 32, 64, 128), "Champion, Lusch, Kutz and Brunton, PNAS 116 (2019)"),
    "SINDy autoencoder, reaction-diffusion": KnownChain(
        (10_000, 256, 2, 256, 10_000), "Champion, Lusch, Kutz and Brunton, PNAS 116 (2019)"
    ),
    "DCGAN generator": KnownChain(
        (100, 16_384, 32_768, 65_536, 131_072, 12_288), "Radford, Metz and Chintala, ICLR 2016, figure 1"
    ),
    "feed-forward parts of the Transformer": KnownChain(
        (512, *(2_048, 512) * 6), "Vaswani et al., NeurIPS 2017: six blocks of 512 and 2,048, for one position"
    ),
    "physics-informed network, Burgers": KnownChain(
        (2, *(20,) * 8, 1), "Raissi, Perdikaris and Karniadakis, J. Comput. Phys. 378 (2019)"
    ),
    "Lorenz-96, 20 steps": KnownChain(
        (*(40,) * 21, 20),
        "Lorenz and Emanuel, J. Atmos. Sci. 55 (1998): 40 variables; the 20 steps, and 20 variables observed, are chosen here",
    ),
    "flow past a cylinder, 10 steps of 21 modes": KnownChain(
        (89_351, *(21,) * 11, 89_351),
        "Kutz, Brunton, Brunton and Proctor, Dynamic Mode Decomposition (2016): 449 x 199 points, 21 modes; 10 steps chosen here",
    ),
}
"""Published chains of networks and solvers, by name."""
