"""What is live along an order of computation: where a graph can be cut into stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from chainopt.graphs.orders import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chainopt.graphs.computation_graph import ComputationGraph


class Stage(NamedTuple):
    """A part of a graph: variables in, variables out, and those that it computes, in a possible order.

    A variable may come in and go out, or go out and be used inside.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    computed: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Line:
    """The variables of a graph in the order in which they are computed, the inputs left out.

    At position p the first p of them are computed, and what is live has been computed and is still needed.

    Attributes
    ----------
    graph : ComputationGraph
    order : list of int
        The variables.
    positions : list of int
        Where it can be cut: between two steps, ascending.
    ends : dict from int to int
        The position from which a variable is no longer needed; beyond the last one for an output.
    live, counts : list of int
        The size of what is live at each position, and how many variables that are.
    """

    graph: ComputationGraph
    order: list[int]
    positions: list[int]
    ends: dict[int, int]
    live: list[int]
    counts: list[int]
    _states: dict[int, tuple[int, ...]] = field(default_factory=dict, repr=False)

    def states(self, cuts: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the variables that are live at each of some ascending positions, the inputs first and the outputs last."""
        wanted = set(cuts) - self._states.keys()
        if wanted:
            self._sweep(wanted)
        return [tuple(self.graph.sources), *(self._states[cut] for cut in cuts), tuple(self.graph.targets)]

    def stages(self, cuts: Sequence[int]) -> list[Stage]:
        """Return the stages between some cuts, in evaluation order."""
        bounds = pairwise((0, *cuts, len(self.order)))
        ends = pairwise(self.states(cuts))
        return [Stage(*states, tuple(self.order[begin:end])) for states, (begin, end) in zip(ends, bounds, strict=True)]

    def _sweep(self, wanted: set[int]) -> None:
        # A dict keeps the order in which variables came; few are live at once, so that it is walked only at cuts.
        alive = dict.fromkeys(source for source in self.graph.sources if source in self.ends)
        leaving: dict[int, list[int]] = {}
        for node, end in self.ends.items():
            leaving.setdefault(end, []).append(node)
        for position, node in enumerate(self.order, 1):
            alive[node] = None
            for gone in leaving.get(position, ()):
                del alive[gone]
            if position in wanted:
                self._states[position] = tuple(alive)


def lines_of(graph: ComputationGraph) -> list[Line]:
    """Return the different orders to try, the one with the smallest live sets first."""
    orders = {tuple(order): None for order in Steps(graph).orders()}
    return sorted((line_of(graph, order) for order in orders), key=lambda line: sum(line.live))


def line_of(graph: ComputationGraph, steps: Sequence[tuple[int, ...]]) -> Line:
    """Return what is live along an order of steps."""
    flow, sizes = graph.flow, graph.sizes
    order = [node for step in steps for node in step]
    begins = dict.fromkeys((source for source in graph.sources if source in flow), 0)
    begins |= {node: position for position, node in enumerate(order, 1)}
    ends = {node: max((begins[head] for head in flow.heads[node]), default=0) for node in begins}
    ends |= dict.fromkeys((target for target in graph.targets if target in flow), len(order) + 1)
    live = live_sizes(begins, ends, len(order) + 1, sizes.__getitem__)
    counts = live_sizes(begins, ends, len(order) + 1, lambda _: 1)
    return Line(graph, order, list(accumulate(map(len, steps)))[:-1], ends, live, counts)


def live_sizes(begins: Mapping[int, int], ends: Mapping[int, int], positions: int, size: Callable[[int], int]) -> list[int]:
    """Return the size of what is live at each position.

    Parameters
    ----------
    begins, ends : dict from int to int
        The position from which each variable is live, and that from which it no longer is.
    positions : int
        How many positions there are.
    size : callable
        What a variable counts.
    """
    growth = [0] * (positions + 1)
    for node, begin in begins.items():
        if begin < ends[node]:
            growth[begin] += size(node)
            growth[ends[node]] -= size(node)
    return list(accumulate(growth[:positions]))
