"""Sparse tensors of PyTorch: a coalesced one for each block of a Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.errors import ChainError
from chainopt.torch.compressed import Kept
from chainopt.torch.trace import is_batched

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.functions.sparse.blocks import Block
    from chainopt.typing import Array

PREPARED = "prepare the Jacobian, and take prepared.nonzeros(...), the values alone, in the order of prepared.pattern"
UNBATCHED = f"torch.func.vmap and forward mode do not support sparse tensors: {PREPARED}"


def maker_of(block: Block) -> Callable[[Array], torch.Tensor]:
    """Return what makes a block of its nonzeros: all axes are sparse, the indices unique and in row-major order."""
    kept = Kept()
    indices = np.ascontiguousarray(block.indices.T, dtype=np.int64)

    def made(nonzeros: Array) -> torch.Tensor:
        if is_batched(nonzeros):
            raise ChainError(UNBATCHED)
        places = kept.of(nonzeros.device, lambda: torch.as_tensor(indices, device=nonzeros.device))
        try:
            return torch.sparse_coo_tensor(places, nonzeros, block.shape, check_invariants=False, is_coalesced=True)
        except NotImplementedError as error:  # of forward mode
            raise ChainError(UNBATCHED) from error

    return made
