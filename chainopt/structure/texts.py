"""Structures in dicts and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainopt.errors import ChainError
from chainopt.structure.structures import Banded, BlockDiagonal, Dense, Diagonal, Identity, Sparse

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.structure.structures import Structure

_WITHOUT_PARAMETERS: dict[str, Callable[[], Structure]] = {"dense": Dense, "diagonal": Diagonal, "identity": Identity}


def to_dict(structure: Structure) -> dict[str, Any]:
    """Return a structure as texts, ints and lists."""
    if isinstance(structure, Banded):
        return {"kind": "banded", "lower": structure.lower, "upper": structure.upper}
    if isinstance(structure, BlockDiagonal):
        return {"kind": "blockdiagonal", "blocks": [list(block) for block in structure.blocks]}
    if isinstance(structure, Sparse):
        places = {"indptr": structure.indptr.tolist(), "indices": structure.indices.tolist()}
        return {"kind": "sparse", "shape": list(structure.shape), **places}
    return {"kind": type(structure).__name__.lower()}


def from_dict(data: Any) -> Structure:
    """Make the structure that `to_dict` wrote.

    Raises
    ------
    ChainError
        If it is no such dict.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if isinstance(kind, str) and kind in _WITHOUT_PARAMETERS:
        return _WITHOUT_PARAMETERS[kind]()
    try:
        if kind == "banded":
            return Banded(data["lower"], data["upper"])
        if kind == "blockdiagonal":
            return BlockDiagonal(data["blocks"])
        if kind == "sparse":
            rows, columns = data["shape"]
            return Sparse.from_places((rows, columns), data["indptr"], data["indices"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ChainError):
            raise
        msg = f"structure of kind {kind!r} lacks what describes it: {error}"
        raise ChainError(msg) from None
    msg = f"structure is {data!r}: known kinds are dense, diagonal, identity, banded, blockdiagonal and sparse"
    raise ChainError(msg)


def words(structure: Structure | None) -> str:
    """Say after a shape what the matrix is; nothing of a dense one."""
    if structure is None or isinstance(structure, Dense):
        return ""
    if isinstance(structure, Banded):
        return f" band {structure.lower}+{structure.upper}"
    if isinstance(structure, BlockDiagonal):
        return f" {len(structure.blocks)} blocks"
    if isinstance(structure, Sparse):
        return f" sparse {structure.indices.size}"
    return f" {type(structure).__name__.lower()}"
