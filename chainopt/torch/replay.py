"""Compressed products, recorded once as a graph of operators: without the time that `torch.func` takes in Python.

A graph holds the tensors that the function reads, so it is replayed only while those are the same objects. Numbers that are
written into them count, as they do in the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from chainopt.functions.backend import UnplannableError
from chainopt.torch.backend import BACKEND

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from chainopt.typing import Array

MOST_GRAPHS = 16  # of one program: beyond, arguments of other strides are not recorded
UNRECORDED = None


class Replay:
    """A computation that is called the first time, recorded the second, and replayed from then on.

    Parameters
    ----------
    compute : callable
        Of a list of tensors, that returns such a list.
    names : frozenset of str
        Those of the operators of the function that it differentiates.
    recordable : callable, optional
        What can be recorded in its place.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Array]], list[Array]],
        names: frozenset[str],
        recordable: Callable[[Sequence[Array]], list[Array]] | None = None,
    ) -> None:
        self.compute, self.names, self.recordable = compute, names, recordable or compute
        self._graphs: dict[Hashable, tuple[Callable[..., list[Array]], tuple[Array, ...]] | None] = {}
        self._seen: set[Hashable] = set()

    def __call__(self, arrays: Sequence[Array], besides: Sequence[Array] | None) -> list[Array]:
        """Compute, with what the function reads now besides its arguments; None where nobody knows that."""
        if besides is None or not BACKEND.can_record() or is_followed([*arrays, *besides]):
            return self.compute(arrays)
        try:
            key = BACKEND.state(), *map(BACKEND.describe, arrays)
        except UnplannableError:  # as within autocast
            return self.compute(arrays)
        if key not in self._graphs:
            if key not in self._seen or len(self._graphs) >= MOST_GRAPHS:
                self._seen = {key}
                return self.compute(arrays)
            self._graphs[key] = self._recorded(arrays, besides)
        known = self._graphs[key]
        if known is UNRECORDED:
            return self.compute(arrays)
        graph, read = known
        is_same = len(read) == len(besides) and all(map(_is_one, read, besides))
        return list(graph(*arrays)) if is_same else self.compute(arrays)

    def _recorded(
        self, arrays: Sequence[Array], besides: Sequence[Array]
    ) -> tuple[Callable[..., list[Array]], tuple[Array, ...]] | None:
        try:
            return BACKEND.record(lambda *tensors: self.recordable(tensors), arrays, self.names), tuple(besides)
        except Exception:  # noqa: BLE001 -- whatever recording raises, the function itself does not
            return UNRECORDED


def _is_one(array: Array, other: Array) -> bool:
    return array is other


def is_followed(arrays: Sequence[Array]) -> bool:
    """Whether autograd records what is computed of these."""
    return torch.is_grad_enabled() and any(array.requires_grad for array in arrays)
