"""The door: a chain in, a plan out; which solver answers is decided here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from chainopt.bracketing.operations import Mode
from chainopt.chain.chain import JacobianChain
from chainopt.chain.parsing import read_factors
from chainopt.costs.multiplications import MULTIPLICATIONS, Multiplications
from chainopt.costs.stage_choices import stage_choices
from chainopt.errors import ChainError, InfeasibleError
from chainopt.plan.comparison import Comparison
from chainopt.plan.plan import Plan
from chainopt.solvers import base, interval, lookup, memory_limited, polygon, pure_modes, textbook
from chainopt.solvers.objectives import model_of
from chainopt.solvers.registry import SCHEDULING, check_limit, check_method, check_workers, priced_solver, solver_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.chain.jacobian import Jacobian
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices
    from chainopt.solvers.base import Candidate
    from chainopt.solvers.objectives import Objective

    Sweep = Callable[[JacobianChain, StageChoices, CostModel], Candidate | None]
    Problem = JacobianChain | Sequence[tuple[int, int]] | Sequence[Jacobian] | Sequence[Any]

SOLVERS: dict[str, Callable[[JacobianChain, StageChoices], Candidate]] = {
    "formula": lambda chain, _: pure_modes.cheaper(chain),
    "polygon": lambda chain, _: polygon.solve(chain),
    "interval": interval.solve,
    "textbook": lambda chain, choices: textbook.solve(chain, choices, MULTIPLICATIONS),
}
PRICED_SOLVERS: dict[str, Callable[[JacobianChain, StageChoices, CostModel], Candidate]] = {
    "interval": lookup.solve,
    "textbook": textbook.solve,
}


def optimal_order(
    chain: Problem,
    *,
    objective: Objective = "multiplications",
    method: str = "auto",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
    time_limit: float | None = None,
    progress: bool = False,
) -> Plan:
    """Find the cheapest bracketing of a chain of Jacobians, or for several workers the one that is done first.

    Parameters
    ----------
    chain : JacobianChain, or sequence of (rows, columns) pairs, of Jacobians or of matrices
        In product order: the last stage first.
    objective : {"multiplications", "time"}, or callable
        What is minimized: the exact number of fused multiply-adds; the time in seconds, by the rates that `calibrate` measured
        on this machine, or default ones; or what a function ``cost(m, k, n)`` gives for a product of m x k and k x n
        matrices, in ints, which are added exactly, or floats. If Numba compiled the function, it runs compiled.
    method : {"auto", "polygon", "interval", "textbook", "heuristic", "exact", "cp-sat"}
        For one worker all are exact, and the last three are "auto". "polygon" is Hu and Shing's O(n log n) algorithm [1]_ [2]_,
        for chains without stacks or with equal ones; "interval" the O(n^3) dynamic program [3]_; "textbook" the same in plain
        Python. "auto" takes the polygon where it can, and for up to three factors a formula. Chains with matrix-free stages are
        for the interval program. For several workers: "heuristic" finds good plans for chains of any length; "exact" goes on from
        there until it has proved which plan is the best, by a search of its own and, where that takes long, by Google's OR-Tools,
        if it is installed (the extra ``schedule``); "auto" searches for a proof of up to 32 factors, for about a second;
        "cp-sat" leaves the proof to OR-Tools.
    tape_limit : float, optional
        The memory that the reverse sweep of a stage may need: no stage with a larger tape is pulled back or
        accumulated by VJPs.
    memory_limit : float, optional
        The number of matrix entries that may be alive at once, `Plan.peak_memory`. Of chains with up to 20 gaps and
        matrix-free stages together, all orders of execution are searched. Of longer ones the plan keeps the limit, but
        may have ``is_optimal=False``; its `Plan.lower_bound` says how far it can be from the best.
    workers : int, or math.inf
        How many workers share the operations, each of which one of them does without a break. What is minimized is then the time
        at which the last operation ends, `Plan.makespan`; the operations of the plan have a worker and a start. With `math.inf`,
        as many as one likes, the interval program is exact.
    time_limit : float, optional
        The seconds after which a search for several workers ends with the best plan so far. So does one that is interrupted, by
        Ctrl-C.
    progress : bool
        Whether such a search shows how far it is, on standard error.

    Returns
    -------
    Plan
        Its cost is exact, whatever the magnitude. Among plans of equal cost, or for several workers of equal makespan, forward
        wins, then reverse, then hybrid.

    Raises
    ------
    ChainError
        If the chain is empty, does not fit together or is no chain, or an option is unknown.
    InfeasibleError
        If no plan meets the limits; the message names the least that would do.

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
    >>> chain = chainopt.JacobianChain.from_dims([30, 40, 10, 40, 30])
    >>> chainopt.optimal_order(chain).makespan, chainopt.optimal_order(chain, workers=2).makespan
    (33000, 21000)
    """
    chain = as_chain(chain)
    check_method(method)
    if type(workers) is not int or workers != 1 or time_limit is not None:
        workers = check_workers(workers, time_limit, memory_limit)
        if workers != 1:
            return _scheduled(chain, objective, method, tape_limit, workers, time_limit, progress=progress)
    if method in SCHEDULING:
        method = "auto"
    if tape_limit is not None:
        check_limit("tape_limit", tape_limit)
    model = model_of(objective)
    if memory_limit is not None:
        check_limit("memory_limit", memory_limit)
        return _limited(chain, model, method, tape_limit, memory_limit)
    if chain.details is None and isinstance(model, Multiplications) and method == "auto":
        method = solver_for(chain, method)
        association, cost, mode = pure_modes.cheaper(chain) if method == "formula" else polygon.solve(chain)
        return Plan(chain, association, cost, mode, model.name, method, True)
    choices = stage_choices(chain, tape_limit, model)
    if isinstance(model, Multiplications) and chain.structures is None:
        method = solver_for(chain, method)
        association, cost, mode = SOLVERS[method](chain, choices)
    else:
        method = priced_solver(method)
        association, cost, mode = PRICED_SOLVERS[method](chain, choices, model)
    return Plan(chain, association, cost, mode, model.name, method, True, model)


def _scheduled(
    chain: JacobianChain,
    objective: Objective,
    method: str,
    tape_limit: float | None,
    workers: float,
    time_limit: float | None,
    *,
    progress: bool,
) -> Plan:
    if method not in SCHEDULING and not (method == "auto" or (method == "interval" and math.isinf(workers))):
        known = ", ".join(map(repr, ("auto", *SCHEDULING)))
        msg = f"method is {method!r}, which plans for one worker, and workers is {workers}: known for several are {known}"
        raise ChainError(msg)
    if tape_limit is not None:
        check_limit("tape_limit", tape_limit)
    from chainopt.schedules.methods import scheduling_method

    model = model_of(objective)
    problem = base.Problem(chain, model, tape_limit, None, workers, time_limit, progress)
    association, cost, mode, is_optimal, bound, answered, schedule = scheduling_method(method, workers).solve(problem)
    known_bound = None if is_optimal else bound
    return Plan(chain, association, cost, mode, model.name, answered, is_optimal, model, known_bound, schedule)


def _limited(chain: JacobianChain, model: CostModel, method: str, tape_limit: float | None, memory_limit: float) -> Plan:
    free = optimal_order(chain, objective=model, method=method, tape_limit=tape_limit)
    unlimited = free.association, free.cost, free.mode
    solution, bound, is_optimal, answered = memory_limited.solve(
        chain, stage_choices(chain, tape_limit, model), model, memory_limit, unlimited
    )
    known_bound = None if is_optimal else bound
    return Plan(chain, *solution, free.objective, answered or free.method, is_optimal, model, known_bound)


def forward_order(
    chain: Problem,
    *,
    objective: Objective = "multiplications",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
) -> Plan:
    """Plan the product in forward mode, right to left: ``J3 (J2 J1)``.

    Matrix-free stages are accumulated, the rightmost, by JVPs, and pushed through, the others. Parameters and errors are
    those of `optimal_order`, and an `InfeasibleError` where a matrix-free stage has no JVP. Several workers share what there is
    to share, the accumulations.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.forward_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    80000000
    """
    return _homogeneous_plan(as_chain(chain), model_of(objective), tape_limit, memory_limit, pure_modes.forward, workers)


def reverse_order(
    chain: Problem,
    *,
    objective: Objective = "multiplications",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
) -> Plan:
    """Plan the product in reverse mode, left to right: ``(J3 J2) J1``.

    Matrix-free stages are accumulated, the leftmost, by VJPs, and pulled back through, the others. Parameters and errors
    are those of `optimal_order`, and an `InfeasibleError` where a matrix-free stage has no VJP, or its tape is too large.
    Several workers share what there is to share, the accumulations.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.reverse_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    900000
    """
    return _homogeneous_plan(as_chain(chain), model_of(objective), tape_limit, memory_limit, pure_modes.reverse, workers)


def compare(
    chain: Problem,
    *,
    objective: Objective = "multiplications",
    method: str = "auto",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
    time_limit: float | None = None,
) -> Comparison:
    """Hold forward and reverse mode against the cheapest bracketing.

    Parameters and errors are those of `optimal_order`. With several workers it is the makespans that are compared, and the
    sweeps share them too.

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
    model = model_of(objective)
    optimal = optimal_order(
        chain,
        objective=model,
        method=method,
        tape_limit=tape_limit,
        memory_limit=memory_limit,
        workers=workers,
        time_limit=time_limit,
    )

    def pure(sweep: Sweep) -> Plan | None:
        try:
            return _homogeneous_plan(chain, model, tape_limit, memory_limit, sweep, workers)
        except InfeasibleError:
            return None

    return Comparison(pure(pure_modes.forward), pure(pure_modes.reverse), optimal)


def as_chain(chain: Problem) -> JacobianChain:
    """Take a chain in every accepted form."""
    return chain if isinstance(chain, JacobianChain) else JacobianChain.from_reading(read_factors(chain, "chain"))


def _homogeneous_plan(
    chain: JacobianChain,
    model: CostModel,
    tape_limit: float | None,
    memory_limit: float | None,
    sweep: Sweep,
    workers: float,
) -> Plan:
    workers = check_workers(workers, None, memory_limit)
    for name, limit in (("tape_limit", tape_limit), ("memory_limit", memory_limit)):
        if limit is not None:
            check_limit(name, limit)
    choices = stage_choices(chain, tape_limit, model)
    solution = sweep(chain, choices, model)
    if solution is None:
        is_forward = sweep is pure_modes.forward
        lacking = pure_modes.impassable(chain, choices.push if is_forward else choices.pull)
        assert lacking is not None
        needs = "JVP" if is_forward else "VJP, or its tape is above tape_limit"
        msg = f"{sweep.__name__} mode is impossible: {chain.label(lacking)} has no {needs}; optimal_order finds what is possible"
        raise InfeasibleError(msg)
    association, cost, mode = solution
    if workers != 1:
        from chainopt.schedules.search import scheduled

        problem = base.Problem(chain, model, tape_limit, None, workers)
        association, schedule = scheduled(problem, association)
        return Plan(chain, association, cost, mode, model.name, sweep.__name__, False, model, None, schedule)
    plan = Plan(chain, association, cost, mode, model.name, sweep.__name__, mode is Mode.ANY, model)
    if memory_limit is not None and plan.peak_memory > memory_limit:
        msg = f"memory_limit is {memory_limit}, but {sweep.__name__} mode needs {plan.peak_memory}: the least limit for it"
        raise InfeasibleError(msg)
    return plan
