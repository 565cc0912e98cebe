"""What a function asks of its tensors that depends on who differentiates it, and that no recording can answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from chainopt.functions.backend import UnplannableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from chainopt.typing import Array

ANSWERS = ("requires_grad", "is_leaf", "grad_fn")
GRADIENT: Array = getattr(torch.Tensor, "grad").__get__  # noqa: B009 -- the descriptor
GETTERS = {getattr(torch.Tensor, name): name for name in ANSWERS}
# PyTorch's own modules choose by it how they compute the same.
LIBRARY = "torch"


class Asking(TorchFunctionMode):
    """Refuses to say whether a tensor requires a gradient: under `torch.func.jacrev` it does, in a recording it does not.

    And to say what no operator reads of a tensor, and what may be another thing later.

    Parameters
    ----------
    read : sequence of tensors
        That stand for others in the recording, but whose gradients do not.
    """

    def __init__(self, read: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.read = read

    def __torch_function__(
        self, func: Callable[..., Array], types: Array, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Array:
        name = _asked_for(func)
        if name is not None and not _is_library(sys._getframe(1)):  # noqa: SLF001 -- inspect.stack() reads files
            msg = f"it asks for {name} of a tensor, which depends on who differentiates it"
            raise UnplannableError(msg)
        if func is torch.Tensor.tolist and not isinstance(args[0], FakeTensor):
            msg = "it reads the numbers of a tensor as a list, which may be others later"
            raise UnplannableError(msg)
        if func == GRADIENT and any(args[0] is tensor for tensor in self.read):
            msg = "it reads the gradient of a tensor, which may be another one later"
            raise UnplannableError(msg)
        return func(*args, **(kwargs or {}))


def _asked_for(func: Callable[..., Array]) -> str | None:
    descriptor = getattr(func, "__self__", None)
    try:
        return GETTERS.get(descriptor)
    except TypeError:  # what has no hash
        return None


def _is_library(frame: FrameType | None) -> bool:
    """Whether PyTorch asks; modes that handle the question pass it on in functions of this name."""
    while frame is not None and frame.f_code.co_name == "__torch_function__":
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == LIBRARY
