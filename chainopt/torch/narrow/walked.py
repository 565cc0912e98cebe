"""A recorded derivative program, walked through for the search of narrow variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch.utils import _pytree as pytree

from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.torch.detection import Operand, Walk, Watched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch.fx import Node

    from chainopt.functions.sparse.narrow import Watcher
    from chainopt.torch.detection.values import Value
    from chainopt.torch.narrow.linear_graph import LinearGraph
    from chainopt.typing import Array


class WalkedGraph:
    """The JVP of a function, as the search sees it.

    Attributes
    ----------
    watched : Watched
        The tensors that the function reads whose numbers decided on a pattern.
    """

    def __init__(self, program: LinearGraph) -> None:
        self.program, self.watched = program, Watched()
        self.results = program.results
        self.columns = sum(map(self.size, program.tangents))

    def size(self, variable: Node) -> int:
        """Return how many entries a variable has."""
        return int(variable.meta["val"].numel())

    def is_real(self, variable: Node) -> bool:
        """Whether a variable is a tensor of real numbers."""
        return bool(variable.meta["val"].is_floating_point())

    def walk(self, watcher: Watcher) -> IndexSets:
        """Go through the program operator by operator; return what each entry of the results depends on."""
        sizes = list(map(self.size, self.program.tangents))
        firsts = np.cumsum([0, *sizes])
        seeds = [IndexSets.seeds(size, self.columns, int(first)) for size, first in zip(sizes, firsts, strict=False)]
        given: list[Value] = [*[None] * len(self.program.primals), *seeds]
        results = _NotedWalk(self.columns, self.watched, watcher).run(self.program.graph, given)
        sets = [self._sets_of(result) for result in results if result is not None]
        return joined(sets) if sets else IndexSets(0, self.columns, ())

    def _sets_of(self, result: Operand) -> IndexSets:
        return result.sets or IndexSets(result.size, self.columns, ())


class _NotedWalk(Walk):
    """A walk that tells of each step that depends on the tangents."""

    def __init__(self, columns: int, watched: Watched, watcher: Watcher) -> None:
        super().__init__(columns, watched, stops=False)  # what is detached has no tangent
        self.watcher = watcher
        self.through: dict[Node, list[Node]] = {}  # from what a step is computed that returns several tensors

    def noted(self, node: Node, known: Array, values: Mapping[Node, Array]) -> Array:
        """Tell of the tensors; what is returned together with others is told of where it is taken out."""
        tails: list[Node] = []
        for one in node.all_input_nodes:
            tails += self.through.get(one) or ([one] if _depends(values[one]) else [])
        if not isinstance(known, Operand):
            self.through[node] = tails
            return known
        return known if known.sets is None else known._replace(value=self.watcher(node, known.sets, tails))


def _depends(known: Array) -> bool:
    leaves = pytree.tree_leaves(known, is_leaf=lambda leaf: isinstance(leaf, Operand))
    return any(isinstance(leaf, Operand) and leaf.sets is not None for leaf in leaves)
