"""The operations that a bracketing stands for, each with its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.costs import multiplications
from chainopt.operations import (
    BY_JVPS,
    BY_VJPS,
    GIVEN,
    PRODUCT,
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chainopt.bracketing import Bracketing
    from chainopt.chain import JacobianChain
    from chainopt.details import Cost, StageCosts


def operations_of(chain: JacobianChain, bracketing: Bracketing) -> Sequence[Operation]:
    """List the operations in an order in which they can be executed; runs of single steps are one operation."""
    if bracketing.kinds is None:
        return _products(chain, bracketing)
    return tuple(_merged(single_steps(chain, bracketing)))


def _products(chain: JacobianChain, bracketing: Bracketing) -> Operations:
    splits = bracketing.splits_in_order()
    costs = multiplications.of_products(chain, bracketing)
    return Operations(bracketing.first[splits], splits, bracketing.last[splits], costs[splits])


def single_steps(chain: JacobianChain, bracketing: Bracketing) -> Iterator[Operation]:
    """Yield the operations, each push and pull through a single stage; a matrix is accumulated just before it is used."""
    costs = chain.stage_costs
    kinds, ways = bracketing.kinds, bracketing.ways
    assert costs is not None
    assert kinds is not None
    assert ways is not None
    dims = chain.dims
    if len(chain) == 1 and ways[0] != GIVEN:
        yield _accumulation(0, int(ways[0]), dims, costs)
    for first, split, last in bracketing.steps():
        for leaf in {split: first == split, split + 1: split + 1 == last}.items():
            if leaf[1] and ways[leaf[0]] != GIVEN:
                yield _accumulation(leaf[0], int(ways[leaf[0]]), dims, costs)
        kind = kinds[split]
        if kind == PRODUCT:
            yield Multiplication(first, split, last, dims[first] * dims[split + 1] * dims[last + 1])
        elif kind == PUSHED:
            yield Pushforward(first, split, last, dims[last + 1] * _known(costs.jvp[split]))
        else:
            yield Pullback(first, split, last, dims[first] * _known(costs.vjp[last]))


def products_of(chain: JacobianChain, bracketing: Bracketing) -> Sequence[Join]:
    """List what joins two neighbours, one operation for each gap, in the order of `Bracketing.fold`."""
    if bracketing.kinds is None:
        return _products(chain, bracketing)
    return [step for step in single_steps(chain, bracketing) if isinstance(step, Join)]


def total(chain: JacobianChain, bracketing: Bracketing) -> Any:
    """Return the cost of all operations together."""
    if bracketing.kinds is None:
        return multiplications.total(chain, bracketing)
    return sum(operation.cost for operation in single_steps(chain, bracketing))


def largest_tape(chain: JacobianChain, bracketing: Bracketing) -> int:
    """Return the largest tape that one of the reverse sweeps needs: they go stage by stage."""
    costs = chain.stage_costs
    if costs is None or bracketing.kinds is None:
        return 0
    swept = (
        operation.last
        for operation in single_steps(chain, bracketing)
        if isinstance(operation, Pullback) or (isinstance(operation, Accumulation) and operation.mode is Mode.REVERSE)
    )
    return max((costs.tape[at] for at in swept), default=0)


def _accumulation(at: int, way: int, dims: Sequence[int], costs: StageCosts) -> Accumulation:
    if way == BY_JVPS:
        return Accumulation(at, at, Mode.FORWARD, dims[at + 1] * _known(costs.jvp[at]))
    if way == BY_VJPS:
        return Accumulation(at, at, Mode.REVERSE, dims[at] * _known(costs.vjp[at]))
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
