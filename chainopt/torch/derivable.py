"""Which recorded functions have a Jacobian that PyTorch can differentiate again, or batch.

A program pushes tangents through operators. Not every operator's tangent has a derivative that is right: `torch.func` finds other
numbers, or none, for that of `jacfwd` than for that of `jacrev` where there is a solver, a determinant, or an entry that is set.
So only what is known to agree is left to a program where a transformation or autograd follows.
"""

from __future__ import annotations

from functools import cache

import torch

from chainopt.functions.constants import COPY

NAMES = """
_conj _fft_c2c _fft_c2r _fft_r2c _log_softmax _neg_view _prelu_kernel _softmax _to_copy _unsafe_view addmm addmv addr alias
all amax amin any arange argmax argmin as_strided baddbmm block_diag bmm bucketize cat clone constant_pad_nd convolution copy
count_nonzero cummax cumprod cumsum diag_embed diagonal diagonal_scatter dot empty empty_like expand eye flip full full_like
gather index index_add index_copy index_fill index_put index_select lift_fresh lift_fresh_copy linalg_vector_norm logcumsumexp
logsumexp masked_fill max mean median min mm mv new_ones new_zeros ones ones_like permute pixel_shuffle prod repeat roll rot90
scalar_tensor scatter scatter_add select slice slice_scatter sort split split_with_sizes squeeze stack std sum t take topk
trace transpose tril triu unbind unfold unsqueeze var var_mean vdot view view_as_complex view_as_real zeros zeros_like
diagonal_backward select_backward slice_backward
"""
AGREEING = frozenset(NAMES.split())


def is_derivable(names: frozenset[str]) -> bool:
    """Whether the derivatives of a Jacobian are right, as far as these operators are concerned.

    Parameters
    ----------
    names : frozenset of str
        Those of equations; one that is made of several operators has their names with "+" between them.
    """
    return all(_agrees(operator) for name in names for operator in name.split("+"))


@cache
def _agrees(name: str) -> bool:
    if name == COPY:
        return True
    library, _, rest = name.partition(".")
    base, _, overload = rest.partition(".")
    if library != "aten":
        return False
    return base in AGREEING or torch.Tag.pointwise in getattr(getattr(torch.ops.aten, base), overload).tags
