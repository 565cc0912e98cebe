"""The door: a chain in, a plan out; which solver answers is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.bracketing import Bracketing
from chainopt.chain import JacobianChain
from chainopt.comparison import Comparison
from chainopt.costs.multiplications import homogeneous
from chainopt.exceptions import ChainError
from chainopt.operations import Mode
from chainopt.plan import Plan
from chainopt.reading import read_factors
from chainopt.solvers import interval, polygon, textbook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jacobian import Jacobian
    from chainopt.solvers.solution import Solution

    Problem = JacobianChain | Sequence[tuple[int, int]] | Sequence[Jacobian] | Sequence[Any]

OBJECTIVES = ("multiplications",)
SOLVERS: dict[str, Callable[[JacobianChain], Solution]] = {
    "polygon": polygon.solve,
    "interval": interval.solve,
    "textbook": textbook.solve,
}


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
    _check_option("objective", objective, OBJECTIVES)
    _check_option("method", method, ("auto", *SOLVERS))
    pure_costs = homogeneous(chain)
    cost = min(pure_costs)
    association = None
    answered = "formula"
    if len(chain) > 2 and (method != "auto" or (len(chain) > 3 and cost > 0)):
        answered = _solver_for(chain, method)
        association, cost = SOLVERS[answered](chain)
    return _plan(chain, association, cost, pure_costs, answered)


def forward_order(chain: Problem, *, objective: str = "multiplications") -> Plan:
    """Plan the product in forward mode, right to left: ``J3 (J2 J1)``.

    Parameters and errors are those of `optimal_order`.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.forward_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    80000000
    """
    chain = as_chain(chain)
    _check_option("objective", objective, OBJECTIVES)
    return _homogeneous_plan(chain, Mode.FORWARD, homogeneous(chain)[0])


def reverse_order(chain: Problem, *, objective: str = "multiplications") -> Plan:
    """Plan the product in reverse mode, left to right: ``(J3 J2) J1``.

    Parameters and errors are those of `optimal_order`.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.reverse_order([(10, 2000), (2000, 30), (30, 1000)]).cost
    900000
    """
    chain = as_chain(chain)
    _check_option("objective", objective, OBJECTIVES)
    return _homogeneous_plan(chain, Mode.REVERSE, homogeneous(chain)[1])


def compare(chain: Problem, *, objective: str = "multiplications", method: str = "auto") -> Comparison:
    """Hold forward and reverse mode against the cheapest bracketing.

    Parameters and errors are those of `optimal_order`.

    Examples
    --------
    >>> import chainopt
    >>> comparison = chainopt.compare([(1000, 3), (3, 500), (500, 2), (2, 800)])
    >>> print(comparison)
    order                  cost  times optimal  peak memory  bracketing
    forward           4,400,000           2.74    1,200,000  (J4 (J3 (J2 J1)))
    ...
    """
    chain = as_chain(chain)
    return Comparison(
        forward_order(chain, objective=objective),
        reverse_order(chain, objective=objective),
        optimal_order(chain, objective=objective, method=method),
    )


def as_chain(chain: Problem) -> JacobianChain:
    """Take a chain in every accepted form."""
    return chain if isinstance(chain, JacobianChain) else JacobianChain.from_reading(read_factors(chain, "chain"))


def _check_option(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        msg = f"{name} is {value!r}: known are {', '.join(map(repr, known))}"
        raise ChainError(msg)


def _solver_for(chain: JacobianChain, method: str) -> str:
    """Choose: only the interval program knows unequal stacks, else the polygon is the fastest from the start."""
    equal_stacks = chain.batches is None or len({*chain.batches}) == 1
    if method == "auto":
        return "polygon" if equal_stacks else "interval"
    if method == "polygon" and not equal_stacks:
        msg = 'method is "polygon", which needs stacks of equal shape: take "interval" or "auto"'
        raise ChainError(msg)
    return method


def _plan(
    chain: JacobianChain, association: Bracketing | None, cost: int, pure_costs: tuple[int, int], method: str
) -> Plan:
    """Prefer forward to reverse to hybrid where they cost the same."""
    if cost == pure_costs[0]:
        mode, association = Mode.FORWARD, Bracketing.right_to_left(len(chain))
    elif cost == pure_costs[1]:
        mode, association = Mode.REVERSE, Bracketing.left_to_right(len(chain))
    else:
        mode = Mode.HYBRID
    if association is None or len(chain) <= 2:
        mode, association = Mode.ANY, Bracketing.right_to_left(len(chain))
    return Plan(chain, association, cost, mode, "multiplications", method, is_optimal=True)


def _homogeneous_plan(chain: JacobianChain, mode: Mode, cost: int) -> Plan:
    associate = Bracketing.right_to_left if mode is Mode.FORWARD else Bracketing.left_to_right
    trivial = len(chain) <= 2
    return Plan(
        chain,
        associate(len(chain)),
        cost,
        Mode.ANY if trivial else mode,
        "multiplications",
        str(mode),
        is_optimal=trivial,
    )
