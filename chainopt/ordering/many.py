"""The door for many chains at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chainopt.chain.chain import JacobianChain
from chainopt.chain.parsing import read_many_dims
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.stage_choices import stage_choices
from chainopt.errors import ChainError
from chainopt.ordering.order import SOLVERS
from chainopt.plan.batch import PlanBatch
from chainopt.solvers import batch, lookup, stage_batch
from chainopt.solvers.dask_batch import spread
from chainopt.solvers.objectives import model_of
from chainopt.solvers.registry import check_limit, check_method, priced_solver

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client
    from numpy.typing import NDArray

    from chainopt.costs.model import CostModel
    from chainopt.solvers.base import Candidate
    from chainopt.solvers.batch import Solutions
    from chainopt.solvers.objectives import Objective


def optimal_orders(
    dims: Any,
    *,
    objective: Objective = "multiplications",
    method: str = "auto",
    tape_limit: float | None = None,
    client: Client | None = None,
) -> PlanBatch:
    """Find the cheapest bracketings of many chains of the same length at once.

    Parameters
    ----------
    dims : array of int, shape (N, n + 1), or sequence of JacobianChain
        A chain of n factors a row: the n + 1 sizes between them, outputs first; or N chains of n stages of any kind.
    objective, method, tape_limit
        As for `optimal_order`.
    client : distributed.Client, optional
        A Dask cluster over which the chains are spread (needs the extra ``dask``); the answer is the same.

    Returns
    -------
    PlanBatch
        ``costs`` and ``modes`` are arrays of shape (N,), and ``batch[i]`` is the `Plan` of row i.

    Raises
    ------
    ChainError
        If ``dims`` is no such array, an option is unknown, or ``client`` is no client of a cluster that can be used.

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
        check_limit("tape_limit", tape_limit)
    if isinstance(dims, Sequence) and dims and any(isinstance(chain, JacobianChain) for chain in dims):
        return _orders_of_chains(dims, model, method, tape_limit, client)
    sizes = read_many_dims(dims)
    if not isinstance(model, Multiplications):
        answered = priced_solver(method)
        return PlanBatch(sizes, _spread(client, partial(_priced_sizes, model=model), sizes), model.name, answered, model)
    factors = sizes.shape[1] - 1
    answered = "polygon" if method == "auto" else method
    if factors < 3 or (factors == 3 and method == "auto"):
        answered = "formula"
    by_kernel = factors > 2 and method in {"auto", "polygon"}
    solutions = _spread(client, partial(batch.solve, solver=partial(_solve, answered), by_kernel=by_kernel), sizes)
    return PlanBatch(sizes, solutions, model.name, answered, model)


def _spread(client: Client | None, solve: Callable[[Any], Solutions], problems: Any) -> Solutions:
    return solve(problems) if client is None else spread(client, solve, problems)


def _solve(method: str, chain: JacobianChain) -> Candidate:
    return SOLVERS[method](chain, stage_choices(chain))


def _lookup(chain: JacobianChain, model: CostModel, tape_limit: float | None = None) -> Candidate:
    return lookup.solve(chain, stage_choices(chain, tape_limit, model), model)


def _priced_sizes(sizes: NDArray[Any], model: CostModel) -> Solutions:
    solved = [_lookup(JacobianChain.from_dims(row), model) for row in sizes]
    return batch.gathered(solved, sizes.shape[1] - 1)


def _priced_chains(chains: Sequence[JacobianChain], model: CostModel, tape_limit: float | None) -> Solutions:
    solved = [_lookup(chain, model, tape_limit) for chain in chains]
    return batch.gathered(solved, len(chains[0]))


def _orders_of_chains(
    chains: Sequence[Any], model: CostModel, method: str, tape_limit: float | None, client: Client | None
) -> PlanBatch:
    for at, chain in enumerate(chains):
        if not isinstance(chain, JacobianChain) or len(chain) != len(chains[0]):
            what = f"a chain of {len(chain)}" if isinstance(chain, JacobianChain) else repr(chain)
            msg = f"dims[{at}] is {what}: give chains of the same number of factors, here {len(chains[0])}"
            raise ChainError(msg)
    if any(chain.batches is not None for chain in chains) or method in {"polygon", "textbook"}:
        msg = 'dims holds chains: those of stacks are ordered one by one, and the others by method "interval" or "auto"'
        raise ChainError(msg)
    if isinstance(model, Multiplications) and all(chain.structures is None for chain in chains):
        for chain in chains:
            stage_choices(chain, tape_limit)
        solutions = _spread(client, partial(stage_batch.solve, tape_limit=tape_limit), chains)
        return PlanBatch(tuple(chains), solutions, model.name, "interval", model)
    solutions = _spread(client, partial(_priced_chains, model=model, tape_limit=tape_limit), chains)
    return PlanBatch(tuple(chains), solutions, model.name, "interval", model)
