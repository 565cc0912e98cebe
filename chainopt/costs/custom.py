"""A cost model of the user's own: any function of the three sizes of a product."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.errors import ChainError
from chainopt.kernels import lookup_dp
from chainopt.kernels.policy import compiled_with
from chainopt.numbers import counted, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.typing import Cost, NumpyArray, PlainDict

FEWEST_COMPILED = 20_000  # products: for fewer the loop is not worth compiling


@dataclass(frozen=True, slots=True)
class CustomModel:
    """The costs that ``function(m, k, n)`` gives products of m x k and k x n matrices; one that Numba compiled runs compiled."""

    function: Callable[[int, int, int], Any]

    @property
    def name(self) -> str:
        """What the function is called."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def unit(self) -> str:
        """What it counts."""
        return f"as {self.name} counts"

    def products(self, m: NumpyArray, k: NumpyArray, n: NumpyArray) -> NumpyArray:
        """Return the costs of products of m x k and k x n matrices: int64, float64 or Python ints.

        Raises
        ------
        ChainError
            If the function returns something other than a cost.
        """
        sizes = np.broadcast_arrays(m, k, n)
        if sizes[0].size >= FEWEST_COMPILED and hasattr(self.function, "py_func") and sizes[0].dtype == np.int64:
            return self._compiled(sizes)
        triples = list(zip(*(column.ravel().tolist() for column in sizes), strict=True))
        known = {triple: self._price(*triple) for triple in set(triples)}
        costs = [known[triple] for triple in triples]
        if any(isinstance(cost, float) for cost in costs):
            return np.array(costs, dtype=np.float64).reshape(sizes[0].shape)
        exact = np.empty(len(costs), dtype=object)
        exact[:] = costs
        return exact.reshape(sizes[0].shape)

    def _price(self, m: int, k: int, n: int) -> Cost:
        cost = self.function(m, k, n)
        if isinstance(cost, np.integer | np.floating):
            cost = cost.item()
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < math.inf:
            raise self._no_cost(m, k, n, cost)
        return cost

    def _compiled(self, sizes: tuple[NumpyArray, ...]) -> NumpyArray:
        flat = [column.flatten() for column in sizes]  # copies: what is broadcast must not be written to
        first = self._price(*(int(column[0]) for column in flat))
        costs = np.empty(flat[0].size, dtype=np.float64 if isinstance(first, float) else np.int64)
        compiled_with(lookup_dp.price_all)(self.function, *flat, costs)
        wrong = np.flatnonzero(~((costs >= 0) & (costs < math.inf)))
        if wrong.size:
            m, k, n = (int(column[wrong[0]]) for column in flat)
            raise self._no_cost(m, k, n, costs[wrong[0]].item())
        return costs.reshape(sizes[0].shape)

    def _no_cost(self, m: int, k: int, n: int, cost: object) -> ChainError:
        msg = f"objective {self.name}({m}, {k}, {n}) is {shown(cost)}: a cost is a number, finite and not negative"
        return ChainError(msg)

    def structured(self, counts: NumpyArray) -> NumpyArray:
        """Refuse: the function knows sizes only.

        Raises
        ------
        ChainError
            Always.
        """
        msg = (
            f"objective {self.name} prices products by their sizes, and {counted(counts.size, 'product')} here "
            f"{'has' if counts.size == 1 else 'have'} structured factors: "
            'take "multiplications" or "time", or leave the structures out'
        )
        raise ChainError(msg)

    def stage(self, cost: Cost) -> Cost:
        """Return the cost of a JVP, a VJP or an accumulation as it is: it must count what the function counts."""
        return cost

    def to_dict(self) -> PlainDict:
        """Refuse: a function cannot be written.

        Raises
        ------
        ChainError
            Always.
        """
        msg = f"objective {self.name} is a function, which cannot be written as text: pickle the plan, or plan again elsewhere"
        raise ChainError(msg)
