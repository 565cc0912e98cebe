"""The same entries in other places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.jax.detection.registry import lifted, rule
from chainopt.jax.jaxprs import shape, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jax.detection.registry import Rule, Walker
    from chainopt.jax.detection.values import Value
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import NumpyArray


def moving(*names: str) -> Callable[[Callable[[JaxprEqn, NumpyArray], NumpyArray]], Rule]:
    """Return a decorator that makes a function of one array the rule of primitives."""

    def register(move: Callable[[JaxprEqn, NumpyArray], NumpyArray]) -> Rule:
        def moved(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
            operand = operands[0]
            assert isinstance(operand, IndexSets)
            return [operand.moved(lambda ids: move(equation, ids), shape(equation.invars[0]))]

        return rule(*names)(moved)

    return register


@moving("broadcast_in_dim")
def broadcast_in_dim(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Repeat the entries along new axes."""
    axes = shape(equation.outvars[0])
    inner = [1] * len(axes)
    for axis, length in zip(equation.params["broadcast_dimensions"], ids.shape, strict=True):
        inner[axis] = length
    return np.broadcast_to(ids.reshape(inner), axes)


@moving("reshape")
def reshape(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Keep the order, which old versions may change first."""
    order = equation.params.get("dimensions")
    return (ids if order is None else ids.transpose(order)).reshape(shape(equation.outvars[0]))


@moving("squeeze", "expand_dims")
def squeeze(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Keep the order."""
    return ids.reshape(shape(equation.outvars[0]))


@moving("transpose")
def transpose(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Change the order of the axes."""
    return ids.transpose(equation.params["permutation"])


@moving("rev")
def rev(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Turn some axes round."""
    return np.flip(ids, tuple(equation.params["dimensions"]))


@moving("slice")
def slice_(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Cut."""
    steps = equation.params["strides"] or (1,) * ids.ndim
    return ids[tuple(map(slice, equation.params["start_indices"], equation.params["limit_indices"], steps))]


@moving("tile")
def tile(equation: JaxprEqn, ids: NumpyArray) -> NumpyArray:
    """Repeat the whole."""
    return np.tile(ids, equation.params["reps"])


@rule("split")
def split(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
    """Cut into parts."""
    operand, axis = operands[0], equation.params["axis"]
    assert isinstance(operand, IndexSets)
    ends = np.cumsum(equation.params["sizes"])[:-1]
    places = np.arange(operand.size).reshape(shape(equation.invars[0]))
    return [operand.taken(part) for part in np.split(places, ends, axis)]


@rule("concatenate")
def concatenate(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Put arrays side by side: first one after the other, then in their places."""
    pieces = [lifted(value, size(atom), equation, walker) for value, atom in zip(operands, equation.invars, strict=True)]
    axis = equation.params["dimension"]
    line = joined(pieces)
    if axis == 0:
        return [line]
    ends = np.cumsum([0, *(piece.size for piece in pieces)])
    blocks = [
        np.arange(first, last).reshape(shape(atom)) for first, last, atom in zip(ends, ends[1:], equation.invars, strict=False)
    ]
    return [line.taken(np.concatenate(blocks, axis))]


@rule("stack")
def stack(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Put arrays side by side along a new axis."""
    line = joined([lifted(value, size(atom), equation, walker) for value, atom in zip(operands, equation.invars, strict=True)])
    axis = equation.params["axis"]
    return [line.moved(lambda ids: np.moveaxis(ids, 0, axis), (len(operands), *shape(equation.invars[0])))]


@rule("unstack")
def unstack(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:  # noqa: ARG001 -- a rule's
    """Cut into parts of the length one, without their axis."""
    operand, axis = operands[0], equation.params["axis"]
    assert isinstance(operand, IndexSets)
    places = np.arange(operand.size).reshape(shape(equation.invars[0]))
    return [operand.taken(part) for part in np.moveaxis(places, axis, 0)]


@rule("pad")
def pad(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Put something around an array, and between its entries; or cut some off."""
    places = padded(np.arange(size(equation.invars[0])).reshape(shape(equation.invars[0])), equation.params["padding_config"])
    operand, padding = (
        lifted(value, size(atom), equation, walker) for value, atom in zip(operands, equation.invars, strict=True)
    )
    result = operand.taken(places)
    return [result.union([padding.taken(np.where(places < 0, 0, -1))]) if padding.parts else result]


def padded(places: NumpyArray, configuration: Sequence[tuple[int, int, int]]) -> NumpyArray:
    """Put -1 around and between numbers, as `jax.lax.pad` does with its padding value."""
    for axis, (low, high, interior) in enumerate(configuration):
        lines = np.moveaxis(places, axis, 0)
        length = len(lines)
        inner = np.full((length + max(length - 1, 0) * interior, *lines.shape[1:]), -1, dtype=np.int64)
        inner[:: interior + 1] = lines
        inner = inner[max(-low, 0) : len(inner) - max(-high, 0)]
        widths = [(max(low, 0), max(high, 0)), *[(0, 0)] * (lines.ndim - 1)]
        places = np.moveaxis(np.pad(inner, widths, constant_values=-1), 0, axis)
    return places
