"""Chains of traced code: nearly the cheapest, with few stages, each of which is differentiated as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.graphs.cut_search import Candidate, CutSearch, Rank
from chainopt.graphs.cuts import candidates_of_code, narrowest
from chainopt.graphs.liveness import line_of, lines_of
from chainopt.graphs.orders import Steps
from chainopt.graphs.whole_stages import WholeStages

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.graphs.computation_graph import ComputationGraph

WORTH_A_CUT = 9, 10  # so much of the cost may be left with it at most: each stage is work for the compiler, too


def cut_code(graph: ComputationGraph, *, at_narrowest: bool = False) -> Candidate:
    """Find a chain of traced code.

    Parameters
    ----------
    graph : ComputationGraph
        With operations. Where the user has named stages, it is cut between these and nowhere else.
    at_narrowest : bool
        Whether to cut where least is live, whatever that costs.
    """
    assert graph.operations is not None

    def rank(candidate: Candidate) -> Rank:
        width = min(candidate.chain.dims) if at_narrowest else 0
        return width, candidate.plan.cost, len(candidate.chain)

    search = CutSearch(graph, WholeStages(graph).jacobian, rank)
    stages = [operation.stage for operation in graph.operations.listed]
    if stages[-1] > 0:
        line = line_of(graph, Steps(graph).in_program())
        stage_of = [stages[graph.operations.of[node]] for node in line.order]
        return search.cut(line, [position for position in line.positions if stage_of[position] != stage_of[position - 1]])
    for line in lines_of(graph):
        needed = narrowest(line) if at_narrowest else None
        for cuts in candidates_of_code(line):
            search.consider(line, cuts if needed is None else sorted({*cuts, needed}))
    cheapest = search.finalists[0].plan.cost

    def is_cheap(candidate: Candidate) -> bool:
        return candidate.plan.cost * WORTH_A_CUT[0] <= cheapest * WORTH_A_CUT[1]

    whole = search.cut(search.finalists[0].line, [])
    if is_cheap(whole) and not at_narrowest:
        return whole
    merged = [_merged(search, finalist, is_cheap, at_narrowest=at_narrowest) for finalist in search.finalists]
    best = min(merged, key=lambda chosen: (rank(chosen)[0], not is_cheap(chosen), len(chosen.chain), chosen.plan.cost))
    return _moved(search, best, rank)


def _merged(search: CutSearch, candidate: Candidate, is_cheap: Callable[[Candidate], bool], *, at_narrowest: bool) -> Candidate:
    """Drop cuts, the widest first, as long as the plan stays cheap; if asked, never the narrowest."""
    live = candidate.line.live
    widest_first = sorted(candidate.cuts, key=lambda cut: (-live[cut], cut))
    for cut in widest_first[:-1] if at_narrowest else widest_first:
        fewer = search.cut(candidate.line, [other for other in candidate.cuts if other != cut])
        if is_cheap(fewer):
            candidate = fewer
    return candidate


def _moved(search: CutSearch, candidate: Candidate, rank: Callable[[Candidate], Rank]) -> Candidate:
    """Move cuts by one step, as long as that helps: to before an entrywise function, or after it."""
    positions = candidate.line.positions
    before = None
    while before is not candidate:
        before = candidate
        for cut in before.cuts:
            index = positions.index(cut)
            for other in (*positions[index - 1 : index], *positions[index + 1 : index + 2]):
                if other not in candidate.cuts and cut in candidate.cuts:
                    moved = search.cut(candidate.line, sorted({*candidate.cuts, other} - {cut}))
                    candidate = min(candidate, moved, key=rank)
    return candidate
