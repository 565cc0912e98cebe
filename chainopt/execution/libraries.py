"""Whose arrays the factors are. No library is imported here: who holds one of its arrays has imported it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def library_of(factor: Any) -> str:
    """Return "numpy", "scipy" (a sparse array), "torch", "jax" or "other"."""
    if isinstance(factor, np.ndarray):
        return "numpy"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(factor, torch.Tensor):
        return "torch"
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(factor, jax.Array):
        return "jax"
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(factor):
        return "scipy"
    return "other"


def as_torch(factor: Any, like: Any) -> Any:
    """Hand a NumPy array to PyTorch, on the device of the other factors; on the CPU nothing is copied."""
    import torch

    return torch.as_tensor(factor, device=like.device)
