"""What is known of tensors while a recording is walked through, and which numbers of theirs were looked at.

`IndexSets` where a tensor depends on the inputs, `Known` where it is the same for all inputs, and None where nothing is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch

from chainopt.functions.sparsity.index_sets import IndexSets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainopt.typing import Array

NOTHING: frozenset[int] = frozenset()
MOST_ENTRIES = 30_000_000  # of a tensor that is the same for all inputs, and is computed


class Known(NamedTuple):
    """A tensor that is the same for all inputs, and the tensors that the function reads of which it is made.

    Parameters
    ----------
    tensor : torch.Tensor
        Its numbers.
    by_numbers : frozenset of int
        Places of those whose numbers it is computed from.
    by_zeros : frozenset of int
        Of those whose entries it has: where they are zero, it is.
    """

    tensor: torch.Tensor
    by_numbers: frozenset[int] = NOTHING
    by_zeros: frozenset[int] = NOTHING


Value: TypeAlias = "IndexSets | Known | None"


class Operand(NamedTuple):
    """A tensor among the arguments of an operator: what is known of it, and its form."""

    value: Value
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)

    @property
    def sets(self) -> IndexSets | None:
        """What its entries depend on; None where they depend on nothing."""
        return self.value if isinstance(self.value, IndexSets) else None

    @classmethod
    def of(cls, value: Value, like: Array) -> Operand:
        """Take the form of a tensor."""
        return cls(value, tuple(like.shape), like.dtype)


def has_derivative(dtype: torch.dtype) -> bool:
    """Whether numbers of a dtype have derivatives."""
    return dtype.is_floating_point or dtype.is_complex


class Watched:
    """The tensors that a function reads whose numbers decided on the pattern, as they were then.

    Attributes
    ----------
    tensors : list of torch.Tensor
        All that it reads.
    is_even : bool
        Whether forward mode finds what reverse mode does, as far as steps are concerned.
    """

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []
        self.is_even = True
        self._numbers: dict[int, torch.Tensor] = {}
        self._zeros: dict[int, torch.Tensor] = {}

    def place(self, tensor: torch.Tensor) -> int:
        """Return the place of a tensor in the list."""
        for place, known in enumerate(self.tensors):
            if known is tensor:
                return place
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def look(self, known: Known, *, at_zeros: bool = False) -> torch.Tensor:
        """Return the numbers of a tensor, or where they are not zero, and remember those that it comes from."""
        for place in known.by_numbers if at_zeros else known.by_numbers | known.by_zeros:
            self._numbers.setdefault(place, self.tensors[place].detach().clone())
        for place in known.by_zeros if at_zeros else NOTHING:
            if place not in self._zeros and not (mask := self.tensors[place].detach() != 0).all():  # else no zero can go
                self._zeros[place] = mask
        return (known.tensor != 0 if at_zeros else known.tensor).cpu()

    def read(self) -> Iterator[torch.Tensor]:
        """List the tensors whose numbers were looked at."""
        return (self.tensors[place] for place in self._numbers.keys() | self._zeros.keys())

    def is_unchanged(self) -> bool:
        """Whether the numbers are as they were, where that matters."""
        return all(_equal(self.tensors[place], numbers) for place, numbers in self._numbers.items()) and all(
            not bool(((self.tensors[place] != 0) & ~mask).any()) for place, mask in self._zeros.items()
        )


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and one.device == other.device and torch.equal(one, other)
