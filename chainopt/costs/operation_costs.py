"""The operations that a bracketing stands for, each with its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import (
    BY_JVPS,
    BY_VJPS,
    GIVEN,
    PRODUCT,
    PULLED,
    PUSHED,
    Accumulation,
    Join,
    Mode,
    Multiplication,
    Operation,
    Operations,
    Pullback,
    Pushforward,
)
from chainopt.costs import multiplications, product_tables
from chainopt.costs.last_operations import pulled, pushed
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.number_type import added
from chainopt.costs.stage_choices import priced, vectors_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.chain.factor_data import StageCosts
    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost


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
    kinds, ways = bracketing.kinds, bracketing.ways
    assert chain.stage_costs is not None
    costs = priced(chain.stage_costs, model)
    assert kinds is not None
    assert ways is not None
    dims = chain.dims
    prices = product_tables.along(chain, bracketing, model).tolist()
    for event in _events(bracketing, ways):
        if event < 0:
            yield _accumulation(chain, ~event, int(ways[~event]), costs)
            continue
        first, split, last = int(bracketing.first[event]), event, int(bracketing.last[event])
        kind = kinds[split]
        if kind == PRODUCT:
            yield Multiplication(first, split, last, prices[split])
        elif kind == PUSHED:
            yield Pushforward(first, split, last, pushed(dims[last + 1], _known(costs.jvp[split])))
        else:
            yield Pullback(first, split, last, pulled(dims[first], _known(costs.vjp[last])))


def _events(bracketing: Bracketing, ways: NDArray[np.int8]) -> Iterator[int]:
    """Yield what is done: g for the join at gap g, ~k for the accumulation of factor k, just before it is used."""
    if bracketing.order is not None:
        yield from bracketing.order.tolist()
        return
    if bracketing.factors == 1 and ways[0] != GIVEN:
        yield ~0
    for first, split, last in bracketing.steps():
        if first == split and ways[split] != GIVEN:
            yield ~split
        if split + 1 == last and ways[last] != GIVEN:
            yield ~last
        yield split


def products_of(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Sequence[Join]:
    """List what joins two neighbours, one operation for each gap, in the order of `Bracketing.fold`."""
    in_order = Bracketing(bracketing.spans, bracketing.kinds, bracketing.ways)
    if bracketing.kinds is None:
        return _products(chain, in_order, model)
    return [step for step in single_steps(chain, in_order, model) if isinstance(step, Join)]


def total(chain: JacobianChain, bracketing: Bracketing, model: CostModel) -> Any:
    """Return the cost of all operations together."""
    if bracketing.kinds is None and isinstance(model, Multiplications) and chain.structures is None:
        return multiplications.total(chain, bracketing)
    nothing = model.stage(0)  # in the numbers of the objective
    if bracketing.kinds is None:
        return added(product_tables.along(chain, bracketing, model).tolist(), nothing)
    return added((operation.cost for operation in single_steps(chain, bracketing, model)), nothing)


def largest_tape(chain: JacobianChain, bracketing: Bracketing) -> int:
    """Return the largest tape that one of the reverse sweeps needs: they go stage by stage."""
    if chain.stage_costs is None or bracketing.kinds is None or bracketing.ways is None:
        return 0
    swept = [*(np.flatnonzero(bracketing.kinds == PULLED) + 1).tolist(), *np.flatnonzero(bracketing.ways == BY_VJPS).tolist()]
    return max((chain.stage_costs.tape[position] for position in swept), default=0)


def _accumulation(chain: JacobianChain, at: int, way: int, costs: StageCosts) -> Accumulation:
    if way == BY_JVPS:
        return Accumulation(at, at, Mode.FORWARD, vectors_needed(chain, at)[0] * _known(costs.jvp[at]))
    if way == BY_VJPS:
        return Accumulation(at, at, Mode.REVERSE, vectors_needed(chain, at)[1] * _known(costs.vjp[at]))
    return Accumulation(at, at, None, _known(costs.accumulation[at]))


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
