"""What a function asks of its tensors that depends on who differentiates it, and that no recording can answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from chainopt.functions.backend import UnplannableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from chainopt.typing import Array

ANSWERS = ("requires_grad", "is_leaf", "grad_fn")
GETTERS = {getattr(torch.Tensor, name): name for name in ANSWERS}
# PyTorch's own modules choose by it how they compute the same.
LIBRARY = "torch"


class Asking(TorchFunctionMode):
    """Refuses to say whether a tensor requires a gradient: under `torch.func.jacrev` it does, in a recording it does not."""

    def __torch_function__(
        self, func: Callable[..., Array], types: Array, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Array:
        name = _asked_for(func)
        if name is not None and not _is_library(sys._getframe(1)):  # noqa: SLF001 -- inspect.stack() reads files
            msg = f"it asks for {name} of a tensor, which depends on who differentiates it"
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
