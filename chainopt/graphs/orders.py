"""Orders in which the variables of a graph can be computed."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.graphs.computation_graph import ComputationGraph

LARGE = 5_000  # variables from which on two orders are tried instead of four


class Steps:
    """What is computed at once, and which step depends on which: an operation of traced code, else a single variable.

    Attributes
    ----------
    heads : list of tuple of int
        The variables that each step computes.
    tails : list of list of int
        The variables that it is computed from, each once.
    before, after : list of list of int
        The steps that each depends on, and those that depend on it, each once.
    sources : set of int
        The steps that are inputs, which are there from the beginning.
    """

    def __init__(self, graph: ComputationGraph) -> None:
        flow, operations = graph.flow, graph.operations
        self.graph = graph
        self.heads: list[tuple[int, ...]] = [(node,) for node in flow.tails if operations is None or node not in operations.of]
        if operations is not None:
            self.heads += [operation.heads for operation in operations.listed]
        step_of = {node: step for step, heads in enumerate(self.heads) for node in heads}
        self.tails = [list(dict.fromkeys(tail for node in heads for tail in flow.tails[node])) for heads in self.heads]
        self.before = [list(dict.fromkeys(step_of[tail] for tail in tails)) for tails in self.tails]
        self.after = [list(dict.fromkeys(step_of[head] for node in heads for head in flow.heads[node])) for heads in self.heads]
        self.sources = {step_of[source] for source in graph.sources if source in flow}

    def orders(self) -> Iterator[list[tuple[int, ...]]]:
        """Yield orders to try, as what is computed step by step."""
        yield self._computed(self.thrifty())
        if self.graph.operations is None:
            yield self._computed(_by_generations(self.before, self.after))
        else:
            yield self.in_program()
        if len(self.heads) <= LARGE:
            yield self._computed(_by_generations(self.after, self.before)[::-1])  # as late as possible
            yield self._computed(_depth_first(self.before, self.after))

    def in_program(self) -> list[tuple[int, ...]]:
        """Return the order of traced code."""
        return self._computed(list(range(len(self.heads))))

    def thrifty(self) -> list[int]:
        """Return the order that computes next what releases most of what is live, or adds least to it; the newest of equals.

        That amount is found when a step becomes possible, and not updated when others have been computed.
        """
        sizes, kept = self.graph.sizes, set(self.graph.targets)
        uses: dict[int, int] = {}  # the steps that a variable waits for
        for tail in (tail for tails in self.tails for tail in tails):
            uses[tail] = uses.get(tail, 0) + 1
        missing = [len(before) for before in self.before]
        ticks = count()
        ready: list[tuple[int, int, int]] = []

        def offer(step: int) -> None:
            freed = sum(sizes[tail] for tail in self.tails[step] if uses[tail] == 1 and tail not in kept)
            born = sum(sizes[head] for head in self.heads[step])
            heappush(ready, (born - freed, -next(ticks), step))

        for step, before in enumerate(self.before):
            if not before:
                offer(step)
        order = []
        while ready:
            step = heappop(ready)[-1]
            order.append(step)
            for later in self.after[step]:
                missing[later] -= 1
                if not missing[later]:
                    offer(later)
            for tail in self.tails[step]:
                uses[tail] -= 1
        return order

    def _computed(self, order: list[int]) -> list[tuple[int, ...]]:
        return [self.heads[step] for step in order if step not in self.sources]


def _by_generations(before: list[list[int]], after: list[list[int]]) -> list[int]:
    """Return first what depends on nothing, then what depends on that, and so on."""
    missing = [len(others) for others in before]
    order = [step for step, others in enumerate(before) if not others]
    for step in order:  # which grows
        for later in after[step]:
            missing[later] -= 1
            if not missing[later]:
                order.append(later)
    return order


def _depth_first(before: list[list[int]], after: list[list[int]]) -> list[int]:
    """Return next, at each step, what became possible last."""
    missing = [len(others) for others in before]
    waiting = [step for step, others in enumerate(before) if not others]
    order = []
    while waiting:
        step = waiting.pop()
        order.append(step)
        for later in after[step]:
            missing[later] -= 1
            if not missing[later]:
                waiting.append(later)
    return order
