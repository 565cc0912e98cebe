"""The door: a chain in, a plan out; which solver answers is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.chain import JacobianChain
from chainopt.comparison import Comparison
from chainopt.exceptions import ChainError
from chainopt.operations import Mode
from chainopt.plan import Plan
from chainopt.plan_batch import PlanBatch
from chainopt.reading import read_factors, read_many_dims
from chainopt.solvers import batch, homogeneous, interval, polygon, textbook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jacobian import Jacobian
    from chainopt.solvers.solution import Solution

    Problem = JacobianChain | Sequence[tuple[int, int]] | Sequence[Jacobian] | Sequence[Any]

OBJECTIVES = ("multiplications",)
SOLVERS: dict[str, Callable[[JacobianChain], Solution]] = {
    "formula": homogeneous.cheaper,
    "polygon": polygon.solve,
    "interval": interval.solve,
    "textbook": textbook.solve,
}
METHODS = ("auto", "polygon", "interval", "textbook")


def optimal_order(chain: Problem, *, objective: str = "multiplications", method: str = "auto") -> Plan:
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
        and for up to three factors a formula.

    Returns
    -------
    Plan
        Its cost is exact, whatever the magnitude. Among plans of equal cost forward wins, then reverse, then hybrid.

    Raises
    ------
    ChainError
        If the chain is empty, does not fit together or is no chain, or an option is unknown.

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
    if objective not in OBJECTIVES or method not in METHODS:
        raise _unknown(objective, method)
    method = _solver_for(chain, method)
    association, cost, mode = SOLVERS[method](chain)
    return Plan(chain, association, cost, mode, objective, method, True)


def forward_order(chain: Problem, *, objective: str = "multiplications") -> Plan:
    """Plan the product in forward mode, right to left: ``J3 (J2 J1)``.

    Parameters and errors are those of `optimal_order`.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.forward_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    80000000
    """
    return _homogeneous_plan(chain, objective, homogeneous.forward)


def reverse_order(chain: Problem, *, objective: str = "multiplications") -> Plan:
    """Plan the product in reverse mode, left to right: ``(J3 J2) J1``.

    Parameters and errors are those of `optimal_order`.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.reverse_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    900000
    """
    return _homogeneous_plan(chain, objective, homogeneous.reverse)


def compare(chain: Problem, *, objective: str = "multiplications", method: str = "auto") -> Comparison:
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
    return Comparison(
        forward_order(chain, objective=objective),
        reverse_order(chain, objective=objective),
        optimal_order(chain, objective=objective, method=method),
    )


def optimal_orders(dims: Any, *, objective: str = "multiplications", method: str = "auto") -> PlanBatch:
    """Find the cheapest bracketings of many chains of the same length at once.

    Parameters
    ----------
    dims : array of int, shape (N, n + 1)
        A chain of n factors a row: the n + 1 sizes between them, outputs first.
    objective, method
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
    sizes = read_many_dims(dims)
    if objective not in OBJECTIVES or method not in METHODS:
        raise _unknown(objective, method)
    factors = sizes.shape[1] - 1
    answered = "formula" if factors < 3 else "polygon" if method == "auto" else method
    solutions = batch.solve(sizes, SOLVERS[answered], by_kernel=answered == "polygon")
    return PlanBatch(sizes, solutions, objective, answered)


def as_chain(chain: Problem) -> JacobianChain:
    """Take a chain in every accepted form."""
    return chain if isinstance(chain, JacobianChain) else JacobianChain.from_reading(read_factors(chain, "chain"))


def _unknown(objective: object, method: object = "auto") -> ChainError:
    name, value, known = ("method", method, METHODS) if objective in OBJECTIVES else ("objective", objective, OBJECTIVES)
    return ChainError(f"{name} is {value!r}: known are {', '.join(map(repr, known))}")


def _solver_for(chain: JacobianChain, method: str) -> str:
    """Choose: only the interval program knows unequal stacks, else the polygon is the fastest from the start."""
    factors = chain.sizes.size - 1
    if factors < 3 or (factors == 3 and method == "auto"):
        return "formula"
    equal_stacks = chain.batches is None or len({*chain.batches}) == 1
    if method == "auto":
        return "polygon" if equal_stacks else "interval"
    if method == "polygon" and not equal_stacks:
        msg = 'method is "polygon", which needs stacks of equal shape: take "interval" or "auto"'
        raise ChainError(msg)
    return method


def _homogeneous_plan(chain: Problem, objective: str, solve: Callable[[JacobianChain], Solution]) -> Plan:
    chain = as_chain(chain)
    if objective not in OBJECTIVES:
        raise _unknown(objective)
    association, cost, mode = solve(chain)
    return Plan(chain, association, cost, mode, objective, solve.__name__, mode is Mode.ANY)
