"""A sparse Jacobian for one signature of the arguments: what computes its nonzeros."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.sparse.blocks import cut
from chainopt.structure.compression import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.signature import Call
    from chainopt.functions.sparse.backend import Recorded, SparseBackend
    from chainopt.functions.unpack import Results
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array

UNCHECKED = (
    "pattern lacks places that were found in the function, which may have been too many, and inside a transformation there are no"
    " values to compare with: prepare(...) the Jacobian outside of it, or take check=False"
)


class SparseProgram:
    """What computes the sparse Jacobian of a function that was traced."""

    def __init__(
        self,
        backend: SparseBackend,
        recorded: Recorded,
        results: Results,
        entries: Entries,
        coloring: Coloring,
        call: Call,
        chunk_size: int | None,
    ) -> None:
        self.backend, self.recorded, self.results = backend, recorded, results
        self.entries, self.coloring = entries, coloring
        self.arrays = len(call.inputs) + len(call.others)
        found = sources(entries, coloring)
        assert found.is_complete
        inputs = [tuple(getattr(leaf, "shape", ())) for leaf in call.inputs]
        self.blocks = cut(entries, found, recorded.shapes, inputs, is_symmetric=coloring.is_symmetric)
        self._compute = recorded.compressed(coloring, self.blocks, chunk_size)
        self._read = [array for array in recorded.read() if _is_among(array, call.besides)]

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether it holds arrays that are gone as soon as a transformation ends."""
        return self.recorded.belongs_to_a_transformation

    def is_current(self, besides: Sequence[Array] = ()) -> bool:
        """Whether the pattern still holds.

        Parameters
        ----------
        besides : sequence of arrays
            What the function reads now, if that is looked at here.
        """
        is_read = not besides or all(_is_among(array, besides) for array in self._read)
        return is_read and self.recorded.is_current()

    @cached_property
    def makers(self) -> list[Callable[[Array], Array]]:
        """What makes the sparse arrays of the blocks."""
        return [self.backend.maker(block) for block in self.blocks]

    def nonzeros(self, arrays: Sequence[Array], besides: Sequence[Array] | None = None) -> list[Array]:
        """Return those of each block, and the further results behind.

        Parameters
        ----------
        arrays : sequence of arrays
            Those of the call.
        besides : sequence of arrays, optional
            What the function reads now, if that is known.
        """
        return self._compute(arrays[: self.arrays], besides)

    def __call__(self, arrays: Sequence[Array], besides: Sequence[Array] | None = None) -> Array:
        """Return what the caller gets."""
        flat, count = self.nonzeros(arrays, besides), len(self.blocks)
        matrices = [maker(nonzeros) for maker, nonzeros in zip(self.makers, flat[:count], strict=True)]
        return self.assembled(matrices, flat[count:])

    def values(self, arrays: Sequence[Array], besides: Sequence[Array] | None = None) -> Array:
        """Return the same with the nonzeros alone in the place of each sparse array."""
        flat, count = self.nonzeros(arrays, besides), len(self.blocks)
        return self.assembled(flat[:count], flat[count:])

    def assembled(self, matrices: Sequence[Array], further: Sequence[Array]) -> Array:
        """Put what stands for the blocks, and the further results, in their places."""
        return self.results.assembled(self.backend.dense, [*matrices, *further])

    def check(self, arrays: Sequence[Array]) -> None:
        """Compare one product with the function's own, or, where there are no values, the pattern with that of the function.

        Raises
        ------
        ChainError
            Which names a place where the pattern is wrong.
        """
        arrays = arrays[: self.arrays]
        if not self.backend.is_known(arrays) or self.belongs_to_a_transformation:
            try:
                detected, _ = self.recorded.detected()
            except ChainError:  # what is found is dense
                raise ChainError(UNCHECKED) from None
            if (detected > self.entries).nnz:
                raise ChainError(UNCHECKED)
            return
        where = self.recorded.mismatch(arrays, self.entries, self.nonzeros(arrays)[: len(self.blocks)], self.blocks)
        if where is not None:
            msg = f"pattern does not cover the Jacobian: {where}. Add what is missing, or leave pattern= out: then it is found"
            raise ChainError(msg)


def _is_among(array: Array, arrays: Sequence[Array]) -> bool:
    return any(array is other for other in arrays)
