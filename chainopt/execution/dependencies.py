"""What every operation of a plan waits for, and how much is left to do after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.bracketing.operations import Accumulation, Multiplication, Pushforward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.bracketing.operations import Operation

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
    return [(at, at) for at in range(first, last + 1)]


def sources(operations: Sequence[Operation]) -> list[list[int]]:
    """Say for every operation where its operands come from: an operation's position, or ~k for factor k."""
    made: dict[Span, int] = {}
    found = []
    for at, operation in enumerate(operations):
        found.append([made.get(span, ~span[0]) for span in operands(operation)])
        made[operation.first, operation.last] = at
    return found


def consumers(takes: Sequence[Sequence[int]]) -> list[int | None]:
    """Say for every operation which one takes its result; None for the last."""
    taken_by: list[int | None] = [None] * len(takes)
    for at, positions in enumerate(takes):
        for position in positions:
            if position >= 0:
                taken_by[position] = at
    return taken_by


def critical_path(operations: Sequence[Operation], taken_by: Sequence[int | None]) -> list[Any]:
    """Return for every operation what the plan costs from its beginning on, as far as it holds up the product."""
    left: list[Any] = [0] * len(operations)
    for at in range(len(operations) - 1, -1, -1):
        consumer = taken_by[at]
        left[at] = operations[at].cost + (0 if consumer is None else left[consumer])
    return left


def in_order_of_schedule(operations: Sequence[Operation], takes: Sequence[Sequence[int]], workers: float) -> list[int] | None:
    """Return the positions in the order in which a schedule begins them; None without one, or with one that cannot be kept."""
    if any(
        operation.start is None or operation.worker is None or not 0 <= operation.worker < workers for operation in operations
    ):
        return None
    starts: list[Any] = [operation.start for operation in operations]
    # Operations without a cost begin together; the order of the plan is one in which they can be executed.
    order = sorted(range(len(operations)), key=lambda at: (starts[at], at))
    rank = {at: place for place, at in enumerate(order)}
    can_be_kept = all(rank[position] < rank[at] for at in order for position in takes[at] if position >= 0)
    return order if can_be_kept else None
