"""One loop over the products of a bracketing."""

from __future__ import annotations

import operator
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.backends.dispatch import library_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.bracketing.bracketing import Bracketing

    Product = Callable[[Any, Any], Any]


def multiply(
    bracketing: Bracketing,
    factors: list[Any],
    product: Product = operator.matmul,
    last_product: Product | None = None,
    done: Callable[[int], None] | None = None,
) -> Any:
    """Multiply checked factors; ``done`` is called after every product, with its position.

    The list is emptied on the way, so that an operand that nobody else holds lives no longer than it is needed.
    """
    factors.reverse()
    supply = map(list.pop, repeat(factors, len(factors)))
    if last_product is None and done is None:
        return bracketing.fold(supply, product)
    last, at = bracketing.factors - 2, -1

    def join(left: Any, right: Any) -> Any:
        nonlocal at
        at += 1
        result = product(left, right) if at < last or last_product is None else last_product(left, right)
        if done is not None:
            done(at)
        return result

    return bracketing.fold(supply, join)


def product_into(out: Any) -> Product:
    """Return the product that writes its result to ``out``."""
    if library_of(out) == "torch":
        import torch

        def into_tensor(left: Any, right: Any) -> Any:
            memory = out.untyped_storage().data_ptr()
            if memory in (left.untyped_storage().data_ptr(), right.untyped_storage().data_ptr()):
                return out.copy_(torch.matmul(left, right))  # PyTorch, unlike NumPy, would overwrite what it still reads
            return torch.matmul(left, right, out=out)

        return into_tensor
    return lambda left, right: np.matmul(left, right, out=out)


def copy_into(out: Any, factor: Any) -> Any:
    """Copy the only factor of a chain to ``out``."""
    if library_of(out) == "torch":
        return out.copy_(factor)
    np.copyto(out, factor, casting="same_kind")
    return out
