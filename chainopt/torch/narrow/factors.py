"""The parts of a JVP in which some variables are held: the sparse one, and the two thin factors of the rest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from chainopt.structure.compression import Coloring
from chainopt.torch.backend import BACKEND
from chainopt.torch.compressed import Kept, pushes, vjps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch.fx import Node

    from chainopt.functions.sparse.blocks import Shape
    from chainopt.torch.narrow.linear_graph import LinearGraph
    from chainopt.typing import Array

    Values = Mapping[Node, Array]


class Factors:
    """What computes the parts; ``values`` are those of the steps that do not depend on the tangents."""

    def __init__(self, graph: LinearGraph, held: Sequence[Node], rank: int) -> None:
        self.graph, self.held, self.rank = graph, held, rank
        self._onward = graph.part(graph.results, held)
        self._to_held = graph.part(held)

    def two(self, values: Values) -> None:
        """Compute two JVPs together, which not every operator can."""
        colors = np.arange(sum(node.meta["val"].numel() for node in self.graph.tangents)) % 2
        self.compressed(Kept(), values, Coloring(colors, np.zeros(0, dtype=np.int64)), None)

    def compressed(
        self, kept: Kept, values: Values, coloring: Coloring, chunk_size: int | None
    ) -> tuple[list[Array], list[Array]]:
        """Return JVPs and VJPs by colors, while the variables are held."""
        nothing, fixed = _zeros(self.held), _zeros(self.graph.tangents)

        def linear(*tangents: Array) -> tuple[Array, ...]:
            return tuple(self._onward.run(values, self._by_input(tangents), nothing))

        by_outputs = pushes(linear, kept.seeds("columns", coloring.columns, fixed), chunk_size) if coloring.jvps else []
        if not coloring.vjps:
            return by_outputs, []
        seeds = partial(kept.seeds, "rows", coloring.rows)
        return by_outputs, vjps(lambda *tangents: (linear(*tangents), ()), fixed, seeds, chunk_size)[0]

    def left(self, kept: Kept, values: Values, shapes: Sequence[Shape], chunk_size: int | None) -> list[Array]:
        """Return, for each result, its derivatives by the entries of the variables, along an axis behind its own.

        They have the dtype that the inputs have in common, as far as the other factor has it.
        """
        fixed, nothing = _zeros(self.graph.tangents), _zeros(self.held)
        dtype = BACKEND.common_dtype([leaf.dtype for leaf in fixed])
        if not self.rank:
            return [fixed[0].new_zeros((*shape, 0), dtype=dtype) for shape in shapes]
        seeds = kept.seeds("held", np.arange(self.rank), nothing)
        pushed = pushes(lambda *given: self._onward.run(values, self._by_input(fixed), given), seeds, chunk_size)
        return [part.T.reshape((*shape, self.rank)).to(dtype) for part, shape in zip(pushed, shapes, strict=True)]

    def right(self, kept: Kept, values: Values, chunk_size: int | None) -> list[Array]:
        """Return, for each input, the derivatives of the variables by it, along an axis before its own."""
        fixed = _zeros(self.graph.tangents)
        if not self.rank:
            return [leaf.new_zeros((0, *leaf.shape)) for leaf in fixed]

        def linear(*tangents: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
            return tuple(self._to_held.run(values, self._by_input(tangents))), ()

        pulled = vjps(linear, fixed, partial(kept.seeds, "held", np.arange(self.rank)), chunk_size)[0]
        return [part.reshape((self.rank, *leaf.shape)) for part, leaf in zip(pulled, fixed, strict=True)]

    def _by_input(self, tangents: Sequence[Array]) -> dict[Node, Array]:
        return dict(zip(self.graph.tangents, tangents, strict=True))


def _zeros(nodes: Sequence[Node]) -> list[torch.Tensor]:
    likes = [node.meta["val"] for node in nodes]
    return [torch.zeros(tuple(like.shape), dtype=like.dtype, device=like.device) for like in likes]
