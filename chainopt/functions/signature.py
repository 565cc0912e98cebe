"""The arguments of a call taken apart, and put together again around other arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.errors import ChainError
from chainopt.functions.options import check_distinct

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array, PyTree


class _Array:
    """Stands in the place of an array."""


ARRAY = _Array()
PLAIN = frozenset({int, bool, str, bytes, type(None)})  # whose values are equal only where nobody can tell them apart
SCALARS = PLAIN | {float, complex}


class Call(NamedTuple):
    """The arguments of a call: the leaves to differentiate by, the other arrays, and all that is neither."""

    inputs: list[Array]
    others: list[Array]
    input_tree: PyTree
    rest_tree: PyTree  # None where the rest is a list of leaves already
    rest: list[Array]  # the leaves of the rest, ARRAY in the place of arrays
    chosen: tuple[int, ...]
    is_tuple: bool
    besides: tuple[Array, ...] = ()  # arrays that the function reads besides its arguments

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All arrays that a program of the function is given."""
        return (*self.inputs, *self.others, *self.besides)

    @classmethod
    def read(cls, backend: Backend, argnums: int | tuple[int, ...], args: tuple[Array, ...], kwargs: dict[str, Array]) -> Call:
        """Take a call apart.

        Parameters
        ----------
        backend : Backend
            Of whose arrays the function is.
        argnums : int or tuple of int
            By which arguments it is differentiated.
        args, kwargs
            The arguments.

        Raises
        ------
        ChainError
            If an argument to differentiate by is not among the positional ones, or is named twice.
        """
        is_tuple = not isinstance(argnums, int)
        wanted = (argnums,) if isinstance(argnums, int) else argnums
        count = len(args)
        if not all(-count <= position < count for position in wanted):
            msg = f"argnums is {argnums!r}, but the function was given {count} positional arguments"
            raise ChainError(msg)
        chosen = tuple(position % count for position in wanted)
        check_distinct(chosen, argnums)
        picked = tuple(args[position] for position in chosen)
        inputs, input_tree = backend.flatten(picked if is_tuple else picked[0])
        kept = [None if position in chosen else argument for position, argument in enumerate(args)]
        rest, rest_tree = kept, None
        are_arrays = [type(leaf) not in SCALARS and backend.is_array(leaf) for leaf in rest]
        if kwargs or not all(is_one or type(leaf) in SCALARS for leaf, is_one in zip(rest, are_arrays, strict=True)):
            rest, rest_tree = backend.flatten((kept, kwargs))
            are_arrays = list(map(backend.is_array, rest))
        others = [leaf for leaf, is_one in zip(rest, are_arrays, strict=True) if is_one]
        rest = [ARRAY if is_one else leaf for leaf, is_one in zip(rest, are_arrays, strict=True)]
        return cls(inputs, others, input_tree, rest_tree, rest, chosen, is_tuple)

    def key(self, backend: Backend) -> Hashable | None:
        """Return what calls that trace alike have in common; None where that cannot be told.

        All that it holds is compared, and kept alive as long as it is known: neither texts nor addresses stand for it.
        """
        trees = backend.tree_key(self.input_tree), None if self.rest_tree is None else backend.tree_key(self.rest_tree)
        arrays = tuple(map(backend.describe, (*self.inputs, *self.others)))
        key = (backend.state(), *trees, arrays, len(self.inputs), tuple(map(static_key, self.rest)))
        try:
            hash(key)
        except TypeError:
            return None
        return key

    def arguments(self, backend: Backend, arrays: Sequence[Array]) -> tuple[list[Array], dict[str, Array]]:
        """Put arrays in the places of the leaves that were arrays."""
        count = len(self.inputs)
        supply = iter(arrays[count:])
        rest = [next(supply) if leaf is ARRAY else leaf for leaf in self.rest]
        kept, kwargs = (rest, {}) if self.rest_tree is None else backend.unflatten(self.rest_tree, rest)
        picked = backend.unflatten(self.input_tree, list(arrays[:count]))
        for position, argument in zip(self.chosen, picked if self.is_tuple else (picked,), strict=True):
            kept[position] = argument
        return kept, kwargs


def static_key(leaf: PyTree) -> Hashable:
    """Return what stands for a leaf that is no array: equal only for those that a function cannot tell apart.

    1, 1.0 and True are equal, and so are 0.0 and -0.0; what is equal by a rule of its own must look the same, too.
    """
    kind: Array = type(leaf)
    if leaf is ARRAY or kind in PLAIN:
        return kind, leaf
    if kind is float:
        return kind, leaf.hex()
    if kind is complex:
        return kind, leaf.real.hex(), leaf.imag.hex()
    return (kind, leaf) if kind.__eq__ is object.__eq__ else (kind, leaf, repr(leaf))
