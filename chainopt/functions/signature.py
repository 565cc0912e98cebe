"""The arguments of a call taken apart, and put together again around other arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.errors import ChainError
from chainopt.functions.options import check_distinct
from chainopt.numbers import counted, shown

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.typing import Array, PyTree


class _Array:
    """Stands in the place of an array."""


ARRAY = _Array()
PLAIN = frozenset({int, bool, str, bytes, type(None)})  # whose values are equal only where nobody can tell them apart
NUMBERS = frozenset({float, complex})
SCALARS = PLAIN | NUMBERS


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
        count, is_tuple = len(args), not isinstance(argnums, int)
        kept = list(args)
        if isinstance(argnums, int):  # the usual way, and a short one
            if not -count <= argnums < count:
                raise _missing(argnums, count)
            chosen: tuple[int, ...] = (argnums % count,)
            inputs, input_tree = backend.flatten(args[argnums])
            kept[argnums] = None
        else:
            if not all(-count <= position < count for position in argnums):
                raise _missing(argnums, count)
            chosen = tuple(position % count for position in argnums)
            check_distinct(chosen, argnums)
            inputs, input_tree = backend.flatten(tuple(args[position] for position in chosen))
            for position in chosen:
                kept[position] = None
        others: list[Array] = []
        rest, rest_tree = None if kwargs else _without_arrays(backend, kept, others), None
        if rest is None:
            leaves, rest_tree = backend.flatten((kept, kwargs))
            others = [leaf for leaf in leaves if backend.is_array(leaf)]
            rest = [ARRAY if backend.is_array(leaf) else leaf for leaf in leaves]
        return cls(inputs, others, input_tree, rest_tree, rest, chosen, is_tuple)

    @property
    def has_numbers(self) -> bool:
        """Whether there are Python numbers among the arguments that are no ints, and may be others at each call."""
        return any(type(leaf) in NUMBERS for leaf in self.rest)

    def key(self, backend: Backend, *, by_numbers: bool = True) -> Hashable:
        """Return what calls that trace alike have in common; what of it has no hash shows when it is looked up.

        All that it holds is compared, and kept alive as long as it is known: neither texts nor addresses stand for it.

        Parameters
        ----------
        backend : Backend
            Of whose arrays the function is.
        by_numbers : bool
            Whether the values of Python's floats and complex numbers count, and not only where they are.
        """
        trees = backend.tree_key(self.input_tree), None if self.rest_tree is None else backend.tree_key(self.rest_tree)
        arrays = tuple(map(backend.describe, (*self.inputs, *self.others)))
        rest = self.rest if by_numbers else [type(leaf) if type(leaf) in NUMBERS else leaf for leaf in self.rest]
        return backend.state(), *trees, arrays, len(self.inputs), tuple(map(static_key, rest))

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


def _missing(argnums: object, count: int) -> ChainError:
    given = counted(count, "positional argument")
    remedy = "" if count else ": give the point, as in jacobian(f)(x), jacobian(f).plan(x) or sparsity(f, x)"
    return ChainError(f"argnums is {shown(argnums)}, but the function was given {given}{remedy}")


def _without_arrays(backend: Backend, leaves: list[PyTree], arrays: list[Array]) -> list[PyTree] | None:
    """Move arrays to a list of their own, where there is nothing among them but arrays and scalars."""
    rest: list[PyTree] = []
    for leaf in leaves:
        if type(leaf) in SCALARS:
            rest.append(leaf)
        elif backend.is_array(leaf):
            arrays.append(leaf)
            rest.append(ARRAY)
        else:
            return None
    return rest


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
