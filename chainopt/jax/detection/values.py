"""What is known of an array: the values that the rules take and return.

`IndexSets` where it depends on the inputs, a NumPy array where it is the same for all inputs, `Partial` or `PartlyKnown` where
some of it is, and None where nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import jax
import numpy as np

from chainopt.functions.sparsity.groups import Groups
from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.functions.sparsity.parts import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array, BoolArray, NumpyArray


@dataclass(frozen=True, eq=False)
class Partial:
    """What is zero for all inputs wherever a mask is false, and not known elsewhere."""

    mask: BoolArray


@dataclass(frozen=True, eq=False)
class PartlyKnown:
    """Integers of which some are the same for all inputs, and the others not known."""

    values: NumpyArray
    known: BoolArray


Value: TypeAlias = "IndexSets | NumpyArray | Partial | PartlyKnown | None"


def constant(value: Array) -> NumpyArray | None:
    """Return an array as NumPy has it; None for what NumPy cannot hold, or what is different at each call."""
    if isinstance(value, jax.core.Tracer):
        return None
    try:
        array = np.asarray(value)
    except Exception:  # noqa: BLE001 -- keys of random numbers, arrays on several hosts: whatever is none of NumPy's
        return None
    return None if array.dtype == object else array


def seeded(operands: Sequence[Value]) -> list[IndexSets]:
    """List the operands that depend on the inputs."""
    return [operand for operand in operands if isinstance(operand, IndexSets)]


def is_zero(value: Value) -> bool:
    """Whether a value is zero for all inputs."""
    if not isinstance(value, np.ndarray):
        return False
    if not any(value.strides) and value.size:  # one number, broadcast
        value = value.reshape(-1)[:1]
    return not value.any()


def nonzero(value: Value, axes: Sequence[int]) -> BoolArray | None:
    """Tell where a value may be other than zero, broadcast to a shape; None where that may be anywhere."""
    if isinstance(value, Partial):
        return np.broadcast_to(value.mask, tuple(axes))
    if not isinstance(value, np.ndarray):
        return None
    mask = value != 0
    return None if mask.all() else np.broadcast_to(mask, tuple(axes))


def full(count: int, columns: int, origin: str) -> IndexSets:
    """Return entries that depend on all columns."""
    groups = Groups.single(np.ones(columns, dtype=bool), origin)
    return IndexSets(count, columns, (Part(np.zeros(count, dtype=np.int32), groups),))


def plain(values: Sequence[Value]) -> list[Value]:
    """Forget what is known of some entries only, for what makes nothing of that."""
    return [None if isinstance(value, Partial | PartlyKnown) else value for value in values]
