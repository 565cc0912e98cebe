"""What can be done last to make the product of an interval of a chain, and what that costs: said here, once.

The product of the factors ``i..j-1`` is made by one of

- a multiplication at a gap k, of the product of ``i..k-1`` by that of ``k..j-1``, for its price;
- a push of the product of ``i+1..j-1`` through stage i, by a JVP for each of its columns;
- a pull of the product of ``i..j-2`` back through stage j-1, by a VJP for each of its rows;
- for a single factor, an accumulation of its matrix, which is free where it is at hand.

What it is applied to is made on its own, and as cheaply as possible. So all recurrences over intervals, lower bounds and models
of the problem are about these four. Kernels, which know no other room, hold copies of the numbers of the four.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.operations import ACCUMULATED, PRODUCT, PULLED, PUSHED
from chainopt.costs import product_tables
from chainopt.costs.multiplications import exact_sizes
from chainopt.costs.number_type import has_floats, in_numbers
from chainopt.costs.stage_choices import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.typing import Cost, NumpyArray

    Interval = tuple[int, int]


class LastOperation(NamedTuple):
    """What is done last for the factors ``i..j-1``: PRODUCT, PUSHED, PULLED or ACCUMULATED, at which gap, and its cost."""

    kind: int
    split: int
    cost: Cost

    def operands(self, i: int, j: int) -> list[Interval]:
        """Return the intervals whose products it is applied to."""
        sides = {PRODUCT: [(i, self.split), (self.split, j)], PUSHED: [(self.split, j)], PULLED: [(i, self.split)]}
        return sides.get(self.kind, [])


class Row(NamedTuple):
    """The costs of all last operations of the intervals that begin with factor i, as kernels take them.

    Those of multiplications are at [k, j] where i < k < j, those of the push through stage i and of the pull through stage j-1 at
    [j]; what cannot be done is below zero.
    """

    products: NumpyArray
    pushes: NumpyArray
    pulls: NumpyArray


@dataclass(frozen=True, slots=True)
class LastOperations:
    """All that can be done with a chain, and at what cost.

    Parameters
    ----------
    leaves : list of int or float, length n
        What the matrix of each factor costs.
    row : callable
        The costs of what can be done last for the intervals that begin with a factor; the last one asked for is kept.
    """

    leaves: list[Cost]
    row: Callable[[int], Row]

    def of(self, i: int, j: int) -> list[LastOperation]:
        """List what can be done last for the factors ``i..j-1``; quickly, as long as the intervals begin with the same factor."""
        if j == i + 1:
            return [LastOperation(ACCUMULATED, i, self.leaves[i])]
        products, pushes, pulls = self.row(i)
        operations = [LastOperation(PRODUCT, split, products.item(split, j)) for split in range(i + 1, j)]
        operations += [LastOperation(PUSHED, i + 1, pushes.item(j)), LastOperation(PULLED, j - 1, pulls.item(j))]
        return [operation for operation in operations if operation.cost >= 0]


def last_operations(chain: JacobianChain, choices: StageChoices, model: CostModel) -> LastOperations:
    """Return what can be done with a chain.

    Parameters
    ----------
    chain : JacobianChain
        Any chain.
    choices : StageChoices
        What can be done with its stages.
    model : CostModel
        What products cost.
    """
    products = product_tables.rows(chain, model)
    sizes = exact_sizes(chain)
    never = np.full(len(chain) + 1, NEVER)
    if choices.only_products:
        return LastOperations(choices.leaves, lru_cache(maxsize=1)(lambda i: Row(products(i), never, never)))
    vjp_costs = in_numbers([NEVER, *choices.pull], dtype=_type(choices.pull))

    @lru_cache(maxsize=1)
    def row(i: int) -> Row:
        jvp_cost = choices.push[i]
        pushes = pushed(in_numbers(sizes, _type([jvp_cost])), jvp_cost) if jvp_cost >= 0 else never
        pulls = np.where(vjp_costs >= 0, pulled(int(sizes[i]), vjp_costs), NEVER)
        return Row(products(i), pushes, pulls)

    return LastOperations(choices.leaves, row)


def pushed(columns: Any, jvp_cost: Any) -> Any:
    """Return what pushing a matrix with so many columns through a stage costs: a JVP for each."""
    return columns * jvp_cost


def pulled(rows: Any, vjp_cost: Any) -> Any:
    """Return what pulling a matrix with so many rows back through a stage costs: a VJP for each."""
    return rows * vjp_cost


def at_gap(dims: tuple[int, ...], choices: StageChoices, gap: int, rows: int, columns: int) -> dict[int, Cost]:
    """Return what can be done at a gap to make a matrix with so many rows and columns, and its cost, by kind.

    Parameters
    ----------
    dims : tuple of int
        The sizes between the factors.
    choices : StageChoices
        What can be done with the stages.
    gap : int
        The factor that is the first to the right of the gap.
    rows, columns : int
        The sizes of the result.

    Returns
    -------
    dict
        The costs of those of PRODUCT (of dense matrices, counted), PUSHED and PULLED that can be done there.
    """
    costs: dict[int, Cost] = {PRODUCT: rows * dims[gap] * columns}
    if choices.push[gap - 1] >= 0:
        costs[PUSHED] = pushed(columns, choices.push[gap - 1])
    if choices.pull[gap] >= 0:
        costs[PULLED] = pulled(rows, choices.pull[gap])
    return costs


def _type(costs: list[Any]) -> Any:
    return np.float64 if has_floats(costs) else object
