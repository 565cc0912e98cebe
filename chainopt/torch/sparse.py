"""What PyTorch gives, so that sparse Jacobians of its functions can be computed."""

from __future__ import annotations

import math
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.prepared import Returned, flat_functions
from chainopt.functions.signature import Call
from chainopt.functions.sparse.backend import OtherShapesError
from chainopt.functions.sparse.density import check_is_sparse
from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.mismatch import mismatch
from chainopt.functions.sparse.narrow import splits
from chainopt.torch.backend import BACKEND
from chainopt.torch.compressed import Kept, gathered, jvps, vjps
from chainopt.torch.coo import PREPARED, maker_of
from chainopt.torch.detection import called_at, dense, detect, recorded
from chainopt.torch.gradient import gradient_of
from chainopt.torch.mismatch import TorchProducts, flat
from chainopt.torch.narrow import LinearGraphs, NarrowFunction, WalkedGraph
from chainopt.torch.replay import Replay
from chainopt.torch.symmetry import is_plain_number
from chainopt.torch.trace import is_transforming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scipy.sparse import csr_array

    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.functions.sparse.backend import Narrow, Narrowable
    from chainopt.functions.sparse.blocks import Block, Shape
    from chainopt.functions.sparsity.detection import Detection
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.torch.detection import Found, Recording, Watched
    from chainopt.typing import Array, DType, Function


class RecordedFunction:
    """A function of flat lists of tensors, whose operators have been recorded, if that was certain.

    Parameters
    ----------
    function : callable
        Of the inputs, and then of other tensors; the results that are differentiated come first.
    inputs, others : sequence of tensors
        At which it is recorded.
    outputs : callable
        Says, after the function has been called, how many results are differentiated.
    primal : callable, optional
        Whose gradient it computes, where it does.
    besides : sequence of tensors
        What it reads besides, as far as that is known.
    is_symmetric : bool
        Whether its Jacobian is.

    Raises
    ------
    ChainError
        If it is not of real numbers. `UnplannableError` if a call would change something.
    """

    def __init__(
        self,
        function: Callable[..., list[Array]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        outputs: Callable[[], int],
        primal: Callable[..., list[Array]] | None = None,
        besides: Sequence[Array] = (),
        *,
        is_symmetric: bool,
    ) -> None:
        self.function, self.besides, self.is_symmetric = function, besides, is_symmetric
        self.inputs, self.others = list(inputs), list(others)
        self.recording: Recording | None = None
        self.doubt = ""
        try:
            self.recording, results = recorded(function, [*inputs, *others], primal)
        except UnplannableError as error:
            self.doubt = str(error)
            results = called_at(function, [*inputs, *others])
        self.outputs, self.count = outputs(), len(results)
        for result in results[: self.outputs]:
            if not isinstance(result, torch.Tensor) or not result.is_floating_point():
                what = result.dtype if isinstance(result, torch.Tensor) else type(result).__name__
                msg = f"a result is of {what}: sparse Jacobians need functions of real numbers"
                raise ChainError(msg)
        self.results = results[: self.outputs]
        self.shapes: Sequence[Shape] = [tuple(result.shape) for result in self.results]
        self.dtypes: Sequence[DType] = [result.dtype for result in self.results]
        self.belongs_to_a_transformation = is_transforming()
        self.watched: Watched | None = None

    def main(self, others: Sequence[Array]) -> Callable[..., tuple[tuple[Array, ...], tuple[Array, ...]]]:
        """Return what computes the results that are differentiated, and the others, of the inputs."""

        def call(*inputs: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
            results = self.function(*inputs, *others)
            shapes = [tuple(result.shape) for result in results[: self.outputs]]
            if shapes != self.shapes or len(results) != self.count:
                msg = (
                    f"the results are of the shapes {shapes}, but were of {self.shapes} when the sparse Jacobian was prepared:"
                    " numbers decide on them; prepare it anew, or call jacobian(f, sparse=True), which does so itself"
                )
                raise OtherShapesError(msg)
            return tuple(results[: self.outputs]), tuple(results[self.outputs :])

        return call

    @cached_property
    def has_jvps(self) -> bool:
        """Whether there are JVPs, and they are what reverse mode finds: it does not go into `no_grad`, nor loses digits late."""
        return (self._is_even() or not self.has_vjps) and self._can(self._jvps, self.inputs)

    @cached_property
    def has_vjps(self) -> bool:
        """Whether there are VJPs."""
        return self._can(self._vjps, self.results)

    def _is_even(self) -> bool:
        """Whether forward mode is as good as reverse mode; of gradients PyTorch itself takes it."""
        if self.recording is None or self._found is None:
            return False
        if self.recording.is_gradient:
            return True
        dtypes = [leaf.dtype for leaf in self.inputs]
        is_narrow = any(BACKEND.common_dtype([dtype, *dtypes]) != dtype for dtype in self.dtypes)
        return self.recording.is_even and self._found.watched.is_even and not is_narrow

    @cached_property
    def _found(self) -> Found | None:
        """What is found in the recording, if there is one."""
        return None if self.recording is None else detect(self.recording, self.inputs, len(self.others), self.outputs)

    def _can(self, products: Callable[..., object], like: Sequence[Array]) -> bool:
        """Whether there is such a product: some rules raise only where several are computed together."""
        colors = np.arange(sum(leaf.numel() for leaf in like), dtype=np.int64) % 2
        try:
            products(Kept(), self.inputs, self.others, colors, None)
        except Exception:  # noqa: BLE001 -- whatever a rule raises that is not there
            return False
        return True

    def _jvps(
        self, kept: Kept, inputs: Sequence[Array], others: Sequence[Array], colors: Array, chunk_size: int | None
    ) -> tuple[list[Array], tuple[Array, ...]]:
        return jvps(self.main(others), inputs, kept.seeds("jvps", colors, inputs), chunk_size)

    def _vjps(
        self, kept: Kept, inputs: Sequence[Array], others: Sequence[Array], colors: Array, chunk_size: int | None
    ) -> tuple[list[Array], tuple[Array, ...]]:
        return vjps(self.main(others), inputs, lambda results: kept.seeds("vjps", colors, results), chunk_size)

    def detected(self) -> tuple[Entries, str | None]:
        """Return the pattern for all inputs, and what made it dense."""
        shape = sum(map(math.prod, self.shapes)), sum(leaf.numel() for leaf in self.inputs)
        found = self._found
        if found is None:
            check_is_sparse(shape, math.prod(shape), None, f"that {self.doubt}")
            return tidy(dense(*shape, self.doubt).pattern), f"that {self.doubt}"
        self.watched = found.watched
        self.check_before_listing(found.detection)
        return tidy(found.detection.pattern), found.detection.dense_by

    def check_before_listing(self, found: Detection) -> None:
        """Refuse what a part of the pattern shows to be dense: the list of its places might fill the memory."""
        most = max((int(part.counts().sum()) for part in found.sets.parts), default=0)
        try:
            check_is_sparse(found.shape, most, None, found.dense_by)
        except ChainError as error:
            if not self.belongs_to_a_transformation:
                raise
            msg = f"no pattern can be found inside a transformation of torch.func: {PREPARED}"
            raise ChainError(msg) from error

    def narrowed(self) -> Iterator[Narrow]:
        """Yield the function with sets of narrow variables held, no variable first.

        Raises
        ------
        UnplannableError
            If its JVP cannot be recorded.
        """
        if self.recording is None or self.recording.rewritten is not None or not self.has_jvps:
            return
        graphs = LinearGraphs(self)
        walked = WalkedGraph(graphs.first)
        for split in splits(walked):
            yield NarrowFunction(self, graphs, walked.watched, split)

    def read(self) -> list[Array]:
        """List the tensors besides the arguments whose numbers decided on the pattern."""
        return [] if self.watched is None else list(self.watched.read())

    def is_current(self) -> bool:
        """Whether those numbers are as they were, where that matters."""
        return self.watched is None or self.watched.is_unchanged()

    def compressed(
        self, coloring: Coloring, blocks: Sequence[Block], chunk_size: int | None
    ) -> Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]:
        """Return what computes the nonzeros of each block, and then the further results."""
        compute = self._compute(coloring, blocks, chunk_size)
        recording = self.recording
        if recording is None or not recording.is_even:  # a recording does not hold what may be another thing each time
            return lambda arrays, _: compute(arrays)
        recordable = compute
        if recording.rewritten is not None:
            if not self.is_symmetric:  # it hides a derivative, and autograd cannot differentiate it again
                return lambda arrays, _: compute(arrays)
            twin = copy(self)
            twin.function = recording.rewritten
            recordable = twin._compute(coloring, blocks, chunk_size)  # noqa: SLF001 -- it is one of these
        return Replay(compute, frozenset(str(node.target) for node in recording.graph.graph.nodes), recordable)

    def _compute(
        self, coloring: Coloring, blocks: Sequence[Block], chunk_size: int | None
    ) -> Callable[[Sequence[Array]], list[Array]]:
        pulls = coloring.is_symmetric and not self.has_jvps  # a symmetric matrix is its own transpose
        by_forward = self.recording is not None and self.recording.is_gradient and self.has_jvps
        kept = Kept()

        def compute(arrays: Sequence[Array]) -> list[Array]:
            inputs, others = arrays[: len(self.inputs)], arrays[len(self.inputs) :]
            by_outputs: list[Array] = []
            by_inputs: list[Array] = []
            further: tuple[Array, ...] | None = None
            if coloring.jvps:
                products = self._vjps if pulls else self._jvps
                by_outputs, further = products(kept, inputs, others, coloring.columns, chunk_size)
            if coloring.vjps:
                by_inputs, further = self._vjps(kept, inputs, others, coloring.rows, chunk_size)
            if further is None:
                further = self.main(others)(*inputs)[1] if self.count > self.outputs else ()
            dtypes = self.dtypes if by_forward else None
            return [*gathered(blocks, by_outputs, by_inputs, inputs, dtypes, coloring, kept), *further]

        return compute

    def mismatch(
        self, arrays: Sequence[Array], entries: Entries, nonzeros: Sequence[Array], blocks: Sequence[Block]
    ) -> str | None:
        """Compare nonzeros with a product of the function's own; return where they differ, or None."""
        data = np.zeros(entries.nnz)
        for part, block in zip(nonzeros, blocks, strict=True):
            data[block.places] = flat([part])
        count = len(self.inputs)
        main = self.main(arrays[count:])
        products = TorchProducts(lambda *given: main(*given)[0], arrays[:count], self.results, has_jvps=self.has_jvps)
        return mismatch(products, entries, data)


class TorchSparse:
    """PyTorch, as the front end of sparse Jacobians sees it."""

    dense: Backend = BACKEND

    def recorded(
        self,
        function: Callable[..., list[Array]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        outputs: Callable[[], int],
        *,
        primal: Callable[..., list[Array]] | None = None,
        besides: Sequence[Array] = (),
        is_symmetric: bool,
    ) -> Narrowable:
        """Record a function."""
        for leaf in inputs:
            BACKEND.check_input(leaf)
            if leaf.is_complex():
                msg = f"an input is of {leaf.dtype}: sparse Jacobians need functions of real numbers"
                raise ChainError(msg)
        return RecordedFunction(function, inputs, others, outputs, primal, besides, is_symmetric=is_symmetric)

    def gradient(self, function: Function, options: Options) -> Function:
        """Return `torch.func.grad` of a function of one number as the result, of any other `torch.func.jacrev`."""
        return gradient_of(function, options)

    def has_symmetric_hessian(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> bool:
        """Whether the result is a single real number, and no derivative inside is hidden, or by a rule of somebody's own."""
        leaves, tree = BACKEND.flatten((args, kwargs))
        places = [place for place, leaf in enumerate(leaves) if BACKEND.is_array(leaf)]

        def call(*tensors: Array) -> Array:
            filled = list(leaves)
            for place, tensor in zip(places, tensors, strict=True):
                filled[place] = tensor
            some, named = BACKEND.unflatten(tree, filled)
            return function(*some, **named)

        return is_plain_number(call, [leaves[place] for place in places])

    def maker(self, block: Block) -> Callable[[Array], Array]:
        """Return what makes a sparse tensor of a block's nonzeros."""
        return maker_of(block)

    def is_known(self, arrays: Sequence[Array]) -> bool:
        """Whether none belongs to a transformation."""
        return not (is_transforming() or any(map(BACKEND.is_traced, arrays)))


SPARSE = TorchSparse()


def pattern_of(function: Function, args: tuple[Array, ...], argnums: int | tuple[int, ...]) -> csr_array:
    """Find the pattern of a function's Jacobian; of what cannot be recorded, or even be called, it is full, or an error."""
    call = Call.read(BACKEND, argnums, args, {})
    returned = Returned(BACKEND, has_aux=False)
    flat_function = flat_functions(BACKEND, (function,), lambda arrays: call.arguments(BACKEND, arrays), returned)[0]
    arrays = [*call.inputs, *call.others]
    try:
        recording, results = recorded(flat_function, arrays, None)
    except UnplannableError as error:
        try:
            results = called_at(flat_function, arrays)
        except UnplannableError as why:
            msg = f"the pattern cannot be found, for {why}"
            raise ChainError(msg) from error
        rows = sum(result.numel() for result in results if isinstance(result, torch.Tensor))
        return dense(rows, sum(leaf.numel() for leaf in call.inputs), str(error)).pattern
    return detect(recording, call.inputs, len(call.others), len(results)).detection.pattern
