"""What is known of one edge of a graph: the partial derivative of a variable by another, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.exceptions import ChainError
from chainopt.execution.libraries import is_operator
from chainopt.jacobian import Jacobian, checked_cost, checked_shape, checked_size
from chainopt.numerals import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainopt.costs.model import CostModel
    from chainopt.details import Cost

_COSTS = ("jvp_cost", "vjp_cost", "accumulation_cost")


class Link(NamedTuple):
    """The costs of an edge: of its matrix, and of one JVP and one VJP through it, None where it has none.

    ``said`` is what the user said of the three, none of it where the matrix is at hand. ``matrices`` add up to the edge's, one
    for each parallel edge, None where it is unknown.
    """

    accumulation: Cost
    jvp: Cost | None
    vjp: Cost | None
    tape: int = 0
    matrices: tuple[Any, ...] = ()
    said: tuple[Cost | None, Cost | None, Cost | None] = (None, None, None)

    def jacobian(self, shape: tuple[int, int]) -> Jacobian:
        """Return the edge as a stage of its own."""
        jvp, vjp, accumulation = self.said
        return Jacobian(shape, jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=self.tape)


IDENTITY = Link(0, 0, 0)
"""What passes a variable on. It costs nothing, wherever it stands."""


def known_shape(attributes: Mapping[str, Any], place: str) -> tuple[int, int] | None:
    """Return the shape of the Jacobian on an edge; None where the edge has none."""
    matrix = attributes.get("jacobian")
    if matrix is None:
        return None
    shape = getattr(matrix, "shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2:
        what = f"has the shape {shape}" if isinstance(shape, tuple) else f"is {shown(matrix)}"
        msg = f"{place}: its jacobian {what}: give a matrix of shape (size of the edge's head, size of its tail)"
        raise ChainError(msg)
    return checked_shape(shape, f"{place}: jacobian.shape")


def read_link(attributes: Mapping[str, Any], shape: tuple[int, int], place: str) -> Link:
    """Read what an edge says of itself."""
    given = [None if (cost := attributes.get(name)) is None else checked_cost(cost, f"{place}: {name}") for name in _COSTS]
    jvp, vjp, accumulation = given
    tape = attributes.get("tape")
    tape = 0 if tape is None else checked_size(tape, f"{place}: tape")
    matrix = attributes.get("jacobian")
    entries = shape[0] * shape[1]
    if matrix is not None and not is_operator(matrix):
        if jvp is vjp is accumulation is None:
            return Link(0, entries, entries, tape, (matrix,))
        accumulation = 0 if accumulation is None else accumulation
    elif jvp is vjp is accumulation is None:
        if matrix is not None:
            msg = f"{place}: its jacobian is matrix-free (a {type(matrix).__name__}): give jvp_cost and vjp_cost besides"
            raise ChainError(msg)
        return Link(0, entries, entries, tape, (None,))
    said = jvp, vjp, accumulation
    if matrix is not None and not is_operator(matrix):
        jvp, vjp = entries if jvp is None else jvp, entries if vjp is None else vjp
    if accumulation is None:
        ways = ([] if jvp is None else [shape[1] * jvp]) + ([] if vjp is None else [shape[0] * vjp])
        accumulation = min(ways)
    return Link(accumulation, jvp, vjp, tape, (matrix,), said)


def added(one: Link, other: Link) -> Link:
    """Return what two parallel edges are together; their sum is free, as it multiplies nothing."""
    said = one.said
    if {*one.said, *other.said} != {None}:
        said = _sum(one.jvp, other.jvp), _sum(one.vjp, other.vjp), one.accumulation + other.accumulation
        jvp, vjp = said[:2]
    else:  # two matrices at hand, which become one
        jvp, vjp = max(one.jvp or 0, other.jvp or 0), max(one.vjp or 0, other.vjp or 0)
    return Link(one.accumulation + other.accumulation, jvp, vjp, one.tape + other.tape, one.matrices + other.matrices, said)


def in_seconds(link: Link, model: CostModel) -> Link:
    """Return an edge with all its costs in seconds, so that they can be added."""
    if link is IDENTITY:
        return link
    jvp, vjp = (None if cost is None else model.stage(cost) for cost in (link.jvp, link.vjp))
    said: Any = tuple(None if cost is None else model.stage(cost) for cost in link.said)
    return link._replace(accumulation=model.stage(link.accumulation), jvp=jvp, vjp=vjp, said=said)


def _sum(one: Cost | None, other: Cost | None) -> Cost | None:
    return None if one is None or other is None else one + other
