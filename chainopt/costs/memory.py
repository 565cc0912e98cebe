"""How many matrix entries are alive at once while operations are executed one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.costs.multiplications import stacks
from chainopt.operations import Accumulation, Mode, Multiplication, Pushforward

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.bracketing import Bracketing
    from chainopt.chain import JacobianChain
    from chainopt.operations import Operation


def peak_memory(chain: JacobianChain, bracketing: Bracketing, operations: Iterable[Operation]) -> int:
    """Return the most entries alive at once: results, seeds of accumulations, two neighbours inside a run; not given factors."""
    if bracketing.kinds is None:
        sizes = chain.sizes.tolist()
        counts = None if chain.batches is None else stacks(chain.batches, bracketing, np.dtype(object))
        return bracketing.peak(
            lambda first, split, last: sizes[first] * sizes[last + 1] * (1 if counts is None else counts[split])
        )
    dims = chain.dims
    held: dict[tuple[int, int], int] = {}
    alive = most = 0
    for operation in operations:
        first, last = operation.first, operation.last
        if isinstance(operation, Accumulation):
            result = dims[first] * dims[first + 1]
            seed = 0 if operation.mode is None else dims[first + 1] ** 2 if operation.mode is Mode.FORWARD else dims[first] ** 2
            alive, most = alive + result, max(most, alive + result + seed)
        elif isinstance(operation, Multiplication):
            result = dims[first] * dims[last + 1]
            alive += result
            most = max(most, alive)
            alive -= held.pop((first, operation.split), 0) + held.pop((operation.split + 1, last), 0)
        else:
            split = operation.split
            is_push = isinstance(operation, Pushforward)
            stages = range(split, first - 1, -1) if is_push else range(split + 2, last + 2)
            current = held.pop((split + 1, last) if is_push else (first, split), 0)
            for size in stages:
                result = dims[size] * (dims[last + 1] if is_push else dims[first])
                most = max(most, alive + result)
                alive += result - current
                current = result
        held[first, last] = result
    return most
