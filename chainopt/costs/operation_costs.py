"""The operations that a bracketing stands for, each with its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import (
    ACCUMULATION_MODES,
    BY_JVPS,
    BY_VJPS,
    OTHERWISE,
    PRODUCT,
    PULLED,
    PUSHED,
    Accumulation,
    Join,
    Multiplication,
    Operation,
    Operations,
    Pullback,
    Pushforward,
)
from chainopt.costs import product_tables
from chainopt.costs.last_operations import pulled, pushed
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.number_type import added
from chainopt.costs.stage_choices import priced, vectors_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.chain.factor_data import StageCosts
    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost, CostArray


def operations_of(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Sequence[Operation]:
    """List the operations in an order in which they can be executed; runs of single steps are one operation."""
    if bracketing.kinds is None:
        return _products(chain, bracketing, model)
    return tuple(_merged(single_steps(chain, bracketing, model)))


def steps_of(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Sequence[Operation]:
    """List the operations, each push and pull through a single stage."""
    return _products(chain, bracketing, model) if bracketing.kinds is None else tuple(single_steps(chain, bracketing, model))


def _products(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Operations:
    splits = bracketing.splits_in_order() if bracketing.order is None else bracketing.order
    costs = product_tables.along(chain, bracketing, model)
    return Operations(bracketing.first[splits], splits, bracketing.last[splits], costs[splits])


def single_steps(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Iterator[Operation]:
    """Yield the operations, each push and pull through a single stage; a matrix is accumulated just before it is used."""
    return _priced_steps(chain, bracketing, model, product_tables.along(chain, bracketing, model))


def _priced_steps(chain: JacobianChain, bracketing: Bracketing, model: CostModel, products: CostArray) -> Iterator[Operation]:
    kinds, ways = bracketing.kinds, bracketing.ways
    assert chain.stage_costs is not None
    costs = priced(chain.stage_costs, model)
    assert kinds is not None
    assert ways is not None
    dims = chain.dims
    prices = products.tolist()
    for event in bracketing.events():
        if event < 0:
            stage, way = ~event, int(ways[~event])
            yield Accumulation(stage, stage, ACCUMULATION_MODES[way], accumulation_cost(chain, stage, way, costs))
            continue
        first, split, last = int(bracketing.first[event]), event, int(bracketing.last[event])
        kind = kinds[split]
        if kind == PRODUCT:
            yield Multiplication(first, split, last, prices[split])
        elif kind == PUSHED:
            yield Pushforward(first, split, last, pushed(dims[last + 1], _known(costs.jvp[split])))
        else:
            yield Pullback(first, split, last, pulled(dims[first], _known(costs.vjp[last])))


def products_of(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Sequence[Join]:
    """List what joins two neighbors, one operation for each gap, in the order of `Bracketing.fold`."""
    in_order = Bracketing(bracketing.spans, bracketing.kinds, bracketing.ways)
    if bracketing.kinds is None:
        return _products(chain, in_order, model)
    return [step for step in single_steps(chain, in_order, model) if isinstance(step, Join)]


def total(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Any:
    """Return the cost of all operations together: a float if products cost floats, else exact."""
    prices = product_tables.along(chain, bracketing, model)
    nothing = 0.0 if prices.dtype.kind == "f" else model.stage(0)
    if bracketing.kinds is not None:
        return added((step.cost for step in _priced_steps(chain, bracketing, model, prices)), nothing)
    return int(prices.sum()) if isinstance(model, Multiplications) else added(prices.tolist(), nothing)


def largest_tape(chain: JacobianChain, bracketing: Bracketing) -> int:
    """Return the largest tape that one of the reverse sweeps needs: they go stage by stage."""
    if chain.stage_costs is None or bracketing.kinds is None or bracketing.ways is None:
        return 0
    swept = [*(np.flatnonzero(bracketing.kinds == PULLED) + 1).tolist(), *np.flatnonzero(bracketing.ways == BY_VJPS).tolist()]
    return max((chain.stage_costs.tape[position] for position in swept), default=0)


def accumulation_cost(chain: JacobianChain, position: int, way: int, costs: StageCosts) -> Cost:
    """Return what the matrix of a matrix-free stage costs.

    Parameters
    ----------
    chain : JacobianChain
        The chain of the stage.
    position : int
        Where it stands there.
    way : int
        BY_JVPS, BY_VJPS or OTHERWISE.
    costs : StageCosts
        What the stages cost, in the unit of the objective.
    """
    if way == OTHERWISE:
        return _known(costs.accumulation[position])
    jvps, vjps = vectors_needed(chain, position)
    return jvps * _known(costs.jvp[position]) if way == BY_JVPS else vjps * _known(costs.vjp[position])


def _known(cost: Cost | None) -> Cost:
    assert cost is not None
    return cost


def _merged(steps: Iterable[Operation]) -> Iterator[Operation]:
    run: Operation | None = None
    for step in steps:
        if (
            isinstance(step, Pushforward)
            and isinstance(run, Pushforward)
            and (run.first, run.last) == (step.split + 1, step.last)
        ):
            run = Pushforward(step.first, run.split, step.last, run.cost + step.cost)
        elif isinstance(step, Pullback) and isinstance(run, Pullback) and (run.first, run.last) == (step.first, step.split):
            run = Pullback(step.first, run.split, step.last, run.cost + step.cost)
        else:
            if run is not None:
                yield run
            run = step
    if run is not None:
        yield run
