"""A recorded function whose Jacobian is a sparse matrix plus the product of two thin ones, by variables that are held."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.sparse.narrow import Fixed
from chainopt.torch.compressed import Kept, gathered
from chainopt.torch.narrow.factors import Factors
from chainopt.torch.narrow.recorded_jvp import TracedFunction
from chainopt.torch.replay import Replay, is_followed
from chainopt.torch.trace import is_differentiated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.sparse.blocks import Block
    from chainopt.functions.sparse.narrow import Split
    from chainopt.structure.compression import Coloring
    from chainopt.torch.detection import Watched
    from chainopt.torch.narrow.linear_graph import LinearGraph, LinearGraphs
    from chainopt.typing import Array

HIDDEN = (
    "a step of the function's JVP hides its derivative, so sparse plus low rank cannot be differentiated further here: take it"
    " within torch.no_grad(), or jacobian(f) without sparse="
)


class NarrowFunction(Fixed[TracedFunction]):
    """A recorded function, of whose JVP some narrow variables are held.

    Parameters
    ----------
    recorded : TracedFunction
        The function.
    graphs : LinearGraphs
        Its JVP.
    watched : Watched
        The tensors that it reads whose numbers decided on the pattern.
    split : Split
        What is held.
    """

    def __init__(self, recorded: TracedFunction, graphs: LinearGraphs, watched: Watched, split: Split) -> None:
        super().__init__(recorded, split)
        self.graphs, self.watched = graphs, watched

    @cached_property
    def has_factors(self) -> bool:
        """Whether there are VJPs of what is held, and JVPs of several tangents together."""
        factors = self._factors(self.graphs.first)
        try:
            values = factors.graph.start([*self.recorded.inputs, *self.recorded.others])
            factors.two(values)
            factors.right(Kept(), values, None)
        except Exception:  # noqa: BLE001 -- whatever an operator raises whose derivative is not there
            return False
        return True

    def read(self) -> list[Array]:
        """List the tensors besides the arguments whose numbers decided on the pattern."""
        return list(self.watched.read())

    def is_current(self) -> bool:
        """Whether those numbers are as they were, where that matters."""
        return self.watched.is_unchanged()

    def compressed(
        self, coloring: Coloring, blocks: Sequence[Block], chunk_size: int | None
    ) -> Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]:
        """Return what computes the nonzeros of each block, the left factor by outputs, the right one by inputs, and the rest."""
        recorded = self.recorded
        kept = Kept()
        assert recorded.recording is not None
        names = frozenset(str(node.target) for node in recorded.recording.graph.graph.nodes)
        dtypes = self.dtypes if recorded.recording.is_gradient else None

        def compute(factors: Factors, arrays: Sequence[Array]) -> list[Array]:
            inputs, others = arrays[: len(recorded.inputs)], arrays[len(recorded.inputs) :]
            values = factors.graph.start(arrays)
            by_outputs, by_inputs = factors.compressed(kept, values, coloring, chunk_size)
            further = recorded.main(others)(*inputs)[1] if recorded.count > recorded.outputs else ()
            return [
                *gathered(blocks, by_outputs, by_inputs, inputs, dtypes, coloring, kept),
                *factors.left(kept, values, self.shapes, chunk_size),
                *factors.right(kept, values, chunk_size),
                *further,
            ]

        def at(besides: Sequence[Array], graph: LinearGraph) -> tuple[Sequence[Array], LinearGraph, Replay]:
            return besides, graph, Replay(partial(compute, self._factors(graph)), names)

        known = [at(recorded.besides, self.graphs.first)]

        def call(arrays: Sequence[Array], besides: Sequence[Array] | None) -> list[Array]:
            found = next((one for one in known if besides is not None and _are_same(one[0], besides)), None)
            if found is None:  # the graph holds what the function reads
                found = at(besides or (), self.graphs.anew())
                known[:] = [found] if besides is not None else known
            _, graph, replay = found
            if graph.hides_derivative and (is_followed([*arrays, *graph.read]) or any(map(is_differentiated, arrays))):
                raise ChainError(HIDDEN)
            return replay(arrays, besides)

        return call

    def _factors(self, graph: LinearGraph) -> Factors:
        return Factors(graph, graph.at(self.graphs.first, self.split.held), self.rank)


def _are_same(some: Sequence[Array], others: Sequence[Array]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))
