"""From a graph to the cheapest chain found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.graphs.code_search import cut_code
from chainopt.graphs.cut_search import Candidate, CutSearch, Rank
from chainopt.graphs.cuts import candidates, smallest
from chainopt.graphs.graph_costs import costs_of_graph
from chainopt.graphs.liveness import lines_of
from chainopt.graphs.orders import LARGE
from chainopt.graphs.reader import read_graph
from chainopt.graphs.stage_cache import StageCache

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.graphs.computation_graph import ComputationGraph
    from chainopt.graphs.liveness import Line
    from chainopt.plan.graph_chain import GraphChain
    from chainopt.typing import Graph

LONGEST = 300  # stages of a chain that needs the interval program, which is cubic
FEW = 30  # variables up to which cuts are moved one by one
THOROUGH = 60  # variables up to which all chains are looked at as closely as otherwise the best few
LONGEST_STRUCTURED = 40  # stages of a chain that is looked at with its structures, each of whose intervals has a pattern


class Linearization(NamedTuple):
    """The best way to cut a graph, and what makes Jacobians of its stages."""

    best: Candidate
    stages: StageCache


def linearize(graph: Graph, *, inputs: Sequence[Hashable] | None = None, outputs: Sequence[Hashable] | None = None) -> GraphChain:
    """Cut a computation graph into a chain of stages, so that its Jacobian is cheap to accumulate.

    Parameters
    ----------
    graph : networkx.DiGraph or networkx.MultiDiGraph
        Nodes are variables. Their ``size`` is by default that of the Jacobians on their edges, else 1. An edge ``u -> v`` is
        the partial derivative of v with respect to u, with, as far as known, ``jacobian``, a matrix of shape (size of v, size
        of u), ``jvp_cost``, ``vjp_cost``, ``accumulation_cost``, ``tape`` and ``structure``, as in `Jacobian`. An edge without
        any has a dense matrix at hand; a SciPy sparse matrix gives its pattern, and an identity, declared or found, is free.
        Parallel edges add up.
    inputs, outputs : sequence of nodes, optional
        The columns and rows, in their order. By default the sources and the sinks, in node order. The Jacobian sums over all
        paths from an input to an output, through other inputs too.

    Returns
    -------
    GraphChain
        A `JacobianChain` whose ``stages[i]`` names the nodes that stage i computes. Its ``notes`` say what was ignored. The
        Jacobian is the product of its factors plus the identities of its ``skips``: ``chain.add_skips(product)``.

    Raises
    ------
    ChainError
        If the graph has a cycle, sizes or shapes do not fit, or there are no inputs or outputs.

    Notes
    -----
    Every position of a topological order is a cut, and its state is what is live there: computed and still needed. Several
    orders, and several sets of cuts for each, are tried. The chain whose best bracketing is the cheapest is returned; of equal
    ones that with the narrowest cut, then that with the most cuts through a single variable, and then the shortest. Inside a
    stage the Jacobian may be accumulated by vertex elimination. Chains that the bound on any order's gain rules out are not
    ordered.

    An identity from an input straight to an output, as in ``x + g(x)``, would be live at every cut, so that none would be
    narrow. It is one of the chain's ``skips`` instead of part of a stage. Elsewhere identities belong to their stage and cost
    nothing.

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
    read = read_graph(graph, inputs, outputs)
    if read.operations is not None:
        return cut_code(read).chain
    chain = cut_edges(read).best.chain
    return chain.with_costs(costs_of_graph(read, len(chain)))


def cut_edges(graph: ComputationGraph) -> Linearization:
    """Find the cheapest chain of a graph whose edges stand for themselves: inside stages variables are eliminated."""
    stages = StageCache(graph)
    stages.is_thorough = len(graph.flow) <= THOROUGH
    search = CutSearch(graph, stages.jacobian, _rank)
    lines = lines_of(graph)
    if len(graph.flow) > LARGE:
        search.consider(lines[0], _limited(lines[0], max(candidates(lines[0]), key=len), stages))
    else:
        for line in lines:
            for cuts in candidates(line):
                search.consider(line, _limited(line, cuts, stages))
        if len(graph.flow) <= FEW:
            search.move_cuts()
    return Linearization(_refined(search, stages), stages)


def _rank(candidate: Candidate) -> Rank:
    chain = candidate.chain
    through_one = sum(len(stage.inputs) == 1 for stage in candidate.stages[:-1])
    return candidate.plan.cost, min(chain.dims), -through_one, len(chain)


def _limited(line: Line, cuts: Sequence[int], stages: StageCache) -> Sequence[int]:
    """Return as many cuts as the chain's method can handle; for matrices at hand there is a fast method."""
    if len(cuts) < LONGEST:
        return cuts
    parts = line.stages(cuts)
    is_dense = all(len(stage.computed) == 1 and not stages.jacobian(stage).is_matrix_free for stage in parts)
    return cuts if is_dense else smallest(line, cuts, LONGEST - 1)


def _refined(search: CutSearch, stages: StageCache) -> Candidate:
    """Return the best of the finalists, with their stages refined and given their structures."""
    best = search.finalists[0]
    stages.is_thorough = True
    for finalist in search.finalists:
        parts = finalist.stages
        plain = [stages.jacobian(stage) for stage in parts]
        variants = [] if plain == finalist.jacobians or len(parts) > LONGEST else [plain]
        if len(parts) <= LONGEST_STRUCTURED and (structured := [stages.structured(stage) for stage in parts]) != plain:
            variants.append(structured)
        for jacobians in variants:
            candidate = search.ordered(jacobians, parts, finalist.line, finalist.cuts)
            if candidate is not None and _rank(candidate) < _rank(best):
                best = candidate
    return best
