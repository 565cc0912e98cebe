"""What a solver returns: a bracketing, in an array of two rows.

A bracketing of n factors has n - 1 products, and each gap between neighbors is where exactly one of them is split.
So the first and the last factor that the product split after factor g spans, for every g, determine it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from chainopt.bracketing.operations import GIVEN
from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from chainopt.typing import NumpyArray, Tree

DEEPEST_TREE = 1_000
SHORT = 50  # up to here Python's sort is faster than NumPy's

T = TypeVar("T")


@dataclass(frozen=True, slots=True, init=False, eq=False)
class Bracketing:
    """The order in which the product of n factors is associated.

    Parameters
    ----------
    spans : numpy.ndarray of int32, shape (2, n - 1)
        The first and the last factor of the product that is split after factor g, for g in 0..n-2.
    kinds : numpy.ndarray of int8, shape (n - 1,), or None
        Whether it is a product of matrices, or a stage pushed or pulled through; None where all are products.
    ways : numpy.ndarray of int8, shape (n,), or None
        How the matrix of each factor is obtained, where one is needed; None where all are given.
    order : numpy.ndarray of int32, or None
        The order in which it is executed: g for the product split after factor g, ~k for the accumulation of factor k.
        None for the usual one, left sides before right sides, and accumulations as late as possible.
    """

    spans: NDArray[np.int32]
    kinds: NDArray[np.int8] | None
    ways: NDArray[np.int8] | None
    order: NDArray[np.int32] | None
    _arrivals: list[int] | None = field(repr=False)

    def __init__(
        self,
        spans: NDArray[np.int32],
        kinds: NDArray[np.int8] | None = None,
        ways: NDArray[np.int8] | None = None,
        order: NDArray[np.int32] | None = None,
    ) -> None:
        set_attribute = object.__setattr__
        spans.setflags(write=False)  # plans are hashed by them
        if kinds is not None:
            kinds.setflags(write=False)
        if ways is not None:
            ways.setflags(write=False)
        if order is not None:
            order.setflags(write=False)
        set_attribute(self, "spans", spans)
        set_attribute(self, "kinds", kinds)
        set_attribute(self, "ways", ways)
        set_attribute(self, "order", order)
        set_attribute(self, "_arrivals", None)

    @staticmethod
    def right_to_left(factors: int) -> Bracketing:
        """Forward mode: ``J3 (J2 J1)``."""
        return (_short_right_to_left if factors <= SHORT else _right_to_left)(factors)

    @staticmethod
    def left_to_right(factors: int) -> Bracketing:
        """Reverse mode: ``(J3 J2) J1``."""
        return (_short_left_to_right if factors <= SHORT else _left_to_right)(factors)

    @staticmethod
    def from_splits(factors: int, split: Callable[[int, int], int]) -> Bracketing:
        """Make a bracketing of products, given where each is split.

        Parameters
        ----------
        factors : int
            How many there are.
        split : callable
            Returns for the product of the factors ``i..j-1`` the k between ``i..k-1`` and ``k..j-1``.
        """
        spans = np.empty((2, factors - 1), dtype=np.int32)
        waiting = [(0, factors)]
        while waiting:
            i, j = waiting.pop()
            if j - i > 1:
                k = split(i, j)
                spans[:, k - 1] = i, j - 1
                waiting += [(i, k), (k, j)]
        return Bracketing(spans)

    @property
    def first(self) -> NDArray[np.int32]:
        """The first factor of the product that is split after factor g, for every g."""
        first: NDArray[np.int32] = self.spans[0]
        return first

    @property
    def last(self) -> NDArray[np.int32]:
        """The last factor of the product that is split after factor g, for every g."""
        last: NDArray[np.int32] = self.spans[1]
        return last

    @property
    def factors(self) -> int:
        """How many factors are multiplied."""
        return int(self.spans.shape[1]) + 1

    def splits_in_order(self) -> NDArray[np.intp]:
        """Where the products are split, in an order in which they can be executed: sides before their product.

        A product comes after those that end before it does; of those that end with the same factor, which are
        nested, the one split last is the innermost. One stable sort by the end thus puts them into post-order.
        """
        gaps = self.first.size
        return gaps - 1 - np.argsort(self.last[::-1], kind="stable")

    def steps(self) -> Iterable[tuple[int, int, int]]:
        """``(first, split, last)`` of every product, in an order in which they can be executed."""
        gaps = self.spans.shape[1]
        if gaps <= SHORT:
            first, last = self.spans.tolist()
            in_order = sorted(range(gaps - 1, -1, -1), key=last.__getitem__)
            return [(first[split], split, last[split]) for split in in_order]
        splits = self.splits_in_order()
        return zip(self.first[splits].tolist(), splits.tolist(), self.last[splits].tolist(), strict=True)

    def events(self) -> Iterator[int]:
        """Yield what is done, in order: g for the join at gap g, ~k for the accumulation of factor k, just before it is used."""
        if self.order is not None:
            yield from self.order.tolist()
            return
        if self.ways is None:
            yield from self.splits_in_order().tolist()
            return
        ways = self.ways.tolist()
        if self.factors == 1 and ways[0] != GIVEN:
            yield ~0
        for first, split, last in self.steps():
            if first == split and ways[split] != GIVEN:
                yield ~split
            if split + 1 == last and ways[last] != GIVEN:
                yield ~last
            yield split

    def arrivals(self) -> list[int]:
        """How many factors are put on a stack before its last two entries are joined, for every product.

        Kept, as executing a plan again and again asks for little else: between two products of matrices caches are cold.
        """
        if self._arrivals is None:
            arrivals_of_steps, taken = [], 1
            for _, _, last in self.steps():
                arrivals_of_steps.append(max(0, last + 1 - taken))
                taken += arrivals_of_steps[-1]
            object.__setattr__(self, "_arrivals", arrivals_of_steps)
            return arrivals_of_steps
        return self._arrivals

    def fold(self, leaves: Iterable[T], join: Callable[[T, T], T]) -> T:
        """Join neighbors in this order until one is left; what was joined is let go before the next join begins."""
        supply = iter(leaves)
        stack = [next(supply)]
        for arrivals in self.arrivals():
            stack.extend(islice(supply, arrivals))
            right = stack.pop()
            left = stack.pop()
            stack.append(join(left, right))
            del left, right
        return stack[0]

    def tree(self) -> Tree:
        """Return nested tuples of factor positions.

        Raises
        ------
        ChainError
            If they would be nested more than 1,000 deep.
        """
        depth = self.fold([0] * self.factors, lambda left, right: max(left, right) + 1)
        if depth > DEEPEST_TREE:
            msg = f"tree would be nested {depth} deep, more than {DEEPEST_TREE}: use operations, which is a flat sequence"
            raise ChainError(msg)
        leaves: list[Tree] = list(range(self.factors))
        return self.fold(leaves, lambda left, right: (left, right))

    def path(self) -> list[tuple[int, int]]:
        """Return the pairs of positions that opt_einsum takes: both operands leave the list, the result is appended.

        In post-order the last two entries of a stack are joined, so that a factor's position is the number of
        factors below it in the stack, and a result's is the number of results below it after all factors left.
        """
        pairs: list[tuple[int, int]] = []
        stack: list[bool] = []  # for every waiting operand, whether it is a factor
        factors_left, factors_below, results_below, taken = self.factors, 0, 0, 0
        for _, _, last in self.steps():
            while taken <= last:
                stack.append(True)
                taken += 1
                factors_below += 1
            pair = []
            removed = 0
            for is_factor in (stack.pop(), stack.pop()):
                factors_below -= is_factor
                results_below -= not is_factor
                removed += is_factor
                pair.append(factors_below if is_factor else factors_left + results_below)
            pairs.append((min(pair), max(pair)))
            factors_left -= removed
            stack.append(False)
            results_below += 1
        return pairs

    def peak(self, entries: Callable[[int, int, int], int]) -> int:
        """Return the most entries alive at once, ``entries(first, split, last)`` being the size of a result."""
        alive = most = 0
        stack: list[tuple[int, int, int]] = []
        for first, split, last in self.steps():
            result = entries(first, split, last)
            alive += result
            most = max(most, alive)
            for start, end in ((split + 1, last), (first, split)):
                if start < end:
                    alive -= stack.pop()[2]
            stack.append((first, last, result))
        return most

    def check_order(self) -> None:
        """Refuse an order in which something is used before it is made, or not made exactly once."""
        assert self.order is not None
        ways = [GIVEN] * self.factors if self.ways is None else self.ways.tolist()
        available = {(position, position) for position, way in enumerate(ways) if way == GIVEN}  # or only gone through
        first, last = self.spans.tolist()
        events = self.order.tolist()
        joins = [event for event in events if event >= 0]
        accumulated = [~event for event in events if event < 0]
        needed = [position for position, way in enumerate(ways) if way != GIVEN]
        fits = sorted(joins) == [*range(self.factors - 1)] and sorted(accumulated) == needed
        for event in events if fits else ():
            if event < 0:
                available.add((~event, ~event))
            else:
                fits = fits and {(first[event], event), (event + 1, last[event])} <= available
                available.add((first[event], last[event]))
        if not fits:
            msg = "the operations cannot be executed in this order: each is done once, after those that make what it needs"
            raise ChainError(msg)

    def check(self) -> None:
        """Refuse arrays that are not a bracketing, naming the first gap that is wrong."""
        spans: list[tuple[int, int]] = []
        taken = 0
        for first, split, last in self.steps():
            while taken <= last:
                spans.append((taken, taken))
                taken += 1
            sides = [spans.pop() for _ in range(min(2, len(spans)))]
            if sides != [(split + 1, last), (first, split)]:
                msg = f"the product split after factor {split} cannot span the factors {first} to {last}"
                raise ChainError(msg)
            spans.append((first, last))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bracketing):
            return NotImplemented
        return self.is_like(other) and _same(self.order, other.order)

    def is_like(self, other: Bracketing) -> bool:
        """Whether the same is done, in whatever order."""
        mine, others = (self.spans, self.kinds, self.ways), (other.spans, other.kinds, other.ways)
        return all(map(_same, mine, others))

    def __hash__(self) -> int:
        return hash(self.spans.tobytes())


def _same(one: NumpyArray | None, other: NumpyArray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _right_to_left(factors: int) -> Bracketing:
    spans = np.empty((2, factors - 1), dtype=np.int32)
    spans[0] = np.arange(factors - 1)
    spans[1] = factors - 1
    return Bracketing(spans)


def _left_to_right(factors: int) -> Bracketing:
    spans = np.zeros((2, factors - 1), dtype=np.int32)
    spans[1] = np.arange(1, factors)
    return Bracketing(spans)


# Of short chains they are made once: making the two arrays of one takes as long as half the way through the house.
_short_right_to_left, _short_left_to_right = cache(_right_to_left), cache(_left_to_right)
