"""Products of a PyTorch function's Jacobian with vectors, to compare a pattern with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.torch.quiet import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array, NumpyArray


class TorchProducts:
    """Products with the Jacobian of a function at a point."""

    def __init__(
        self, function: Callable[..., tuple[Array, ...]], primals: Sequence[Array], results: Sequence[Array], *, has_jvps: bool
    ) -> None:
        self.function, self.primals, self.results, self.has_jvps = function, primals, results, has_jvps
        self.epsilon = max(torch.finfo(tensor.dtype).eps for tensor in (*primals, *results))

    def product(self, vector: NumpyArray, *, by_jvp: bool) -> NumpyArray:
        """Multiply with a vector."""
        device = self.primals[0].device
        if by_jvp:
            with ALONE:
                return flat(torch.func.jvp(self.function, tuple(self.primals), _split(vector, self.primals, device))[1])
        return flat(torch.func.vjp(self.function, *self.primals)[1](_split(vector, self.results, device)))


def _split(vector: NumpyArray, like: Sequence[Array], device: torch.device) -> tuple[Array, ...]:
    """Cut a vector into tensors of given shapes and dtypes."""
    ends = np.cumsum([tensor.numel() for tensor in like])[:-1]
    parts = zip(np.split(vector, ends), like, strict=True)
    return tuple(torch.as_tensor(part.reshape(tensor.shape)).to(device, tensor.dtype) for part, tensor in parts)


def flat(tensors: Sequence[Array]) -> NumpyArray:
    """Return tensors one after the other, in double precision."""
    return np.concatenate([tensor.detach().reshape(-1).to("cpu", torch.float64).numpy() for tensor in tensors])
