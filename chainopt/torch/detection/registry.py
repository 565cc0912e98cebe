"""The rules of the detection by the operators' names, and what they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from torch.utils import _pytree as pytree

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.torch.detection.values import Known, Operand, Value, Watched

if TYPE_CHECKING:
    import torch

    from chainopt.typing import Array, NumpyArray


class UnforeseenError(ValueError):
    """A form of an operator that its rule does not know."""


class Result(NamedTuple):
    """The form of a tensor that an operator returns."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


class Operation:
    """A step of a recording.

    Parameters
    ----------
    target : torch._ops.OpOverload
        The operator.
    args, kwargs
        Its arguments, with an `Operand` in the place of each tensor.
    results : sequence of Result
        The forms of the tensors that it returns.
    columns : int
        How many entries the inputs have.
    watched : Watched
        Which numbers are looked at.
    """

    def __init__(
        self,
        target: Array,
        args: tuple[Array, ...],
        kwargs: dict[str, Array],
        results: Sequence[Result],
        columns: int,
        watched: Watched,
    ) -> None:
        self.target, self.results, self.columns, self.watched = target, results, columns, watched
        schema = target._schema.arguments  # noqa: SLF001 -- no other name is public
        defaults = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
        self.named: dict[str, Array] = defaults | dict(zip((argument.name for argument in schema), args, strict=False)) | kwargs
        self.args, self.kwargs = args, kwargs
        self.operands = [leaf for leaf in pytree.tree_leaves((args, kwargs), is_leaf=_is_operand) if _is_operand(leaf)]

    @property
    def name(self) -> str:
        """What a user calls it."""
        return str(self.target._schema.name).removeprefix("aten::")  # noqa: SLF001

    def of(self, name: str) -> Operand:
        """Return the operand with this name."""
        operand = self.named.get(name)
        if not isinstance(operand, Operand):
            raise UnforeseenError
        return operand

    def sets(self, operand: Operand) -> IndexSets:
        """Return what an operand depends on."""
        return operand.sets or IndexSets(operand.size, self.columns, ())

    def numbers(self, operand: Operand) -> torch.Tensor | None:
        """Return the numbers of an operand that is the same for all inputs; None if it is not."""
        return self.watched.look(operand.value) if isinstance(operand.value, Known) else None

    def mask(self, operand: Operand) -> NumpyArray | None:
        """Tell where an operand may be other than zero; None where that may be anywhere."""
        if not isinstance(operand.value, Known):
            return None
        mask: NumpyArray = self.watched.look(operand.value, at_zeros=True).numpy()
        return None if mask.all() else mask

    def spread(self, sets: IndexSets, shape: Sequence[int], onto: Sequence[int]) -> IndexSets:
        """Return what entries of one shape depend on, broadcast to another."""
        own = tuple(shape)
        return sets if own == tuple(onto) else sets.moved(lambda ids: np.broadcast_to(ids, tuple(onto)), own)

    def nothing(self, result: Result) -> IndexSets:
        """Return entries that depend on no input."""
        return IndexSets(result.size, self.columns, ())


Rule: TypeAlias = Callable[[Operation], Sequence[Value]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Return the decorator that makes a function the rule of the operators with these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def everything(operation: Operation) -> list[Value]:
    """Let all entries of all results depend on whatever goes in."""
    sets = [operand.sets for operand in operation.operands if operand.sets is not None]
    whole = IndexSets(1, operation.columns, ())
    whole = whole.union([one.everything(1, operation.name) for one in sets]).consolidated(operation.name)
    return [whole.taken(np.zeros(result.size, dtype=np.int64)) for result in operation.results]


def _is_operand(leaf: Array) -> bool:
    return isinstance(leaf, Operand)
