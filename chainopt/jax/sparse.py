"""What JAX gives, so that sparse Jacobians of its functions can be computed."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.sparse.density import check_is_sparse
from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.mismatch import mismatch
from chainopt.functions.sparse.narrow import splits
from chainopt.functions.trace import COMPLEX, REAL
from chainopt.jax.backend import BACKEND
from chainopt.jax.compressed import gathered, jvps, vjps
from chainopt.jax.detection import pattern_of
from chainopt.jax.gradient import is_number
from chainopt.jax.jaxprs import all_in, jaxpr_of
from chainopt.jax.linear_program import LinearProgram
from chainopt.jax.mismatch import JaxProducts
from chainopt.jax.narrow import NarrowJaxpr, WalkedJaxpr
from chainopt.jax.rules import derivative_of
from chainopt.jax.rules.registry import has_rule
from chainopt.jax.staged import staged
from chainopt.jax.trace import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.functions.sparse.backend import Narrow, Narrowable
    from chainopt.functions.sparse.blocks import Block, Shape
    from chainopt.functions.sparse.staging import Staged
    from chainopt.functions.sparsity.detection import Detection
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, DType, Function


class RecordedJaxpr:
    """A function of flat lists of arrays as a jaxpr.

    Parameters
    ----------
    closed : jax.extend.core.ClosedJaxpr
        Of the inputs, and then of other arrays; the results that are differentiated come first.
    inputs, others : sequence of arrays
        At which it was traced.
    outputs : int
        How many results are differentiated.
    is_symmetric : bool
        Whether its Jacobian is.

    Raises
    ------
    ChainError
        If it is not of real numbers.
    """

    def __init__(
        self, closed: Array, inputs: Sequence[Array], others: Sequence[Array], outputs: int, *, is_symmetric: bool
    ) -> None:
        self.closed, self.outputs, self.is_symmetric = closed, outputs, is_symmetric
        self.inputs: Sequence[Array] = [_aval(leaf) for leaf in inputs]
        self.others: Sequence[Array] = [_aval(leaf) for leaf in others]
        results = closed.out_avals[:outputs]
        self.shapes: Sequence[Shape] = [tuple(result.shape) for result in results]
        self.dtypes: Sequence[DType] = [result.dtype for result in results]
        for name, avals, kinds in (("an input", self.inputs, {REAL}), ("a result", results, {REAL, COMPLEX})):
            for aval in avals:
                if kind_of(aval.dtype) not in kinds:
                    msg = f"{name} is of {aval.dtype}: sparse Jacobians need functions of real numbers"
                    raise ChainError(msg)

    def main(self, others: Sequence[Array]) -> Callable[..., list[Array]]:
        """Return what computes the results that are differentiated, of the inputs."""
        return lambda *inputs: self.run(inputs, others)[: self.outputs]

    def run(self, inputs: Sequence[Array], others: Sequence[Array]) -> list[Array]:
        """Compute all results."""
        return list(jax.core.eval_jaxpr(self.closed.jaxpr, self.closed.consts, *inputs, *others))

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether a constant is a tracer."""
        return any(map(BACKEND.is_traced, self.closed.consts))

    @cached_property
    def has_jvps(self) -> bool:
        """Whether there are JVPs: a rule of the user's own may be for reverse mode only."""
        return self._can(jvps, self.inputs)

    @cached_property
    def has_vjps(self) -> bool:
        """Whether there are VJPs: not of loops that end when they like."""
        if any(kind_of(dtype) == COMPLEX for dtype in self.dtypes):
            return False

        return self._can(vjps, [jax.ShapeDtypeStruct(*pair) for pair in zip(self.shapes, self.dtypes, strict=True)])

    def _can(self, products: Callable[..., list[Array]], like: Sequence[Array]) -> bool:
        """Whether one product can be traced: some rules raise only where several are computed together."""
        colors = np.zeros(_entries(like), dtype=np.int64)
        try:
            jax.eval_shape(lambda inputs, others: products(self.main(others), inputs, colors), self.inputs, self.others)
        except Exception:  # noqa: BLE001 -- whatever a rule raises that is not there
            return False
        return True

    @cached_property
    def _is_a_product(self) -> bool:
        """Whether its JVPs are products of those of its parts: not where the user's own rule clips tangents."""
        rules = (one for one in all_in(self.closed.jaxpr) if str(one.primitive).startswith("custom_jvp"))
        try:
            for one in rules:
                derivative_of(one)
        except UnplannableError:
            return False
        return self.has_jvps

    def detected(self) -> tuple[Entries, str | None]:
        """Return the pattern for all inputs, and what made it dense."""
        count = len(self.inputs)

        def function(*arrays: Array) -> list[Array]:
            return self.main(list(map(jax.lax.stop_gradient, arrays[count:])))(*arrays[:count])

        def pulled(*arrays: Array) -> list[Array]:
            fixed = list(map(jax.lax.stop_gradient, arrays[len(self.shapes) :]))
            return list(jax.vjp(self.main(fixed[count:]), *fixed[:count])[1](list(arrays[: len(self.shapes)])))

        if self.has_jvps:
            found = pattern_of(function, [*self.inputs, *self.others])
            self.check_before_listing(found)
            return tidy(found.pattern[:, : _entries(self.inputs)]), found.dense_by
        results = [jax.ShapeDtypeStruct(*pair) for pair in zip(self.shapes, self.dtypes, strict=True)]
        found = pattern_of(pulled, [*results, *self.inputs, *self.others])
        self.check_before_listing(found)
        return tidy(found.pattern[:, : _entries(results)].T), found.dense_by

    def check_before_listing(self, found: Detection) -> None:
        """Refuse what a part of the pattern shows to be dense: the list of its places might fill the memory."""
        shape = sum(map(math.prod, self.shapes)), _entries(self.inputs)
        most = max((int(part.counts().sum()) for part in found.sets.parts), default=0)
        check_is_sparse(shape, most, None, found.dense_by)

    def narrowed(self) -> Iterator[Narrow]:
        """Yield the function with sets of narrow variables held, no variable first."""
        if not self._is_a_product:
            return
        program = self._program()
        for one in (program, self._program(unrolls=True)) if program.has_short_loops else (program,):
            for split in splits(WalkedJaxpr(one)):
                yield NarrowJaxpr(self, one, split)

    def read(self) -> list[Array]:
        """List nothing: what a function reads here does not change."""
        return []

    def is_current(self) -> bool:
        """Whether the pattern holds: as long as the jaxpr does."""
        return True

    def staged(self, entries: Entries, products: int) -> Staged | None:
        """Return the function cut into stages, None where there is no place to cut it."""
        return staged(self, self._program(unrolls=True), entries, products) if self._is_a_product else None

    def _program(self, *, unrolls: bool = False) -> LinearProgram:
        count = len(self.inputs)

        def function(*arrays: Array) -> list[Array]:
            return self.run(arrays[:count], arrays[count:])[: self.outputs]

        return LinearProgram(function, self.inputs, self.others, unrolls=unrolls)

    def compressed(
        self, coloring: Coloring, blocks: Sequence[Block], chunk_size: int | None
    ) -> Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]:
        """Return what computes the nonzeros of each block, and then the further results."""
        pulls = coloring.is_symmetric and not self.has_jvps  # a symmetric matrix is its own transpose

        def compute(*arrays: Array) -> list[Array]:
            inputs, others = arrays[: len(self.inputs)], arrays[len(self.inputs) :]
            main = self.main(others)
            by_outputs: list[Array] = []
            if coloring.jvps:
                by_outputs = (vjps if pulls else jvps)(main, inputs, coloring.columns, chunk_size)
            by_inputs = vjps(main, inputs, coloring.rows, chunk_size) if coloring.vjps else []
            further = self.run(inputs, others)[self.outputs :] if len(self.closed.out_avals) > self.outputs else []
            return [*gathered(blocks, by_outputs, by_inputs, self.dtypes, coloring), *further]

        compiled = jax.jit(compute)
        return lambda arrays, _: list(compiled(*arrays))

    def mismatch(
        self, arrays: Sequence[Array], entries: Entries, nonzeros: Sequence[Array], blocks: Sequence[Block]
    ) -> str | None:
        """Compare nonzeros with a product of the function's own; return where they differ, or None."""
        data = np.zeros(entries.nnz, dtype=np.result_type(*(_wide(part) for part in nonzeros), np.float64))
        for part, block in zip(nonzeros, blocks, strict=True):
            data[block.places] = _wide(part)
        given = [jnp.asarray(array) for array in arrays]
        count = len(self.inputs)
        return mismatch(JaxProducts(self.main(given[count:]), given[:count], has_jvps=self.has_jvps), entries, data)


class JaxSparse:
    """JAX, as the front end of sparse Jacobians sees it."""

    dense: Backend = BACKEND

    def recorded(
        self,
        function: Callable[..., list[Array]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        outputs: Callable[[], int],
        *,
        primal: Callable[..., list[Array]] | None = None,  # noqa: ARG002 -- the jaxpr of a gradient says all
        besides: Sequence[Array] = (),  # noqa: ARG002 -- constants of the jaxpr
        is_symmetric: bool,
    ) -> Narrowable:
        """Trace a function."""
        for leaf in inputs:
            if isinstance(leaf, str | bytes):
                msg = f"an argument is a {type(leaf).__name__}: a sparse Jacobian takes arrays and numbers"
                raise ChainError(msg)
            BACKEND.check_input(leaf)
        return RecordedJaxpr(jaxpr_of(function, *inputs, *others), inputs, others, outputs(), is_symmetric=is_symmetric)

    def gradient(self, function: Function, options: Options) -> Function:
        """Return `jax.grad` of a function of one number as the result, of any other `jax.jacrev`."""
        value = options.result_of(function)

        def call(*args: Array, **kwargs: Array) -> Array:
            derivative = jax.grad if is_number(jax.eval_shape(value, *args, **kwargs)) else jax.jacrev
            return derivative(function, options.argnums, has_aux=options.has_aux)(*args, **kwargs)

        return call

    def has_symmetric_hessian(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> bool:
        """Whether the result is a single real number, and no derivative inside is by a rule of somebody's own."""
        if not is_number(jax.eval_shape(function, *args, **kwargs)):
            return False
        leaves, tree = jax.tree.flatten((args, kwargs))
        places = [place for place, leaf in enumerate(leaves) if BACKEND.is_array(leaf)]

        def call(*arrays: Array) -> Array:
            filled = list(leaves)
            for place, array in zip(places, arrays, strict=True):
                filled[place] = array
            some, named = jax.tree.unflatten(tree, filled)
            return function(*some, **named)

        return not any(map(has_rule, jax.make_jaxpr(call)(*(leaves[place] for place in places)).eqns))

    def maker(self, block: Block) -> Callable[[Array], Array]:
        """Return what makes a BCOO of a block's nonzeros: all axes are sparse, the indices unique and in row-major order.

        The indices belong to no transformation. What the constructor checks is checked once, for it takes long.
        """
        with jax.ensure_compile_time_eval():
            indices = jnp.asarray(block.indices)
            model = BCOO((jnp.zeros(len(indices)), indices), shape=block.shape, indices_sorted=True, unique_indices=True)
        tree = jax.tree.structure(model)
        return lambda nonzeros: jax.tree.unflatten(tree, (nonzeros, indices))

    def is_known(self, arrays: Sequence[Array]) -> bool:
        """Whether none is a tracer."""
        return not any(map(BACKEND.is_traced, arrays))


SPARSE = JaxSparse()


def _aval(leaf: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))


def _entries(avals: Sequence[Array]) -> int:
    return sum(math.prod(aval.shape) for aval in avals)


def _wide(part: Array) -> Array:
    """Return numbers that NumPy computes with, of those of 8 and 16 bits too."""
    array = np.asarray(part)
    return array if array.dtype.kind == "c" else array.astype(np.float64)
