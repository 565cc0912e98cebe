"""Whether autograd's Hessian of a function is symmetric."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from chainopt.functions.backend import UnplannableError
from chainopt.torch.certainty import certify
from chainopt.torch.detection.recording import form_at
from chainopt.torch.gradient import certify_gradient
from chainopt.torch.trace import is_transforming, untransformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array


def is_plain_number(function: Callable[..., Array], arguments: Sequence[Array]) -> bool:
    """Whether a function returns a single real number, and nothing in it, or in its gradient, hides a derivative.

    Then autograd's Hessian of it is symmetric.

    Parameters
    ----------
    function : callable
        Of tensors.
    arguments : sequence of tensors
        Like those that it is called with.
    """

    def listed(*tensors: Array) -> list[Array]:
        return [function(*tensors)]

    is_inside = is_transforming()
    numbers = tuple(place for place, argument in enumerate(arguments) if argument.is_floating_point())
    with untransformed() if is_inside else nullcontext():
        given = [
            torch.ones(leaf.shape, dtype=leaf.dtype, device=leaf.device) if is_inside else leaf.detach() for leaf in arguments
        ]
        try:
            (result,) = form_at(listed, given)
            if not isinstance(result, torch.Tensor) or result.dim() or not result.is_floating_point():
                return False
            certify(listed, given, [])
            gradient = torch.func.grad(function, numbers)
            certify_gradient(lambda *tensors: list(gradient(*tensors)), given, [])
        except UnplannableError:
            return False
    return True
