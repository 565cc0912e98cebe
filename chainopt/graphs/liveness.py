"""Where a graph can be cut into stages: the live variables along its topological orders."""

from __future__ import annotations

from itertools import accumulate, count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.graphs.computation_graph import Network

SMALL = 60  # variables up to which all positions of an order are tried as cuts
LARGE = 5_000  # variables from which on two orders are tried instead of four


class Line(NamedTuple):
    """The variables of a graph in the order in which they are computed, the sources left out.

    At position p the first p of them are computed. ``ends`` is the position from which on a variable is not needed any more,
    one more than there are where it is an output. ``live`` is the size of what is live at each position, ``counts`` how many
    variables that are.
    """

    order: list[int]
    ends: dict[int, int]
    live: list[int]
    counts: list[int]

    def states(self, network: Network, cuts: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the variables that are live at each of some ascending positions between the first and the last."""
        states = [tuple(network.sources)]
        # A dict keeps the order in which variables came; few are live at once, so that it is walked only at cuts.
        alive = dict.fromkeys(source for source in network.sources if source in self.ends)
        leaving: dict[int, list[int]] = {}
        for node, end in self.ends.items():
            leaving.setdefault(end, []).append(node)
        wanted = set(cuts)
        for position, node in enumerate(self.order, 1):
            alive[node] = None
            for gone in leaving.get(position, ()):
                del alive[gone]
            if position in wanted:
                states.append(tuple(alive))
        return [*states, tuple(network.targets)]


def lines(network: Network) -> list[Line]:
    """Return the different orders to try, the one with the smallest live sets first."""
    found = {tuple(order): None for order in _orders(network)}
    held = [_line(network, list(order)) for order in found]
    return sorted(held, key=lambda line: sum(line.live))


def candidates(line: Line) -> list[tuple[int, ...]]:
    """Return sets of cuts to try, each a tuple of positions; the empty one makes one stage of everything."""
    inner = range(1, len(line.order))
    live = line.live
    single = [at for at in inner if line.counts[at] == 1]
    # Of equal neighbours the last one counts, where most has been let go.
    low = [at for at in inner if live[at - 1] >= live[at] < live[at + 1]]
    sets = [(), tuple(single), tuple(low), tuple(sorted({*single, *low}))]
    if len(inner) < SMALL:
        sets.append(tuple(inner))
    return list(dict.fromkeys(sets))


def _orders(network: Network) -> Iterator[list[int]]:
    import networkx as nx

    graph, sources = network.graph, set(network.sources)

    def without_sources(order: list[int]) -> list[int]:
        return [node for node in order if node not in sources]

    yield without_sources(_thrifty(network))
    yield without_sources(list(nx.topological_sort(graph)))
    if len(graph) <= LARGE:
        # As late as possible; and depth first, what became possible last.
        yield without_sources(list(nx.topological_sort(graph.reverse(copy=False)))[::-1])
        ticks = count()
        yield without_sources(list(nx.lexicographical_topological_sort(graph, key=lambda _: -next(ticks))))


def _thrifty(network: Network) -> list[int]:
    """Compute what lets go of most, or adds least, to what is live; of equals what became possible last."""
    import networkx as nx

    graph, sizes, kept = network.graph, network.sizes, set(network.targets)
    uses = dict(graph.out_degree())
    ticks = count()

    def growth(node: int) -> tuple[int, int]:  # asked when all predecessors have been computed
        freed = sum(sizes[before] for before in graph.pred[node] if uses[before] == 1 and before not in kept)
        return sizes[node] - freed, -next(ticks)

    order = []
    for node in nx.lexicographical_topological_sort(graph, key=growth):
        order.append(node)
        for before in graph.pred[node]:
            uses[before] -= 1
    return order


def _line(network: Network, order: list[int]) -> Line:
    graph, sizes = network.graph, network.sizes
    begins = dict.fromkeys((source for source in network.sources if source in graph), 0)
    begins |= {node: at for at, node in enumerate(order, 1)}
    ends = {node: max((begins[after] for after in graph.succ[node]), default=0) for node in begins}
    beyond = len(order) + 1
    ends |= dict.fromkeys((target for target in network.targets if target in graph), beyond)
    changes, steps = [0] * (beyond + 1), [0] * (beyond + 1)
    for node, begin in begins.items():
        changes[begin] += sizes[node]
        changes[ends[node]] -= sizes[node]
        steps[begin] += 1
        steps[ends[node]] -= 1
    return Line(order, ends, list(accumulate(changes[:beyond])), list(accumulate(steps[:beyond])))
