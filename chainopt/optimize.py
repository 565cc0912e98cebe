"""The door: a chain in, a plan out; which solver answers is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.chain import JacobianChain
from chainopt.comparison import Comparison
from chainopt.costs.stages import stage_choices
from chainopt.exceptions import ChainError, InfeasibleError
from chainopt.frontier import TapeFrontier
from chainopt.numerals import shown
from chainopt.operations import Mode
from chainopt.plan import Plan
from chainopt.plan_batch import PlanBatch
from chainopt.reading import read_factors, read_many_dims
from chainopt.solvers import batch, homogeneous, interval, polygon, stage_batch, textbook

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.costs.stages import StageChoices
    from chainopt.details import StageCosts
    from chainopt.jacobian import Jacobian
    from chainopt.solvers.solution import Solution

    Sweep = Callable[[JacobianChain, StageChoices | None], Solution | None]
    Problem = JacobianChain | Sequence[tuple[int, int]] | Sequence[Jacobian] | Sequence[Any]

OBJECTIVES = ("multiplications",)
SOLVERS: dict[str, Callable[[JacobianChain, StageChoices | None], Solution]] = {
    "formula": homogeneous.cheaper,
    "polygon": polygon.solve,
    "interval": interval.solve,
    "textbook": textbook.solve,
}
METHODS = ("auto", "polygon", "interval", "textbook")


def optimal_order(
    chain: Problem, *, objective: str = "multiplications", method: str = "auto", tape_limit: float | None = None
) -> Plan:
    """Find the cheapest bracketing of a chain of Jacobians.

    Parameters
    ----------
    chain : JacobianChain, or sequence of (rows, columns) pairs, of Jacobians or of matrices
        In product order: the last stage first.
    objective : {"multiplications"}
        What is minimized: the number of fused multiply-adds.
    method : {"auto", "polygon", "interval", "textbook"}
        All are exact. "polygon" is Hu and Shing's O(n log n) algorithm [1]_ [2]_, for chains without stacks or with equal ones;
        "interval" the O(n^3) dynamic program [3]_; "textbook" the same in plain Python. "auto" takes the polygon where it can,
        and for up to three factors a formula. Chains with matrix-free stages are for the interval program.
    tape_limit : float, optional
        The memory that the reverse sweep of a stage may need: no stage with a larger tape is pulled back or
        accumulated by VJPs.

    Returns
    -------
    Plan
        Its cost is exact, whatever the magnitude. Among plans of equal cost forward wins, then reverse, then hybrid.

    Raises
    ------
    ChainError
        If the chain is empty, does not fit together or is no chain, or an option is unknown.
    InfeasibleError
        If no plan meets the limit; the message names the least that would do.

    References
    ----------
    .. [1] T. C. Hu and M. T. Shing, "Computation of matrix chain products, part II", SIAM J. Comput. 13 (1984).
    .. [2] O. Schwartz and E. Weiss, "Revisiting 'Computation of matrix chain products'", SIAM J. Comput. 48 (2019).
    .. [3] S. Godbole, "On efficient computation of matrix chain products", IEEE Trans. Comput. C-22 (1973).

    Examples
    --------
    >>> import chainopt
    >>> plan = chainopt.optimal_order([(1000, 10), (10, 500), (500, 3)])
    >>> plan.bracketing, plan.cost
    ('(J3 (J2 J1))', 45000)
    """
    chain = as_chain(chain)
    try:
        known = objective in OBJECTIVES and method in METHODS
    except ValueError:  # an array, which compares element by element
        known = False
    if not known:
        raise _unknown(objective, method)
    if tape_limit is not None:
        _check_limit("tape_limit", tape_limit)
    method = _solver_for(chain, method)
    choices = None if chain.details is None else _choices(chain, tape_limit)
    association, cost, mode = SOLVERS[method](chain, choices)
    return Plan(chain, association, cost, mode, objective, method, True)


def forward_order(chain: Problem, *, objective: str = "multiplications", tape_limit: float | None = None) -> Plan:
    """Plan the product in forward mode, right to left: ``J3 (J2 J1)``.

    Matrix-free stages are accumulated, the rightmost, by JVPs, and pushed through, the others. Parameters and errors are
    those of `optimal_order`, and an `InfeasibleError` where a matrix-free stage has no JVP.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.forward_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    80000000
    """
    return _homogeneous_plan(as_chain(chain), objective, tape_limit, homogeneous.forward)


def reverse_order(chain: Problem, *, objective: str = "multiplications", tape_limit: float | None = None) -> Plan:
    """Plan the product in reverse mode, left to right: ``(J3 J2) J1``.

    Matrix-free stages are accumulated, the leftmost, by VJPs, and pulled back through, the others. Parameters and errors
    are those of `optimal_order`, and an `InfeasibleError` where a matrix-free stage has no VJP, or its tape is too large.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.reverse_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    900000
    """
    return _homogeneous_plan(as_chain(chain), objective, tape_limit, homogeneous.reverse)


def compare(
    chain: Problem, *, objective: str = "multiplications", method: str = "auto", tape_limit: float | None = None
) -> Comparison:
    """Hold forward and reverse mode against the cheapest bracketing.

    Parameters and errors are those of `optimal_order`.

    Examples
    --------
    >>> import chainopt
    >>> comparison = chainopt.compare([(1000, 3), (3, 500), (500, 2), (2, 800)])
    >>> print(comparison)
    order                  cost  times optimal  peak memory  bracketing
    forward           4,400,000           2.73      802,400  (J4 (J3 (J2 J1)))
    reverse           4,100,000           2.55      802,000  (((J4 J3) J2) J1)
    optimal (hybrid)  1,609,000              1      802,000  ((J4 (J3 J2)) J1)
    (cost in fused multiply-adds; peak memory in matrix entries)
    """
    chain = as_chain(chain)
    optimal = optimal_order(chain, objective=objective, method=method, tape_limit=tape_limit)

    def pure(sweep: Sweep) -> Plan | None:
        try:
            return _homogeneous_plan(chain, objective, tape_limit, sweep)
        except InfeasibleError:
            return None

    return Comparison(pure(homogeneous.forward), pure(homogeneous.reverse), optimal)


def tape_frontier(chain: Problem, *, objective: str = "multiplications") -> TapeFrontier:
    """Find how much time how much tape buys: all corners of the trade-off between the two.

    Parameters
    ----------
    chain, objective
        As for `optimal_order`.

    Returns
    -------
    TapeFrontier
        The corners (tape, cost), the least tape first, and their plans.

    Raises
    ------
    ChainError
        As `optimal_order` does.

    Notes
    -----
    A limit between two tapes of the chain does what the lower one does, and the least cost never rises with the limit. So
    the tapes are halved: where both ends of a range cost the same, nothing is between them.

    Examples
    --------
    >>> import chainopt
    >>> late = chainopt.Jacobian((2, 50), jvp_cost=90, vjp_cost=90, tape=7)
    >>> early = chainopt.Jacobian((50, 60), jvp_cost=100, vjp_cost=100, tape=9)
    >>> list(chainopt.tape_frontier([late, early]))
    [Corner(tape=0, cost=11400), Corner(tape=9, cost=380)]
    """
    chain = as_chain(chain)
    costs = chain.stage_costs
    tapes = sorted({0, *(() if costs is None else costs.tape)})
    plans: dict[int, Plan | None] = {}

    def solve(at: int) -> Plan | None:
        if at not in plans:
            try:
                plans[at] = optimal_order(chain, objective=objective, tape_limit=tapes[at])
            except InfeasibleError:
                plans[at] = None
        return plans[at]

    ranges = [(0, len(tapes) - 1)]
    while ranges:
        low, high = ranges.pop()
        cheap, dear = solve(high), solve(low)
        if high - low > 1 and (dear is None or cheap is None or dear.cost != cheap.cost):
            middle = (low + high) // 2
            ranges += [(low, middle), (middle, high)]
    corners: dict[Any, Plan] = {}
    for at in sorted(plans):
        plan = plans[at]
        if plan is not None:
            corners.setdefault(plan.cost, plan)
    return TapeFrontier(tuple(corners.values()))


def optimal_orders(
    dims: Any, *, objective: str = "multiplications", method: str = "auto", tape_limit: float | None = None
) -> PlanBatch:
    """Find the cheapest bracketings of many chains of the same length at once.

    Parameters
    ----------
    dims : array of int, shape (N, n + 1), or sequence of JacobianChain
        A chain of n factors a row: the n + 1 sizes between them, outputs first; or N chains of n stages of any kind.
    objective, method, tape_limit
        As for `optimal_order`.

    Returns
    -------
    PlanBatch
        ``costs`` and ``modes`` are arrays of shape (N,), and ``batch[i]`` is the `Plan` of row i.

    Raises
    ------
    ChainError
        If ``dims`` is no such array, or an option is unknown.

    Examples
    --------
    >>> import chainopt
    >>> batch = chainopt.optimal_orders([[10, 2000, 30, 1000], [1000, 10, 500, 3]])
    >>> batch.costs.tolist(), batch.modes.astype(str).tolist()
    ([900000, 45000], ['reverse', 'forward'])
    """
    try:
        known = objective in OBJECTIVES and method in METHODS
    except ValueError:  # an array, which compares element by element
        known = False
    if not known:
        raise _unknown(objective, method)
    if tape_limit is not None:
        _check_limit("tape_limit", tape_limit)
    if isinstance(dims, Sequence) and dims and any(isinstance(chain, JacobianChain) for chain in dims):
        return _orders_of_chains(dims, objective, method, tape_limit)
    sizes = read_many_dims(dims)
    factors = sizes.shape[1] - 1
    answered = "polygon" if method == "auto" else method
    if factors < 3 or (factors == 3 and method == "auto"):
        answered = "formula"
    solutions = batch.solve(sizes, SOLVERS[answered], by_kernel=factors > 2 and method in {"auto", "polygon"})
    return PlanBatch(sizes, solutions, objective, answered)


def _orders_of_chains(chains: Sequence[Any], objective: str, method: str, tape_limit: float | None) -> PlanBatch:
    for at, chain in enumerate(chains):
        if not isinstance(chain, JacobianChain) or len(chain) != len(chains[0]):
            what = f"a chain of {len(chain)}" if isinstance(chain, JacobianChain) else repr(chain)
            msg = f"dims[{at}] is {what}: give chains of the same number of factors, here {len(chains[0])}"
            raise ChainError(msg)
    if any(chain.batches is not None for chain in chains) or method in {"polygon", "textbook"}:
        msg = 'dims holds chains: those of stacks are ordered one by one, and the others by method "interval" or "auto"'
        raise ChainError(msg)
    for chain in chains:
        _refuse_seconds(chain.stage_costs)
    return PlanBatch(tuple(chains), stage_batch.solve(chains, tape_limit), objective, "interval")


def as_chain(chain: Problem) -> JacobianChain:
    """Take a chain in every accepted form."""
    return chain if isinstance(chain, JacobianChain) else JacobianChain.from_reading(read_factors(chain, "chain"))


def _unknown(objective: object, method: object = "auto") -> ChainError:
    known_objective = isinstance(objective, str) and objective in OBJECTIVES
    name, value, known = ("method", method, METHODS) if known_objective else ("objective", objective, OBJECTIVES)
    return ChainError(f"{name} is {shown(value)}: known are {', '.join(map(repr, known))}")


def _check_limit(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not value >= 0:
        msg = f"{name} is {value!r}: give a number that is not negative, or None"
        raise ChainError(msg)


def _choices(chain: JacobianChain, tape_limit: float | None) -> StageChoices | None:
    costs = chain.stage_costs
    if costs is None:
        return None
    _refuse_seconds(costs)
    return stage_choices(chain, tape_limit)


def _refuse_seconds(costs: StageCosts | None) -> None:
    if costs is not None and costs.are_seconds:
        msg = 'the chain has costs in seconds (floats), which objective "multiplications" cannot add to counts: give ints'
        raise ChainError(msg)


def _solver_for(chain: JacobianChain, method: str) -> str:
    """Choose: only the interval program knows matrix-free stages and unequal stacks, else the polygon is the fastest."""
    factors = chain.sizes.size - 1
    if chain.details is None and method == "auto":
        return "polygon" if factors > 3 else "formula"
    matrix_free = chain.stage_costs is not None
    if not matrix_free and (factors < 3 or (factors == 3 and method == "auto")):
        return "formula"
    equal_stacks = chain.batches is None or len({*chain.batches}) == 1
    if method == "auto":
        return "polygon" if equal_stacks and not matrix_free else "interval"
    if method == "polygon" and (matrix_free or not equal_stacks):
        needs = "matrices at hand" if matrix_free else "stacks of equal shape"
        msg = f'method is "polygon", which needs {needs}: take "interval" or "auto"'
        raise ChainError(msg)
    return method


def _homogeneous_plan(
    chain: JacobianChain,
    objective: Any,
    tape_limit: float | None,
    sweep: Sweep,
) -> Plan:
    if not (isinstance(objective, str) and objective in OBJECTIVES):
        raise _unknown(objective)
    if tape_limit is not None:
        _check_limit("tape_limit", tape_limit)
    solution = sweep(chain, _choices(chain, tape_limit))
    if solution is None:
        needs = "JVP" if sweep is homogeneous.forward else "VJP, or its tape is above tape_limit"
        msg = f"{sweep.__name__} mode is impossible: a matrix-free stage has no {needs}"
        raise InfeasibleError(msg)
    association, cost, mode = solution
    return Plan(chain, association, cost, mode, objective, sweep.__name__, mode is Mode.ANY)
