"""A stage with matrices on its edges, as what it does to a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.forms import adjoint, dense_form
from chainopt.graphs.edges import IDENTITY, Unit
from chainopt.graphs.elimination.numeric import pulled, pushed, summands, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.elimination.vertex_elimination import Partials
    from chainopt.graphs.liveness import Stage
    from chainopt.typing import Array, DType


class StageOperator:
    """A stage through which a matrix is pushed forward or pulled back, edge by edge.

    Parameters
    ----------
    stage : Stage
    partials : dict from (tail, head) to Partial
        The edges into what is computed.
    sizes : sequence of int
        Of all variables.
    dtype : dtype
        That of all matrices together.
    """

    def __init__(self, stage: Stage, partials: Partials, sizes: Sequence[int], dtype: DType) -> None:
        self.stage, self.sizes, self.dtype = stage, sizes, dtype
        self.shape = tuple(sum(sizes[node] for node in nodes) for nodes in (stage.outputs, stage.inputs))
        self._tails: dict[int, list[tuple[int, list[Array]]]] = {node: [] for node in stage.computed}
        for (tail, head), partial in partials.items():
            self._tails[head].append((tail, [Unit(sizes[head])] if partial is IDENTITY else summands(partial)))

    def matmat(self, matrix: Array) -> Array:
        """Push a matrix through the stage: a JVP for each column."""
        tangents = self._split(self.stage.inputs, matrix)
        for node in self.stage.computed:
            tangents[node] = total([pushed(part, tangents[tail]) for tail, parts in self._tails[node] for part in parts])
        return self._joined(self.stage.outputs, tangents, matrix.shape[1])

    def rmatmat(self, matrix: Array) -> Array:
        """Pull a matrix back through the adjoint of the stage: a VJP for each column."""
        seeds = self._split(self.stage.outputs, matrix)
        cotangents = {node: [adjoint(seed)] for node, seed in seeds.items()}
        for node in reversed(self.stage.computed):
            if node not in cotangents:
                continue
            rows = total(cotangents.pop(node))
            for tail, parts in self._tails[node]:
                cotangents.setdefault(tail, []).extend(pulled(part, rows) for part in parts)
        columns = {node: adjoint(total(rows)) for node, rows in cotangents.items()}
        return self._joined(self.stage.inputs, columns, matrix.shape[1])

    def _split(self, nodes: Sequence[int], matrix: Array) -> dict[int, Any]:
        ends = np.cumsum([0, *[self.sizes[node] for node in nodes]]).tolist()
        return {node: matrix[begin:end] for node, begin, end in zip(nodes, ends, ends[1:], strict=False)}

    def _joined(self, nodes: Sequence[int], blocks: dict[int, Any], columns: int) -> Array:
        parts = [
            dense_form(blocks[node]) if node in blocks else np.zeros((self.sizes[node], columns), self.dtype) for node in nodes
        ]
        return np.concatenate(parts)
