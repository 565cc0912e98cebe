"""What every operation of a plan takes and waits for, and how much work is left after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.bracketing.operations import Accumulation, Mode, Multiplication, Pushforward

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chainopt.bracketing.operations import Operation
    from chainopt.typing import Cost

    Span = tuple[int, int]


def operands(operation: Operation) -> list[Span]:
    """Return what an operation takes, in product order: the spans of results, or single factors."""
    first, last = operation.first, operation.last
    if isinstance(operation, Accumulation):
        return [(first, last)]
    left, right = (first, operation.split), (operation.split + 1, last)
    if isinstance(operation, Multiplication):
        return [left, right]
    if isinstance(operation, Pushforward):
        return [*_each(*left), right]
    return [left, *_each(*right)]


def _each(first: int, last: int) -> list[Span]:
    return [(factor, factor) for factor in range(first, last + 1)]


def needs(factors: int, operations: Iterable[Operation]) -> list[set[str]]:
    """Say of every factor what the operations use of it: its "matmat", its "rmatmat" or its "matrix"."""
    used: list[set[str]] = [set() for _ in range(factors)]
    accumulated: set[int] = set()
    for operation in operations:
        first, last = operation.first, operation.last
        if isinstance(operation, Accumulation):
            accumulated.add(first)
            used[first] |= {Mode.FORWARD: {"matmat"}, Mode.REVERSE: {"rmatmat"}, None: set()}[operation.mode]
            continue
        is_push, is_product = isinstance(operation, Pushforward), isinstance(operation, Multiplication)
        left, right = range(first, operation.split + 1), range(operation.split + 1, last + 1)
        for side, is_gone_through, name in ((left, is_push, "matmat"), (right, not is_push and not is_product, "rmatmat")):
            if is_gone_through:
                for factor in side:
                    used[factor].add(name)
            elif len(side) == 1 and side[0] not in accumulated:
                used[side[0]].add("matrix")
    return used


def sources(operations: Sequence[Operation]) -> list[list[int]]:
    """Say for every operation where its operands come from: an operation's position, or ~k for factor k."""
    results: dict[Span, int] = {}
    takes = []
    for position, operation in enumerate(operations):
        takes.append([results.get(span, ~span[0]) for span in operands(operation)])
        results[operation.first, operation.last] = position
    return takes


def consumers(takes: Sequence[Sequence[int]]) -> list[int | None]:
    """Say for every operation which one takes its result; None for the last."""
    taken_by: list[int | None] = [None] * len(takes)
    for position, origins in enumerate(takes):
        for origin in origins:
            if origin >= 0:
                taken_by[origin] = position
    return taken_by


def critical_path(operations: Sequence[Operation], taken_by: Sequence[int | None]) -> list[Cost]:
    """Return for every operation the cost of the longest path from its beginning to the product."""
    left: list[Cost] = [0] * len(operations)
    for position in range(len(operations) - 1, -1, -1):
        consumer = taken_by[position]
        left[position] = operations[position].cost + (0 if consumer is None else left[consumer])
    return left


def in_order_of_schedule(operations: Sequence[Operation], takes: Sequence[Sequence[int]], workers: float) -> list[int] | None:
    """Return the positions in the order in which a schedule begins them; None without one, or with one that cannot be kept.

    Parameters
    ----------
    operations : sequence of Operation
    takes : sequence of sequences of int
        Where the operands come from, as `sources` returns it.
    workers : int or inf
        How many there are.
    """
    if any(
        operation.start is None or operation.worker is None or not 0 <= operation.worker < workers for operation in operations
    ):
        return None
    starts = [operation.start or 0 for operation in operations]
    # Operations without a cost begin together; the order of the plan is one in which they can be executed.
    order = sorted(range(len(operations)), key=lambda position: (starts[position], position))
    rank = {position: place for place, position in enumerate(order)}
    can_be_kept = all(rank[origin] < rank[position] for position in order for origin in takes[position] if origin >= 0)
    return order if can_be_kept else None
