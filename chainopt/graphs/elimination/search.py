"""The best order of elimination that a method finds, and what is proved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.errors import ChainError
from chainopt.graphs.elimination.annealing import annealed, can_anneal
from chainopt.graphs.elimination.budget import Budget
from chainopt.graphs.elimination.component_graph import MOST_VERTICES as MOST_SEARCHED
from chainopt.graphs.elimination.component_graph import is_too_large
from chainopt.graphs.elimination.greedy import CLASSIC
from chainopt.graphs.elimination.orders import cheapest_order
from chainopt.graphs.elimination.proof import proved
from chainopt.graphs.elimination.replay import cost_of
from chainopt.graphs.elimination.subsets import FEW, by_subsets
from chainopt.numbers import shown

if TYPE_CHECKING:
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.typing import Cost

METHODS = ("auto", "exact", "annealing", *CLASSIC)
# How much a proof may look at, sets times the square of the vertices: before orders are improved, and at last.
QUICK, LONG = 2_000_000, 100_000_000
MOST_PROVED = 40  # vertices of which a proof is to be hoped for
MOST_GREEDY = 20_000  # for which both greedy orders are tried
MOST_VERTICES = 2_000  # for which all classic orders are replayed where nobody asked for them
SECONDS, LEAST_SECONDS = 1e-10, 1.0  # that are worth a multiplication, and that annealing takes at least: it is compiled
SHARE, LONG_SHARE, LONGEST_SHARE = 0.4, 0.75, 0.9  # of the time for improving orders, where a proof is tried afterwards
QUICK_SHARE = 0.25  # for the proof before
MOST_BOUNDED = 100  # vertices, beyond which the bound hardly rises any more


class Found(NamedTuple):
    """An order, what it costs, what any order costs at least, and which algorithm found it; a higher bound may have been read."""

    order: list[int]
    cost: Cost
    lower_bound: Cost
    method: str
    claimed_bound: Cost = 0


def search(problem: EliminationProblem, method: str, seed: int, budget: Budget) -> Found:
    """Find an order of elimination.

    Parameters
    ----------
    problem : EliminationProblem
    method : str
        One of `METHODS`.
    seed : int
        The seed of the random numbers.
    budget : Budget
        How long it may take.

    Raises
    ------
    ChainError
        If there is no such method, or the seed is not valid.
    """
    if method not in METHODS:
        msg = f"method is {shown(method)}: give one of {', '.join(map(repr, METHODS))}"
        raise ChainError(msg)
    if type(seed) is not int or seed < 0:
        msg = f"seed is {shown(seed)}: give an int that is not negative"
        raise ChainError(msg)
    if method in CLASSIC:
        order = CLASSIC[method](problem, Budget(None))
        return _checked(problem, order, _cost(problem, order), 0, method)
    best = _classic(problem, budget)
    if problem.kinds is None:
        return best if budget.is_over() else _structured(problem, best, budget)
    if method != "annealing":
        best = _proved(problem, best, budget.part(QUICK_SHARE), QUICK, is_last=False)
    if best.cost > best.lower_bound and method != "exact" and can_anneal(problem) and not budget.is_over():
        is_long = method == "annealing" or problem.count > MOST_PROVED  # of fewer a proof is worth the time
        share = LONGEST_SHARE if problem.count > MOST_BOUNDED else LONG_SHARE if is_long else SHARE
        part = budget.part(1.0 if method == "annealing" else share)
        order = annealed(problem, best.order, seed, part, int(best.lower_bound), is_long=is_long)
        cost = _cost(problem, order)
        if cost < best.cost:
            best = _checked(problem, order, cost, best.lower_bound, "annealing")
    if best.cost > best.lower_bound and method != "annealing":
        best = _proved(problem, best, budget, None if method == "exact" else LONG)
    return best


def cheaper_order(problem: EliminationProblem, cost: Cost) -> Found | None:
    """Return an order that costs less than the known one, found in a tenth of the time that it takes; None if there is none.

    Parameters
    ----------
    problem : EliminationProblem
    cost : int or float
        In multiplications, a thousand million of which take about a second.
    """
    if problem.count > MOST_VERTICES or problem.kinds is None:
        return None
    best = _classic(problem, Budget(None))
    seconds = min(cost, best.cost) * SECONDS
    if seconds >= LEAST_SECONDS and can_anneal(problem):
        order = annealed(problem, best.order, 0, Budget(seconds), 0)
        best = Found(order, _cost(problem, order), 0, "annealing")
    return best if best.cost < cost else None


def why_unproved(problem: EliminationProblem, method: str) -> str:
    """Say why it is not known whether an order is the cheapest."""
    if problem.is_matrix_free:
        return "edges have JVPs and VJPs: what a product costs depends on which matrices there are"
    if problem.kinds is None:
        return f"edges have structures that are not diagonal: such orders are proved up to {FEW} vertices"
    if is_too_large(problem):
        return "costs may be beyond 2**56, up to which orders are proved"
    if problem.count > MOST_SEARCHED:
        return f"there are more vertices than {MOST_SEARCHED}: only parts of so many are searched"
    if method in CLASSIC or method == "annealing":
        return f'the method that answered, {method}, proves nothing by itself; method="exact" goes on'
    return 'the search was ended; method="exact" goes on without a limit'


def _classic(problem: EliminationProblem, budget: Budget) -> Found:
    """Return the cheapest of the classic orders, as far as there is time."""
    best: Found | None = None
    for name, order_of in CLASSIC.items():
        if best is not None and budget.is_over():
            break
        if name == "relative-markowitz" and problem.count > MOST_GREEDY:
            break
        order = order_of(problem, budget)
        cost = cost_of(problem, order, None if best is None else best.cost)
        if cost is not None:
            best = Found(order, cost, 0, name)
    assert best is not None
    return best


def _structured(problem: EliminationProblem, best: Found, budget: Budget) -> Found:
    """Improve an order of a graph whose edges have other structures, or are matrix-free."""
    if problem.count <= FEW and not problem.is_matrix_free:
        order = by_subsets(problem)
        cost = _cost(problem, order)
        return Found(order, cost, cost, "exact")
    refined = cheapest_order(problem.stage, problem.edges, problem.sizes, problem.model, budget=budget)
    order = [vertex for vertex in refined.order if vertex < problem.count]
    cost = _cost(problem, order)
    return best if best.cost <= cost else Found(order, cost, 0, "markowitz")


def _proved(problem: EliminationProblem, best: Found, budget: Budget, most_work: int | None, *, is_last: bool = True) -> Found:
    order, proof = proved(problem, best.order, budget, most_work, is_last=is_last)
    cost, bound = _cost(problem, order), max(proof, best.lower_bound)
    return Found(list(order), cost, bound, "exact" if cost == bound else best.method)


def _checked(problem: EliminationProblem, order: list[int], cost: Cost, bound: Cost, method: str) -> Found:
    return Found(order, cost, cost if problem.count == 0 else bound, method)


def _cost(problem: EliminationProblem, order: list[int]) -> Cost:
    cost = cost_of(problem, order)
    assert cost is not None
    return cost
