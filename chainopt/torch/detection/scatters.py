"""Entries that are added at places which indices name, and what indices name that are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.torch.detection.moves import by_indices
from chainopt.torch.detection.reductions import axes_of, lines
from chainopt.torch.detection.registry import Operation, UnforeseenError, rule
from chainopt.torch.detection.values import Operand

if TYPE_CHECKING:
    from chainopt.torch.detection.values import Value


@rule("index_add", "index_reduce")
def index_add(operation: Operation) -> list[Value]:
    """Add slices."""
    operand, source = operation.of("self"), operation.of("source")
    index = operation.numbers(operation.of("index"))
    if index is None:
        return _anywhere(operation, operand, source)
    dim = int(operation.named["dim"])
    return _added(operation, operand, source, _places(operand).index_select(dim, index.reshape(-1)), _places(source))


@rule("scatter_add", "scatter_reduce")
def scatter_add(operation: Operation) -> list[Value]:
    """Add entries."""
    operand, source = operation.of("self"), operation.of("src")
    index = operation.numbers(operation.of("index"))
    if index is None:
        return _anywhere(operation, operand, source)
    dim = int(operation.named["dim"])
    taken = _places(source)[tuple(slice(length) for length in index.shape)]
    targets = torch.gather(_lines(operand, index, dim), dim, index)
    return _added(operation, operand, source, targets, taken)


@rule("scatter")
def scatter(operation: Operation) -> list[Value]:
    """Put entries in the place of others."""
    if operation.named.get("reduce") is not None:
        raise UnforeseenError
    operand, source = operation.of("self"), operation.named.get("src")
    index, dim = operation.numbers(operation.of("index")), int(operation.named["dim"])
    if index is None:
        operation.watched.is_even = False  # of two at one place forward mode has the last one, and reverse mode both
        return list(_anywhere(operation, operand, source)) if isinstance(source, Operand) else [operation.sets(operand)]
    targets = torch.gather(_lines(operand, index, dim), dim, index)
    if not isinstance(source, Operand):
        return _put(operation, operand, None, targets, targets)
    return _put(operation, operand, source, targets, _places(source)[tuple(map(slice, index.shape))])


@rule("index_copy")
def index_copy(operation: Operation) -> list[Value]:
    """Put slices in the place of others."""
    operand, source = operation.of("self"), operation.of("source")
    index = operation.numbers(operation.of("index"))
    if index is None:
        operation.watched.is_even = False
        raise UnforeseenError
    targets = _places(operand).index_select(int(operation.named["dim"]), index.reshape(-1))
    return _put(operation, operand, source, targets, _places(source))


@rule("index_put", "_unsafe_index_put")
def index_put(operation: Operation) -> list[Value]:
    """Put entries in the place of others of several axes, or add them to those."""
    operand, source = operation.of("self"), operation.of("values")
    indices = []
    for index in operation.named["indices"]:
        numbers = None if index is None else operation.numbers(index)
        if index is not None and numbers is None:
            operation.watched.is_even = False
            raise UnforeseenError
        indices.append(numbers)
    targets: torch.Tensor = torch.ops.aten.index.Tensor(_places(operand), indices)
    put = _added if operation.named.get("accumulate") else _put
    return put(operation, operand, source, targets, _places(source).expand(targets.shape))


@rule("gather", "index_select", "embedding")
def gathered(operation: Operation) -> list[Value]:
    """Take entries along an axis, any of it where the indices are not known."""
    index = operation.of("indices" if operation.name == "embedding" else "index")
    if operation.numbers(index) is not None:
        return [*by_indices(operation)]
    if index.sets is not None:
        raise UnforeseenError
    (result,) = operation.results
    operand = operation.of("weight" if operation.name == "embedding" else "self")
    (axis,) = axes_of(operation.named.get("dim", 0), operand)
    if operation.name == "embedding":
        sets = operation.sets(operand).along(operand.shape, [0], operation.name)
        return [operation.spread(sets, operand.shape[1:], result.shape)]
    if operation.name == "gather" and any(
        one != other for place, (one, other) in enumerate(zip(operand.shape, index.shape, strict=True)) if place != axis
    ):
        raise UnforeseenError
    return [*lines(operation, operand, [axis])]


def _added(operation: Operation, operand: Operand, source: Operand, targets: torch.Tensor, taken: torch.Tensor) -> list[Value]:
    rows, places = (part.reshape(-1).numpy() for part in (targets, taken))
    landed = operation.sets(source).merged(rows, places, operand.size, operation.name)
    return [operation.sets(operand).union([landed])]


def _put(
    operation: Operation, operand: Operand, source: Operand | None, targets: torch.Tensor, taken: torch.Tensor
) -> list[Value]:
    """Put entries in the place of others; of several at one place reverse mode takes each for the one that stays."""
    rows = targets.reshape(-1).numpy()
    is_kept = np.ones(operand.size, dtype=bool)
    is_kept[rows] = False
    kept = operation.sets(operand).where(is_kept)
    if source is None or source.sets is None:
        return [kept]
    if np.unique(rows).size < rows.size:
        operation.watched.is_even = False
    return [kept.union([source.sets.merged(rows, taken.reshape(-1).numpy(), operand.size, operation.name)])]


def _anywhere(operation: Operation, operand: Operand, source: Operand) -> list[Value]:
    """Let what is added land anywhere along an axis."""
    (axis,) = axes_of(operation.named["dim"], operand)
    others = [one == other for place, (one, other) in enumerate(zip(operand.shape, source.shape, strict=True)) if place != axis]
    if not all(others):
        raise UnforeseenError
    return [operation.sets(operand).union(lines(operation, source, [axis]))]


def _places(operand: Operand) -> torch.Tensor:
    return torch.arange(operand.size).reshape(operand.shape)


def _lines(operand: Operand, index: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the places in an operand, of which along all axes but one only so many count as there are indices."""
    cut = [slice(None) if axis == dim % index.dim() else slice(length) for axis, length in enumerate(index.shape)]
    return _places(operand)[tuple(cut)]
