"""A sparse Jacobian for one signature of the arguments: pattern, colors, and what computes the nonzeros."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.prepared import Returned, flat_functions
from chainopt.functions.sparse.blocks import cut
from chainopt.functions.sparse.density import check_is_sparse
from chainopt.functions.unpack import Results
from chainopt.structure.compression import sources
from chainopt.structure.star_coloring import symmetric_products
from chainopt.structure.two_sided_coloring import fewest_products

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.options import Options
    from chainopt.functions.signature import Call
    from chainopt.functions.sparse.backend import Recorded, SparseBackend
    from chainopt.functions.sparse.given_pattern import GivenPattern
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, Function

UNCHECKED = (
    "pattern lacks places that were found in the function, which may have been too many, and inside a transformation there are no"
    " values to compare with: prepare(...) the Jacobian outside of it, or take check=False"
)


class SparseProgram:
    """What computes the sparse Jacobian of a function that was traced.

    Parameters
    ----------
    backend : SparseBackend
        Of whose arrays the function is.
    recorded : Recorded
        The function.
    results : Results
        The pytrees that a call returns.
    entries : scipy.sparse.csr_array of bool
        The pattern.
    coloring : Coloring
        Of it.
    call : Call
        At which the function was traced.
    chunk_size : int, optional
        How many products are computed at once.
    """

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

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether it holds arrays that are gone as soon as a transformation ends."""
        return self.recorded.belongs_to_a_transformation

    @cached_property
    def makers(self) -> list[Callable[[Array], Array]]:
        """What makes the sparse arrays of the blocks."""
        return [self.backend.maker(block) for block in self.blocks]

    def nonzeros(self, arrays: Sequence[Array]) -> list[Array]:
        """Return those of each block, and the further results behind."""
        return self._compute(arrays[: self.arrays])

    def __call__(self, arrays: Sequence[Array]) -> Array:
        """Return what the caller gets."""
        flat, count = self.nonzeros(arrays), len(self.blocks)
        matrices = [maker(nonzeros) for maker, nonzeros in zip(self.makers, flat[:count], strict=True)]
        return self.results.assembled(self.backend.dense, [*matrices, *flat[count:]])

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
            msg = f"pattern does not hold the Jacobian: {where}. Add what is missing, or leave pattern= out, and it is found"
            raise ChainError(msg)


def prepare_sparse(
    backend: SparseBackend, function: Function, call: Call, options: Options, coloring: Coloring | None = None
) -> SparseProgram:
    """Trace a function for the signature of a call, find its pattern and the colors.

    Parameters
    ----------
    backend : SparseBackend
        Of whose arrays it is.
    function : callable
        Which is differentiated.
    call : Call
        The arguments at which it is traced.
    options : Options
        What is asked for.
    coloring : Coloring, optional
        Of the pattern that is given, if it is known.

    Raises
    ------
    ChainError
        If the Jacobian is not sparse, or the pattern that was given is wrong. What tracing raises is let through.
    """
    dense = backend.dense
    if not call.inputs:
        msg = "the arguments to differentiate by hold no arrays"
        raise ChainError(msg)
    is_symmetric = options.is_hessian and backend.has_symmetric_hessian(
        options.result_of(function), *call.arguments(dense, call.arrays)
    )
    traced = backend.gradient(function, options) if options.is_hessian else function
    returned = Returned(dense, has_aux=options.has_aux)
    flat = flat_functions(dense, (traced,), lambda arrays: call.arguments(dense, arrays), returned)[0]
    recorded = backend.recorded(flat, call.inputs, call.others, lambda: returned.outputs, is_symmetric=is_symmetric)
    given: GivenPattern | None = options.pattern
    if given is None:
        entries, dense_by = recorded.detected()
    else:
        columns = sum(_size(leaf) for leaf in call.inputs)
        given.check_shape((sum(map(_product, recorded.shapes)), columns))
        entries, dense_by = given.entries, "the pattern that was given"
    if is_symmetric:
        entries = symmetric(entries)
    shape = int(entries.shape[0]), int(entries.shape[1])
    check_is_sparse(shape, entries.nnz, None, dense_by)
    if coloring is None:
        coloring = _colored(recorded, entries, options, is_symmetric=is_symmetric)
        check_is_sparse(shape, entries.nnz, coloring.products, dense_by)
    results = Results(
        call.input_tree,
        len(call.inputs),
        returned.tree,
        returned.outputs,
        returned.aux_tree,
        returned.aux,
        options.has_aux,
        with_value=False,
        low_rank=False,
    )
    program = SparseProgram(backend, recorded, results, entries, coloring, call, options.chunk_size)
    if given is not None and options.check:
        program.check(call.arrays)
    return program


def symmetric(entries: Entries) -> Entries:
    """Return a pattern with the mirror image of each place."""
    both: Entries = (entries + entries.T).tocsr()
    both.sort_indices()
    return both


def _colored(recorded: Recorded, entries: Entries, options: Options, *, is_symmetric: bool) -> Coloring:
    """Color what can be: columns where there are JVPs, rows where there are VJPs."""
    has_jvps = recorded.has_jvps and options.mode != "reverse"
    has_vjps = options.mode != "forward" and (is_symmetric or not has_jvps or recorded.has_vjps)
    if is_symmetric:
        return symmetric_products(entries)
    return fewest_products(entries, has_jvps=has_jvps or not has_vjps, has_vjps=has_vjps)


def _size(leaf: Array) -> int:
    return _product(getattr(leaf, "shape", ()))


def _product(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
