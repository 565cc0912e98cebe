"""Operators that only move entries: done to their numbers, they tell from where each entry comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.utils import _pytree as pytree

from chainopt.functions.sparsity.index_sets import joined
from chainopt.torch.detection.registry import Operation, UnforeseenError, rule
from chainopt.torch.detection.values import Operand

if TYPE_CHECKING:
    from chainopt.torch.detection.values import Value
    from chainopt.typing import Array

NAMES = """
view _unsafe_view reshape permute transpose t expand squeeze unsqueeze select slice flip roll diagonal unfold
alias clone contiguous detach lift lift_fresh lift_fresh_copy split split_with_sizes unsafe_split
unsafe_split_with_sizes unbind chunk repeat repeat_interleave
narrow movedim rot90 tril triu constant_pad_nd pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle diag_embed
cat stack select_scatter slice_scatter diagonal_scatter im2col block_diag select_backward slice_backward diagonal_backward conj
_conj _conj_physical resolve_conj resolve_neg real reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
replication_pad2d replication_pad3d
"""
MOVES = frozenset(NAMES.split())
COPIES = frozenset(f"{name}_copy" for name in MOVES)
BY_INDICES = ["index", "_unsafe_index", "take", "masked_select"]
FILLS = ("value", "padding_value", "fill_value")  # numbers that are put around entries, or in their place


def keeps_entries(operation: Operation) -> bool:
    """Whether an operator makes no entries but those of its operands, and zeros."""
    return operation.name in MOVES | COPIES


@rule(*MOVES, *COPIES)
def moved(operation: Operation) -> list[Value]:
    """Move."""
    return places_moved(operation, frozenset())


@rule(*BY_INDICES)
def by_indices(operation: Operation) -> list[Value]:
    """Move by indices, which have to be the same for all inputs."""
    if operation.named.get("reduce") is not None:
        raise UnforeseenError
    return places_moved(operation, frozenset({"index", "indices", "mask"}))


def places_moved(operation: Operation, indices: frozenset[str]) -> list[Value]:
    """Do to the numbers of entries, from 1 on, what is done to the entries; where there is a zero then, there is no entry.

    Parameters
    ----------
    operation : Operation
    indices : frozenset of str
        The names of the arguments that say where the entries go.
    """
    pieces: list[Operand] = []

    def numbered(operand: Operand) -> torch.Tensor:
        """Return the numbers of entries, behind those of the operands before."""
        begin = sum(piece.size for piece in pieces)
        if operand.sets is None:
            return torch.zeros(operand.shape, dtype=torch.int64)
        pieces.append(operand)
        return torch.arange(begin + 1, begin + 1 + operand.size).reshape(operand.shape)

    def replaced(name: str, argument: Array) -> Array:
        if name in FILLS and not isinstance(argument, Operand):
            return 0
        return pytree.tree_map(
            lambda leaf: (_known(operation, leaf) if name in indices else numbered(leaf)) if isinstance(leaf, Operand) else leaf,
            argument,
            is_leaf=lambda leaf: isinstance(leaf, Operand),
        )

    schema = operation.target._schema.arguments  # noqa: SLF001 -- no other name is public
    args = [replaced(argument.name, given) for argument, given in zip(schema, operation.args, strict=False)]
    kwargs = {name: replaced(name, given) for name, given in operation.kwargs.items() if name not in {"device", "dtype"}}
    results = pytree.tree_leaves(operation.target(*args, **kwargs))
    if any(result.dtype != torch.int64 for result in results):  # the bits were taken for other numbers
        raise UnforeseenError
    line = joined([operation.sets(piece) for piece in pieces])
    return [line.taken(result.reshape(-1).numpy() - 1) for result in results]


def _known(operation: Operation, operand: Operand) -> torch.Tensor:
    numbers = operation.numbers(operand)
    if numbers is None:
        raise UnforeseenError
    return numbers
