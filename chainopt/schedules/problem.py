"""A chain and its workers as the kernels take them: arrays where a machine number holds every time, else lists of Python ints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.operations import GIVEN, Accumulation
from chainopt.costs.last_operations import last_operations
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.operation_costs import steps_of
from chainopt.kernels.policy import compiled_pays

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.last_operations import LastOperations
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices

LARGEST = 2**62
MOST_TABLED = 200  # factors up to which the prices of all products are held, where they are no products of sizes
NOISE = 64  # with which list scheduling multiplies
MOST_UNCOMPILED = 3  # factors of a chain of which all plans are soon searched: what is found is the same, compiled or not


class Problem(NamedTuple):
    """What the kernels need to know of a chain.

    ``workers`` is how many can ever be busy at once. ``prices`` are none where a product costs the product of three sizes, and
    where the table would be too large; ``rows`` then gives a row of it.
    """

    chain: JacobianChain
    choices: StageChoices
    model: CostModel
    workers: int
    dtype: Any  # int64, float64, or object: then everything is lists, and nothing is compiled
    is_compiled: bool
    sizes: Any
    prices: Any
    rows: LastOperations | None
    push: Any
    pull: Any
    leaves: Any
    has_leaf: Any
    most: Any  # what no plan, however bad, adds up to

    @property
    def factors(self) -> int:
        """How many factors the chain has."""
        return len(self.leaves)

    @property
    def stage(self) -> Any:
        """What `chainopt.kernels.annealing` takes."""
        return self.sizes, self.prices, self.push, self.pull, self.leaves, self.has_leaf

    @property
    def is_tabled(self) -> bool:
        """Whether all prices are at hand, and not only a row of them at a time."""
        return self.factors <= MOST_TABLED or self.rows is None

    def array(self, *shape: int, fill: float = 0) -> Any:
        """Make an array for times."""
        made = np.full(shape, fill, dtype=self.dtype)
        return made if self.is_compiled else made.tolist()

    def numbers(self, *shape: int, fill: int = 0) -> Any:
        """Make an array for positions."""
        made = np.full(shape, fill, dtype=np.int64) if fill else np.zeros(shape, dtype=np.int64)
        return made if self.is_compiled else made.tolist()


def problem_of(chain: JacobianChain, choices: StageChoices, model: CostModel, workers: float) -> Problem:
    """Hold a chain as the kernels take it."""
    factors = len(chain)
    leaves, ways, push, pull, _ = choices
    busy = int(min(workers, factors))
    is_plain = isinstance(model, Multiplications) and chain.structures is None and chain.batches is None
    dims = chain.dims
    rows = None if is_plain else last_operations(chain, choices, model)
    table: Any = None
    if rows is not None and factors <= MOST_TABLED:
        table = np.stack([rows.row(i).products for i in range(factors)])
    one, two, three = [*sorted(dims, reverse=True)[:3], 1][:3]
    largest: Any = one * two * max(three, 1)
    if rows is not None:
        seen = [table] if table is not None else (rows.row(i).products for i in range(factors))
        largest = max([largest, *(prices.max(initial=0) for prices in seen)])
    costs = [*leaves, *push, *pull]
    is_float = any(isinstance(cost, float | np.floating) for cost in [largest, *costs])
    largest = max(largest, *leaves, one * max(0, *push, *pull))
    fits = is_float or int(largest) * (2 * factors) * (busy + NOISE) < LARGEST
    dtype: Any = np.float64 if is_float else np.int64 if fits else object
    compiles = fits and compiled_pays(0.0 if factors <= MOST_UNCOMPILED else math.inf)

    def held(values: Any, kind: Any) -> Any:
        if compiles:
            return np.array(values, dtype=kind)
        return values.tolist() if isinstance(values, np.ndarray) else list(values)

    return Problem(
        chain,
        choices,
        model,
        busy,
        dtype,
        compiles,
        held(dims, np.float64 if is_float else np.int64),
        held(np.zeros((0, 0, 0)) if table is None else table, dtype),
        rows,
        held(push, dtype),
        held(pull, dtype),
        held(leaves, dtype),
        held([int(way != GIVEN) for way in ways], np.int64),
        largest * 2 * factors,
    )


def begun_as(bracketing: Bracketing, chain: JacobianChain, choices: StageChoices, model: CostModel) -> StageChoices:
    """Return the choices with the accumulations of a bracketing: a sweep begins in its own mode, even if the other is cheaper."""
    if bracketing.ways is None:
        return choices
    ways = np.where(bracketing.ways == GIVEN, choices.ways, bracketing.ways).tolist()
    if ways == choices.ways:
        return choices
    leaves = list(choices.leaves)
    for step in steps_of(chain, bracketing, model):
        if isinstance(step, Accumulation):
            leaves[step.first] = step.cost
    return choices._replace(leaves=leaves, ways=ways)


def with_choices(problem: Problem, choices: StageChoices) -> Problem:
    """Return a problem with other choices, of which only the accumulations differ."""
    if choices is problem.choices:
        return problem
    leaves: Any = np.array(choices.leaves, dtype=problem.dtype) if problem.is_compiled else choices.leaves
    return problem._replace(choices=choices, leaves=leaves)
