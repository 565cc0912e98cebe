"""One operation after the other, in the calling thread."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from chainopt.execution.dependencies import operands

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.execution.perform import Performer, Product
    from chainopt.typing import Array


def multiply(
    bracketing: Bracketing,
    factors: list[Array],
    product: Product = operator.matmul,
    last_product: Product | None = None,
    done: Callable[[int], None] | None = None,
) -> Array:
    """Multiply checked factors, all of which are matrices.

    Parameters
    ----------
    bracketing : Bracketing
    factors : list
        Emptied on the way, so that an operand that nobody else holds lives only as long as it is needed.
    product : callable
        What multiplies two matrices.
    last_product : callable, optional
        What does so for the last product, if it is a different function.
    done : callable, optional
        Called with the position of each product that is done.
    """
    factors.reverse()
    take, waiting = factors.pop, [factors.pop()]
    push, pop = waiting.append, waiting.pop  # what runs between products runs with cold caches, and shows up to 10 ms of them
    last = bracketing.factors - 2
    for position, arrivals in enumerate(bracketing.arrivals()):
        missing = arrivals
        while missing:
            push(take())
            missing -= 1
        if position == last and last_product is not None:
            product = last_product
        right = pop()
        push(product(pop(), right))
        del right
        if done is not None:
            done(position)
    return pop()


def execute(perform: Performer, factors: list[Array]) -> Array:
    """Do the operations of a plan; the list of factors is emptied on the way, and what is no longer needed is released."""
    results: dict[tuple[int, int], Array] = {}

    def take(span: tuple[int, int]) -> Array:
        if span in results:
            return results.pop(span)
        factor, factors[span[0]] = factors[span[0]], None
        return factor

    for position, operation in enumerate(perform.operations):
        results[operation.first, operation.last] = perform(position, [take(span) for span in operands(operation)])
    return results.popitem()[1]
