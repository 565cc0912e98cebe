"""The doors for one chain: a chain in, the cheapest plan out, alone or beside the homogeneous ones."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from chainopt.errors import InfeasibleError
from chainopt.execution.compiling import is_in_compiled_function, untraced
from chainopt.numbers import counted
from chainopt.ordering.pure import pure_plan
from chainopt.plan.comparison import Comparison
from chainopt.plan.plan import Plan
from chainopt.solvers.options import asked, check_method
from chainopt.solvers.registry import select

if TYPE_CHECKING:
    from chainopt.solvers.objectives import Objective
    from chainopt.solvers.options import ChainLike
    from chainopt.typing import MethodName, PatternsName

LOGGER = logging.getLogger("chainopt")


def optimal_order(
    chain: ChainLike,
    *,
    objective: Objective = "multiplications",
    method: MethodName = "auto",
    patterns: PatternsName = "auto",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
    time_limit: float | None = None,
    progress: bool = False,
) -> Plan:
    """Find the cheapest bracketing of a chain of Jacobians, or for several workers the one that finishes first.

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
        Python. "auto" takes the polygon where it can, and for up to three factors a formula. Chains with matrix-free stages need
        the interval program. For several workers: "heuristic" finds good plans for chains of any length; "exact" goes on from
        there until it has proved a plan best, by a search of its own and, where that takes long, by Google's OR-Tools, if it is
        installed (the extra ``schedule``); "auto" searches for a proof of up to 32 factors, for about a second; "cp-sat" leaves
        the proof to OR-Tools.
    patterns : {"auto", "exact", "estimated"}
        How the nonzeros of products of sparse matrices are found. "exact": multiplications are counted from the patterns of the
        products, which are formed except where no cheap plan needs them. "estimated": they are estimated from sizes, numbers of
        nonzeros and the counts of some rows [4]_ [5]_, in time linear in the nonzeros of the factors; the plan has
        ``cost_is_exact=False`` and ``is_optimal=False``. "auto": exact where planning takes some milliseconds, or at most about a
        tenth of the time of the product, judged by sizes and numbers of nonzeros; else estimated. Chains of dense, diagonal and
        banded matrices are always exact, and so are plans for other objectives, for matrix-free stages, several workers or a
        limit on memory.
    tape_limit : float, optional
        The memory that the reverse sweep of a stage may need: no stage with a larger tape is pulled back or
        accumulated by VJPs.
    memory_limit : float, optional
        The number of matrix entries that may be alive at once, `Plan.peak_memory`. For chains with up to 20 gaps and
        matrix-free stages together, all orders of execution are searched. For longer ones the plan keeps the limit,
        but may have ``is_optimal=False``; its `Plan.lower_bound` says how far it can be from the best.
    workers : int, or math.inf
        How many workers share the operations; each operation is done by one worker without a break. With several, the time at
        which the last operation ends is minimized, `Plan.makespan`, and each operation of the plan has a worker and a start.
        With `math.inf`, an unlimited number, the interval program is exact.
    time_limit : float, optional
        The seconds after which a search for several workers ends with the best plan so far. Ctrl-C ends it likewise.
    progress : bool
        Whether such a search shows its progress on standard error.

    Returns
    -------
    Plan
        Its cost is exact, whatever the magnitude, unless it is estimated. Among plans of equal cost, or for several workers of
        equal makespan, forward wins, then reverse, then hybrid.

    Raises
    ------
    ChainError
        If the chain is empty, does not fit together or is not a chain, an option is unknown, or an estimate is asked for
        where none exists.
    InfeasibleError
        If no plan meets the limits; the message names the least that would do.

    Notes
    -----
    The logger "chainopt" reports, at the level INFO, how many factors were ordered, by which method, and in what time.

    References
    ----------
    .. [1] T. C. Hu and M. T. Shing, "Computation of matrix chain products, part II", SIAM J. Comput. 13 (1984).
    .. [2] O. Schwartz and E. Weiss, "Revisiting 'Computation of matrix chain products'", SIAM J. Comput. 48 (2019).
    .. [3] S. Godbole, "On efficient computation of matrix chain products", IEEE Trans. Comput. C-22 (1973).
    .. [4] E. Cohen, "Structure prediction and computation of sparse matrix products", J. Comb. Optim. 2 (1998).
    .. [5] J. Sommer, M. Boehm, A. V. Evfimievski, B. Reinwald, P. J. Haas, "MNC: structure-exploiting sparsity estimation for
       matrix expressions", SIGMOD 2019.

    Examples
    --------
    >>> import chainopt
    >>> plan = chainopt.optimal_order([(1000, 10), (10, 500), (500, 3)])
    >>> plan.bracketing, plan.cost
    ('(J3 (J2 J1))', 45000)
    >>> import numpy
    >>> arrow = chainopt.Sparse(numpy.eye(4) + numpy.eye(4)[0])
    >>> sparse = [chainopt.Jacobian((4, 4), structure=arrow)] * 3
    >>> counted, estimated = (chainopt.optimal_order(sparse, patterns=patterns) for patterns in ("exact", "estimated"))
    >>> counted.cost, counted.cost_is_exact, estimated.cost_is_exact
    (20, True, False)
    >>> chain = chainopt.JacobianChain.from_dims([30, 40, 10, 40, 30])
    >>> chainopt.optimal_order(chain).makespan, chainopt.optimal_order(chain, workers=2).makespan
    (33000, 21000)
    """
    if is_in_compiled_function():
        asked_for = {"objective": objective, "method": method, "patterns": patterns, "tape_limit": tape_limit}
        asked_for |= {"memory_limit": memory_limit, "workers": workers, "time_limit": time_limit, "progress": progress}
        plan: Plan = untraced(optimal_order)(chain, **asked_for)
        return plan
    begin = time.perf_counter()
    problem = asked(chain, objective, tape_limit, memory_limit, workers, time_limit, progress, patterns)
    check_method(method)
    plan = Plan(problem, select(problem, method).solve(problem))
    if LOGGER.isEnabledFor(logging.INFO):
        found = counted(len(plan.chain), "factor"), plan.method, time.perf_counter() - begin, plan.mode, plan.makespan
        LOGGER.info("ordered %s by %s in %.3g s: %s, %s", *found)
    return plan


def step_order(chain: ChainLike, *, objective: Objective = "multiplications") -> Plan:
    """Return the cheapest bracketing, counted, as a step of something larger, which does its own logging."""
    problem = asked(chain, objective, None, None, 1, None, False, "exact")
    return Plan(problem, select(problem, "auto").solve(problem))


def compare(
    chain: ChainLike,
    *,
    objective: Objective = "multiplications",
    method: MethodName = "auto",
    patterns: PatternsName = "auto",
    tape_limit: float | None = None,
    memory_limit: float | None = None,
    workers: float = 1,
    time_limit: float | None = None,
) -> Comparison:
    """Compare forward and reverse mode with the cheapest bracketing.

    Parameters and errors are those of `optimal_order`. With several workers the makespans are compared, and the sweeps use
    all workers too.

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
    problem = asked(chain, objective, tape_limit, memory_limit, workers, time_limit, patterns=patterns)
    check_method(method)
    plans: dict[str, Plan | None] = {}
    for mode in ("forward", "reverse"):
        try:
            plans[mode] = pure_plan(problem, mode, patterns)
        except InfeasibleError:
            plans[mode] = None
    return Comparison(plans["forward"], plans["reverse"], Plan(problem, select(problem, method).solve(problem)))
