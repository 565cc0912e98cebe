"""A chain that knows which variables of a graph its stages compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainopt.chain import JacobianChain

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.jacobian import Jacobian
    from chainopt.reading import Reading


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class GraphChain(JacobianChain):
    """A `JacobianChain` made from a graph, as `linearize` returns it; every function takes it as one.

    Parameters
    ----------
    jacobians : sequence of Jacobian
        In product order: the last stage first.
    stages : sequence of sequence of nodes
        The nodes that each stage computes, in product order too.
    notes : sequence of str
        What there is to say about the graph: what was ignored, and why.

    Examples
    --------
    >>> from chainopt import Jacobian
    >>> chain = GraphChain([Jacobian((1, 5)), Jacobian((5, 9))], [["y"], ["u", "v"]])
    >>> chain
    GraphChain(J2: 1x5, J1: 5x9)
    >>> chain.stages
    (('y',), ('u', 'v'))
    """

    stages: tuple[tuple[Hashable, ...], ...]
    notes: tuple[str, ...]

    def __init__(
        self, jacobians: Sequence[Jacobian], stages: Sequence[Sequence[Hashable]] | None = None, notes: Sequence[str] = ()
    ) -> None:
        JacobianChain.__init__(self, jacobians)
        if stages is not None:
            object.__setattr__(self, "stages", tuple(map(tuple, stages)))
        object.__setattr__(self, "notes", tuple(notes))

    def _hold(self, reading: Reading) -> None:
        JacobianChain._hold(self, reading)  # noqa: SLF001 -- its own; super() is lost where slots make a new class
        object.__setattr__(self, "stages", ((),) * len(self))
        object.__setattr__(self, "notes", ())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GraphChain):
            return False
        return JacobianChain.__eq__(self, other) and (self.stages, self.notes) == (other.stages, other.notes)

    def __hash__(self) -> int:
        return hash((JacobianChain.__hash__(self), self.stages, self.notes))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.sizes, self.largest, self.details, self.stages, self.notes)

    def __repr__(self) -> str:
        return "Graph" + JacobianChain.__repr__(self).removeprefix("Jacobian")


def _restore(sizes: Any, largest: int, details: Any, stages: Any, notes: Any) -> GraphChain:
    sizes.setflags(write=False)
    chain = GraphChain.from_reading((sizes, largest, details))
    object.__setattr__(chain, "stages", stages)
    object.__setattr__(chain, "notes", notes)
    return chain
