"""The number of multiplications of structured products, estimated instead of counted: planning takes less time than products."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from chainopt.costs.estimates import MUCH, cheapest, estimates_of, is_long
from chainopt.costs.first_look import FirstLook
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.sure_sweeps import sweep_to_left, sweep_to_right
from chainopt.structure.leaves import leaves_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.estimates import Estimates
    from chainopt.costs.sure_sweeps import Products
    from chainopt.structure.leaves import Leaf
    from chainopt.structure.order_counts import OrderCounts
    from chainopt.typing import NumpyArray

LOOSE = 4.0  # times what the chain would cost if products did not fill up: above, some rows of products are formed,
WORTH_FORMING = 250_000  # multiplications of the chain for each factor: ten times what takes as long as to form rows,
SHARE_FORMED, ALWAYS_FORMED = 1 / 32, 100_000  # with this part of the multiplications of the chain, or with so many,
MOST_FORMED = 32  # where there are so many factors at most


class EstimatedMultiplications(Multiplications):
    """The objective "multiplications" for one chain of structured matrices, whose products are estimated.

    The estimates are the same each time, and follow from the chain alone: what is read from a file is estimated again.

    Parameters
    ----------
    chain : JacobianChain
        Matrices, at least one of them structured.
    leaves : sequence of Leaf, optional
        What is known of its factors.
    is_rough : bool
        Whether nonzeros are not counted where that takes as long as the products, or promises little.
    """

    def __init__(self, chain: JacobianChain, leaves: Sequence[Leaf] | None = None, *, is_rough: bool = False) -> None:
        object.__setattr__(self, "chain", chain)
        object.__setattr__(self, "is_rough", is_rough)
        if leaves is not None:
            self.__dict__["leaves"] = leaves

    chain: JacobianChain
    is_rough: bool

    @cached_property
    def leaves(self) -> Sequence[Leaf]:
        """What is known of the factors at first sight."""
        return leaves_of(self.chain.shapes, self.chain.structures or ())

    @cached_property
    def estimates(self) -> Estimates:
        """What is estimated."""
        return estimates_of(self.leaves, MUCH if self.is_rough else 0.0)

    def work(self, i: int, k: int, j: int) -> int:
        """Return about how many multiplications the product of ``i..k-1`` with ``k..j-1`` needs."""
        return self._work(self.estimates, i, k, j)

    def cheapest(self) -> tuple[Products, list[int]]:
        """Return an order that is estimated to be the cheapest: its products (i, k, j), sides first, and what each costs."""
        priced = [(order, self.works(order)) for order in (self._orders if self._formed else self._orders[2:])]
        return min(priced, key=lambda one: sum(one[1]))

    def works(self, products: Products) -> list[int]:
        """Return about how many multiplications each product of an order needs."""
        estimates = self._estimates_along(products)
        return [self._work(estimates, *product) for product in products]

    def along(self, bracketing: Bracketing) -> NumpyArray:
        """Return about what the product that is split after factor g needs, for every g."""
        return np.array(self.works(_products_along(bracketing)), dtype=object)

    def nonzeros_along(self, bracketing: Bracketing) -> Callable[[int, int], int]:
        """Return a function that gives, for i and j, about how many nonzeros the product of ``i..j-1`` has in a bracketing."""
        estimates = self._estimates_along(_products_along(bracketing))
        return lambda i, j: round(estimates.nonzeros(i, j))

    def row(self, i: int) -> NumpyArray:
        """Return about what it costs to join ``i..k-1`` with ``k..j-1``, at [k, j] where i < k < j."""
        factors = len(self.leaves)
        table = np.zeros((factors + 1, factors + 1), dtype=object)
        for k in range(i + 1, factors):
            for j in range(k + 1, factors + 1):
                table[k, j] = self.work(i, k, j)
        return table

    def _estimates_along(self, products: Products) -> Estimates:
        """Return what is estimated of an order, which may be far from the cheapest.

        A look at sizes and numbers of nonzeros is trusted for the products of the order that it found. Where another one has more
        work with products of sparse matrices, their nonzeros are counted: an arrowhead's square is full.
        """
        look = self.estimates
        if not isinstance(look, FirstLook):
            return look
        asked, (forward, reverse, own) = set(products), map(set, self._orders)
        if self._formed and asked in (forward, reverse, own):
            return self._formed
        if not self._formed:
            if asked == own:
                return look
            if look.work_of_sparse(products) <= look.work_of_sparse() or is_long(self.leaves, look):
                return look.along(products)
        return self._swept(is_forward=asked == forward) if asked in (forward, reverse) else self._counts

    @cached_property
    def _counts(self) -> Estimates:
        from chainopt.structure.sampled_counts import SampledCounts

        return SampledCounts(self.leaves)

    @cached_property
    def _orders(self) -> list[Products]:
        """The sweeps, and the order that is the cheapest by the estimates of all intervals."""
        factors, look = len(self.leaves), self.estimates
        own = look.products if isinstance(look, FirstLook) and not self._has_units else cheapest(factors, self.work)
        return [sweep_to_left(factors), sweep_to_right(factors), own]

    @cached_property
    def _formed(self) -> OrderCounts | None:
        """What some rows of the products tell of the sweeps and of the order that a look finds, where it may see far too much.

        If products had no more nonzeros than their sides, they would cost far less.
        """
        look, factors = self.estimates, len(self.leaves)
        if not isinstance(look, FirstLook) or any(look.are_full) or factors > MOST_FORMED:
            return None
        if look.cost() <= max(LOOSE * look.least(), WORTH_FORMING * factors):
            return None
        from chainopt.structure.order_counts import order_counts

        return order_counts(self.leaves, self._orders, max(ALWAYS_FORMED, SHARE_FORMED * look.cost()))

    def _swept(self, *, is_forward: bool) -> Estimates:
        from chainopt.structure.swept_counts import SweptCounts

        if is_forward not in self._sweeps:
            self._sweeps[is_forward] = SweptCounts(self.leaves, is_forward=is_forward)
        return self._sweeps[is_forward]

    @cached_property
    def _sweeps(self) -> dict[bool, Estimates]:
        return {}

    def _work(self, estimates: Estimates, i: int, k: int, j: int) -> int:
        is_free = self._has_units and (self._are_units(i, k) or self._are_units(k, j))
        return 0 if is_free else round(estimates.work(i, k, j))

    @cached_property
    def _has_units(self) -> bool:
        return any(leaf.is_unit for leaf in self.leaves)

    def _are_units(self, i: int, j: int) -> bool:
        return all(leaf.is_unit for leaf in self.leaves[i:j])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EstimatedMultiplications) and (self.chain, self.is_rough) == (other.chain, other.is_rough)

    def __hash__(self) -> int:
        return hash((EstimatedMultiplications, self.chain))

    def __reduce__(self) -> tuple[object, ...]:
        return partial(EstimatedMultiplications, is_rough=self.is_rough), (self.chain,)  # what is estimated is estimated again


def _products_along(bracketing: Bracketing) -> Products:
    spans = zip(bracketing.first.tolist(), bracketing.last.tolist(), strict=True)
    return [(first, split + 1, last + 1) for split, (first, last) in enumerate(spans)]
