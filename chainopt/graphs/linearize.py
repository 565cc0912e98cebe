"""From a graph to the cheapest chain that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.chain.gain_bound import least_possible
from chainopt.graphs import liveness
from chainopt.graphs.computation_graph import read_graph
from chainopt.graphs.stage_cache import Workshop
from chainopt.ordering.order import optimal_order
from chainopt.plan.graph_chain import GraphChain

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.chain.jacobian import Jacobian
    from chainopt.graphs.computation_graph import Network
    from chainopt.graphs.elimination.vertex_elimination import Stage
    from chainopt.graphs.liveness import Line
    from chainopt.plan.plan import Plan

LONGEST = 300  # stages of a chain that needs the interval program, which is cubic
FEW = 30  # variables up to which cuts are moved one by one
THOROUGH = 60  # variables up to which all chains are looked at as closely as otherwise the best few
FINALISTS = 4
LONGEST_STRUCTURED = 40  # stages of a chain that is looked at with its structures, each of whose intervals has a pattern


class Linearization(NamedTuple):
    """A chain with its plan, and the stages that it was made of, in product order."""

    chain: GraphChain
    plan: Plan
    stages: list[Stage]
    workshop: Workshop


def linearize(graph: Any, *, inputs: Sequence[Hashable] | None = None, outputs: Sequence[Hashable] | None = None) -> GraphChain:
    """Cut a computation graph into a chain of stages, so that its Jacobian is cheap to accumulate.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        Nodes are variables. Their attribute ``size`` is by default that of the Jacobians on their edges, else 1. An edge
        ``u -> v`` is the partial derivative of v by u, with, as far as known, ``jacobian``, a matrix of shape (size of v, size
        of u), ``jvp_cost``, ``vjp_cost``, ``accumulation_cost``, ``tape`` and ``structure``, as of `Jacobian`. An edge without
        any has a dense matrix at hand; a SciPy sparse one has its pattern, and an identity, said or seen, is free. Parallel
        edges add up.
    inputs, outputs : sequence of nodes, optional
        The columns and rows, in their order. By default the sources and the sinks, in node order. The Jacobian sums over all
        paths from an input to an output, through other inputs too.

    Returns
    -------
    GraphChain
        A `JacobianChain` whose ``stages[i]`` names the nodes that stage i computes. Its ``notes`` say what was ignored. The
        Jacobian is the product of its factors, and of its ``skips`` the identities besides: ``chain.add_skips(product)``.

    Raises
    ------
    ChainError
        If the graph has a cycle, sizes or shapes do not fit, or there are no inputs or outputs.

    Notes
    -----
    Every position of a topological order is a cut, and what is live there its state: what has been computed and is needed yet.
    Several orders, and several sets of cuts for each, are tried; the chain whose best bracketing is the cheapest is returned,
    of equal ones that with the narrowest cut, then with the most cuts through a single variable, and then the shortest.
    Inside a stage the Jacobian may be accumulated by vertex elimination. Chains that cannot win by the bound on what any order
    gains are not ordered.

    An identity from an input straight to an output, as of ``x + g(x)``, would be alive at every cut, so that none is narrow. It
    is no part of the chain, but one of its ``skips``. Elsewhere identities belong to their stage and cost nothing.

    Examples
    --------
    >>> import networkx, chainopt
    >>> from chainopt.graphs.linearize import linearize
    >>> graph = networkx.DiGraph()
    >>> graph.add_node("x", size=500)
    >>> graph.add_node("y", size=800)
    >>> graph.add_edge("x", "narrow", jvp_cost=1_000, vjp_cost=1_000)
    >>> graph.add_edge("narrow", "y", jvp_cost=2_000, vjp_cost=2_000)
    >>> chain = linearize(graph)
    >>> chain, chain.stages
    (GraphChain(J2: 800x1, J1: 1x500), (('y',), ('narrow',)))
    >>> chainopt.optimal_order(chain).bracketing
    '((J2 > I) (I < J1))'
    """
    return linearization(graph, inputs, outputs).chain


def linearization(graph: Any, inputs: Any = None, outputs: Any = None) -> Linearization:
    """Find the chain of a graph together with its plan."""
    network = read_graph(graph, inputs, outputs)
    search = _Search(network)
    lines = liveness.lines(network)
    if len(network.graph) > liveness.LARGE:
        search.consider(lines[0], max(liveness.candidates(lines[0]), key=len))
    else:
        for line in lines:
            for positions in liveness.candidates(line):
                search.consider(line, positions)
        if len(network.graph) <= FEW:
            search.move_cuts()
    return search.result()


class _Candidate(NamedTuple):
    """A chain that was ordered. Of two the one with the smaller key is better."""

    key: tuple[Any, ...]
    chain: GraphChain
    plan: Plan
    jacobians: list[Jacobian]
    stages: list[Stage]
    line: Line
    positions: tuple[int, ...]


class _Search:
    """Keeps the cheapest chains of those that it is shown."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.workshop = Workshop(network)
        self.workshop.is_thorough = len(network.graph) <= THOROUGH
        self.finalists: list[_Candidate] = []  # the best first
        self._seen: set[Any] = set()

    def consider(self, line: Line, positions: Sequence[int]) -> None:
        """Order one more chain."""
        stages = self.workshop.stages(line, positions)
        if len(stages) > LONGEST and not self._is_dense(stages):
            positions = _smallest(line, positions, LONGEST - 1)
            stages = self.workshop.stages(line, positions)
        stages.reverse()
        if tuple(stages) in self._seen:
            return
        self._seen.add(tuple(stages))
        candidate = self._ordered([self.workshop.jacobian(stage) for stage in stages], stages, line, tuple(positions))
        if candidate is not None:
            self.finalists = sorted([*self.finalists, candidate], key=lambda held: held.key)[:FINALISTS]

    def move_cuts(self) -> None:
        """Add and take away cuts, one by one, as long as that helps."""
        before = None
        while before != self.finalists[0].key:
            before, *_, line, positions = self.finalists[0]
            for position in range(1, len(line.order)):
                self.consider(line, sorted({*positions} ^ {position}))

    def result(self) -> Linearization:
        """Return the best, all finalists looked at closely: their stages refined, and with their structures."""
        found = self.finalists[0]
        self.workshop.is_thorough = True
        for finalist in self.finalists:
            stages = finalist.stages
            plain = [self.workshop.jacobian(stage) for stage in stages]
            variants = [] if plain == finalist.jacobians or len(stages) > LONGEST else [plain]
            if (
                len(stages) <= LONGEST_STRUCTURED
                and (structured := [self.workshop.structured(stage) for stage in stages]) != plain
            ):
                variants.append(structured)
            for jacobians in variants:
                candidate = self._ordered(jacobians, stages, finalist.line, finalist.positions)
                if candidate is not None and candidate.key < found.key:
                    found = candidate
        return Linearization(found.chain, found.plan, found.stages, self.workshop)

    def _ordered(
        self, jacobians: list[Jacobian], stages: list[Stage], line: Line, positions: tuple[int, ...]
    ) -> _Candidate | None:
        """Order a chain; None where the least that it can cost is too much."""
        names = list(map(self.workshop.names, stages))
        chain = GraphChain(jacobians, names, self.network.notes, self.network.skips)
        if self.finalists and not self._can_win(chain):
            return None
        plan = optimal_order(chain, objective=self.workshop.price.model)
        narrow = sum(len(stage.inputs) == 1 for stage in stages[:-1])
        key = plan.cost, min(chain.dims), -narrow, len(chain)
        return _Candidate(key, chain, plan, jacobians, stages, line, positions)

    def _can_win(self, chain: GraphChain) -> bool:
        """Whether a chain may cost less than the last of the finalists, by the bound on what any order can gain."""
        least = least_possible(chain.dims, chain.stage_costs, chain.structures)
        return least is None or len(self.finalists) < FINALISTS or least <= self.finalists[-1].plan.cost

    def _is_dense(self, stages: Sequence[Stage]) -> bool:
        """Whether the chain is one of matrices at hand, for which there is a fast method."""
        return all(len(stage.computed) == 1 and not self.workshop.jacobian(stage).is_matrix_free for stage in stages)


def _smallest(line: Line, positions: Sequence[int], most: int) -> list[int]:
    """Return as many cuts as can be, first the smallest of them, of equal ones some evenly spread."""
    ranked = sorted(positions, key=lambda at: line.live[at])
    bound = line.live[ranked[most]]
    kept = [at for at in positions if line.live[at] < bound]
    equal = [at for at in positions if line.live[at] == bound]
    room = most - len(kept)
    return sorted([*kept, *(equal[len(equal) * at // room] for at in range(room))])
