"""The arguments of a call taken apart, and put together again around other arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Trees(NamedTuple):
    """How a library takes pytrees apart, and what it takes for an array."""

    flatten: Callable[[Any], tuple[list[Any], Any]]
    unflatten: Callable[[list[Any], Any], Any]
    is_array: Callable[[Any], bool]
    describe: Callable[[Any], Any]  # what of an array decides how a function of it is traced


class _Array:
    """Stands in the place of an array."""


ARRAY = _Array()


@dataclass(frozen=True)
class Call:
    """The arguments of a call: the leaves to differentiate by, the other arrays, and all that is neither."""

    trees: Trees
    inputs: list[Any]
    others: list[Any]
    input_tree: Any
    rest_tree: Any
    rest: tuple[Any, ...]  # the leaves of the rest, ARRAY in the place of arrays
    chosen: tuple[int, ...]
    is_tuple: bool

    @classmethod
    def read(cls, trees: Trees, argnums: int | tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Take a call apart.

        Raises
        ------
        ChainError
            If an argument to differentiate by is not among the positional ones.
        """
        is_tuple = not isinstance(argnums, int)
        wanted = (argnums,) if isinstance(argnums, int) else argnums
        if not all(-len(args) <= at < len(args) for at in wanted):
            msg = f"argnums is {argnums!r}, but the function was given {len(args)} positional arguments"
            raise ChainError(msg)
        chosen = tuple(at % len(args) for at in wanted)
        picked = tuple(args[at] for at in chosen)
        inputs, input_tree = trees.flatten(picked if is_tuple else picked[0])
        kept = [None if at in chosen else argument for at, argument in enumerate(args)]
        rest, rest_tree = trees.flatten((kept, kwargs))
        others = [leaf for leaf in rest if trees.is_array(leaf)]
        held = tuple(ARRAY if trees.is_array(leaf) else leaf for leaf in rest)
        return cls(trees, inputs, others, input_tree, rest_tree, held, chosen, is_tuple)

    def key(self) -> Any:
        """Return what calls that trace alike have in common; None where that cannot be told."""
        arrays = tuple(map(self.trees.describe, (*self.inputs, *self.others)))
        kinds = tuple(map(type, self.rest))  # 1, 1.0 and True are equal, but a function may tell them apart
        try:
            key = str(self.input_tree), str(self.rest_tree), arrays, self.rest, kinds
            hash(key)
        except TypeError:
            return None
        return key

    def arguments(self, arrays: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Put arrays in the places of the leaves that were arrays."""
        count = len(self.inputs)
        supply = iter(arrays[count:])
        rest = [next(supply) if leaf is ARRAY else leaf for leaf in self.rest]
        kept, kwargs = self.trees.unflatten(rest, self.rest_tree)
        picked = self.trees.unflatten(list(arrays[:count]), self.input_tree)
        for at, argument in zip(self.chosen, picked if self.is_tuple else (picked,), strict=True):
            kept[at] = argument
        return kept, kwargs
