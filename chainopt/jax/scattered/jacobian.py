"""A dense Jacobian of which a sparse part is computed by colors, and the rest as a product of two thin matrices."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.functions.sparse.blocks import cut
from chainopt.functions.sparsity.detection import Detection
from chainopt.jax.compressed import gathered, pushes, vjps
from chainopt.jax.jaxprs import dtype, shape
from chainopt.jax.narrow import WalkedJaxpr
from chainopt.jax.narrow.factors import left_factor, right_factor, zeros_of
from chainopt.ordering.order import optimal_order
from chainopt.structure.compression import sources
from chainopt.structure.patterns import scipy_sparse
from chainopt.structure.sparse import Sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.functions.sparse.narrow import Split
    from chainopt.jax.linear_program import LinearProgram
    from chainopt.plan.plan import Plan
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, BoolArray, IntArray


IN_BOUNDS = "promise_in_bounds"


class ScatteredJacobian:
    """What computes a Jacobian as ``S + L @ R``; without variables that are held ``S`` is all of it."""

    def __init__(self, program: LinearProgram, split: Split, entries: Entries, coloring: Coloring, work: int) -> None:
        self.program, self.held, self.rank = program, split.held, split.rank
        self.entries, self.coloring, self.work = entries, coloring, work
        self.inputs = [jax.ShapeDtypeStruct(shape(one), dtype(one)) for one in program.tangents]
        self.results = [jax.ShapeDtypeStruct(shape(atom), dtype(atom)) for atom in program.outputs]

    @property
    def has_products(self) -> bool:
        """Whether there are the VJPs that it takes."""
        if not (self.rank or self.coloring.vjps):
            return True
        try:
            jax.eval_shape(self.blocks, [jax.ShapeDtypeStruct(shape(one), dtype(one)) for one in self.program.primals])
        except Exception:  # noqa: BLE001 -- whatever a primitive raises that has no transpose
            return False
        return True

    def plan(self) -> Plan:
        """Return the order of the product of ``[S L]`` and, beneath an identity, ``R``."""
        rank, products, (rows, columns) = self.rank, self.coloring.products, self.entries.shape
        if not rank:
            whole = Jacobian((rows, columns), accumulation_cost=products * self.work, structure=Sparse(self.entries))
            return optimal_order(JacobianChain([whole]), patterns="exact")
        sparse = scipy_sparse()
        left = sparse.hstack([self.entries, sparse.csr_array(np.ones((rows, rank), bool))], format="csr")
        identity = sparse.eye_array(columns, dtype=bool)
        right = sparse.vstack([identity, sparse.csr_array(np.ones((rank, columns), bool))], format="csr")
        factors = [
            Jacobian(left.shape, accumulation_cost=(products + rank) * self.work, structure=Sparse(left)),
            Jacobian(right.shape, accumulation_cost=rank * self.work, structure=Sparse(right)),
        ]
        return optimal_order(JacobianChain(factors), patterns="exact")

    def blocks(self, given: Sequence[Array]) -> list[Array]:
        """Return a block of the Jacobian for each array of the results and each of the inputs, in the type of the input."""
        arrays = [jnp.asarray(array) for array in given]
        left = left_factor(self.program, self.held, arrays, self.inputs)
        right = right_factor(self.program, self.held, arrays, self.inputs)
        nonzeros = self._nonzeros(arrays)
        return [
            self._filled(block, part, left[block.output], right[block.input])
            for block, part in zip(self._cut, nonzeros, strict=True)
        ]

    @cached_property
    def _cut(self) -> list[Block]:
        outputs, inputs = ([tuple(each.shape) for each in some] for some in (self.results, self.inputs))
        return cut(self.entries, sources(self.entries, self.coloring), outputs, inputs, is_symmetric=False)

    def _nonzeros(self, arrays: Sequence[Array]) -> list[Array]:
        """Return those of each block, while what is held does not change."""
        nothing = zeros_of(self.held)

        def linear(*tangents: Array) -> list[Array]:
            return self.program.run(arrays, tangents, nothing, self.program.outputs)

        fixed = [jnp.zeros(aval.shape, aval.dtype) for aval in self.inputs]
        coloring = self.coloring
        by_outputs = pushes(linear, self.inputs, coloring.columns) if coloring.jvps else []
        by_inputs = vjps(linear, fixed, coloring.rows) if coloring.vjps else []
        return list(gathered(self._cut, by_outputs, by_inputs, [each.dtype for each in self.results], coloring))

    def _filled(self, block: Block, nonzeros: Array, left: Array, right: Array) -> Array:
        """Return a block with its nonzeros, added to the product of its parts of the thin matrices."""
        result, given = self.results[block.output], self.inputs[block.input]
        at = _places(block, given.size)
        product = self._product(block.output, left.astype(result.dtype), right.astype(result.dtype))
        if product is None:
            zeros = jnp.zeros((result.size, given.size), result.dtype)
            whole = zeros.at[at].set(nonzeros, mode=IN_BOUNDS, unique_indices=True, indices_are_sorted=True)
        else:
            whole = product.at[at].add(nonzeros, mode=IN_BOUNDS, unique_indices=True, indices_are_sorted=True)
        return whole.astype(given.dtype).reshape(*result.shape, *given.shape)

    def _product(self, output: int, left: Array, right: Array) -> Array | None:
        """Multiply the thin matrices, so that no infinite derivative of what is held gets into a row that does not depend on it.

        None stands for zeros.
        """
        total: Array | None = None
        for reached, held in self._groups[output]:
            product = jnp.matmul(left[held].T, right[held])
            product = product if reached.all() else jnp.where(reached[:, None], product, 0)
            total = product if total is None else total + product
        return total

    @cached_property
    def _groups(self) -> list[list[tuple[BoolArray, IntArray]]]:
        """For each result the entries of what is held, those together on which the same rows depend, with these rows."""
        if not self.rank:
            return [[] for _ in self.results]
        reached = Detection(WalkedJaxpr(self.program).reached(self.held)).pattern.toarray()
        ends = [*accumulate(result.size for result in self.results)]
        return [_alike(part) for part in np.split(reached, ends[:-1])]


def _alike(reached: BoolArray) -> list[tuple[BoolArray, IntArray]]:
    """Put together the columns that are the same."""
    columns, which = np.unique(reached, axis=1, return_inverse=True)
    groups = ((column, np.flatnonzero(which.reshape(-1) == number)) for number, column in enumerate(columns.T))
    return [(column, held) for column, held in groups if column.any()]


def _places(block: Block, columns: int) -> tuple[Array, Array]:
    """Return the row and the column of each nonzero in its flattened block."""
    flat = np.ravel_multi_index(tuple(block.indices.T), block.shape) if block.shape else np.zeros(len(block.indices), int)
    rows, places = np.divmod(flat, max(columns, 1))
    return rows.astype(np.int32), places.astype(np.int32)
