"""One loop over the products of a bracketing."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.libraries import library_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.bracketing import Bracketing


def multiply(bracketing: Bracketing, factors: list[Any], out: Any = None, done: Callable[[], None] | None = None) -> Any:
    """Multiply checked factors; ``done`` is called after every product.

    The list is emptied on the way, so that an operand that nobody else holds lives no longer than it is needed.
    """
    if bracketing.factors == 1:
        return factors[0] if out is None else _copy(factors[0], out)
    factors.reverse()
    supply = (factors.pop() for _ in range(bracketing.factors))
    if out is None and done is None:
        return bracketing.fold(supply, operator.matmul)
    products_left = bracketing.factors - 1

    def join(left: Any, right: Any) -> Any:
        nonlocal products_left
        products_left -= 1
        result = left @ right if products_left or out is None else _multiply_into(left, right, out)
        if done is not None:
            done()
        return result

    return bracketing.fold(supply, join)


def _multiply_into(left: Any, right: Any, out: Any) -> Any:
    if library_of(out) == "torch":
        import torch

        return torch.matmul(left, right, out=out)
    return np.matmul(left, right, out=out)


def _copy(factor: Any, out: Any) -> Any:
    if library_of(out) == "torch":
        return out.copy_(factor)
    np.copyto(out, factor, casting="same_kind")
    return out
