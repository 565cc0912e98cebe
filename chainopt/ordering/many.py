"""The door for many chains at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainopt.chain.chain import JacobianChain
from chainopt.chain.parsing import read_many_dims
from chainopt.errors import ChainError
from chainopt.plan.batch import PlanBatch
from chainopt.solvers.base import ProblemBatch
from chainopt.solvers.dask_batch import spread
from chainopt.solvers.objectives import model_of
from chainopt.solvers.options import check_method, checked_limit
from chainopt.solvers.registry import select_for_all

if TYPE_CHECKING:
    from distributed import Client

    from chainopt.solvers.objectives import Objective
    from chainopt.typing import MethodName


def optimal_orders(
    dims: Any,
    *,
    objective: Objective = "multiplications",
    method: MethodName = "auto",
    tape_limit: float | None = None,
    client: Client | None = None,
) -> PlanBatch:
    """Find the cheapest bracketings of many chains of the same length at once.

    Parameters
    ----------
    dims : array of int, shape (N, n + 1), or sequence of JacobianChain
        A chain of n factors in each row: the n + 1 sizes between them, outputs first; or N chains of n stages of any kind.
    objective, method, tape_limit
        As for `optimal_order`. Products of sparse matrices are always counted here.
    client : distributed.Client, optional
        A Dask cluster over which the chains are spread (needs the extra ``dask``); the answer is the same.

    Returns
    -------
    PlanBatch
        ``costs`` and ``modes`` are arrays of shape (N,), and ``batch[i]`` is the `Plan` of row i.

    Raises
    ------
    ChainError
        If ``dims`` is not such an array, an option is unknown, or ``client`` is not the client of a usable cluster.

    Examples
    --------
    >>> import chainopt
    >>> batch = chainopt.optimal_orders([[10, 2000, 30, 1000], [1000, 10, 500, 3]])
    >>> batch.costs.tolist(), batch.modes.astype(str).tolist()
    ([900000, 45000], ['reverse', 'forward'])
    """
    check_method(method)
    model = model_of(objective)
    if tape_limit is not None:
        tape_limit = checked_limit("tape_limit", tape_limit)
    batch = ProblemBatch(_read_chains(dims), model, tape_limit)
    chosen = select_for_all(batch, method)
    solutions = chosen.solve_many(batch) if client is None else spread(client, chosen, batch)
    return PlanBatch(batch, solutions, chosen.name)


def _read_chains(dims: Any) -> Any:
    """Return rows of sizes, or chains that go together."""
    if not (isinstance(dims, Sequence) and dims and any(isinstance(chain, JacobianChain) for chain in dims)):
        return read_many_dims(dims)
    for position, chain in enumerate(dims):
        if not isinstance(chain, JacobianChain) or len(chain) != len(dims[0]):
            what = f"a chain of {len(chain)}" if isinstance(chain, JacobianChain) else repr(chain)
            msg = f"dims[{position}] is {what}: give chains of the same number of factors, here {len(dims[0])}"
            raise ChainError(msg)
        if chain.batches is not None:
            msg = f"dims[{position}] is a chain of stacks: order those one by one, with optimal_order"
            raise ChainError(msg)
    return tuple(dims)
