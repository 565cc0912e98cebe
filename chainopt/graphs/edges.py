"""What is known of one edge of a graph: the partial derivative of a variable by another, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.chain.jacobian import Jacobian
from chainopt.structure.bands import Band
from chainopt.structure.patterns import places
from chainopt.structure.structures import Banded, Diagonal, Identity, Sparse

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from chainopt.costs.model import CostModel
    from chainopt.structure.patterns import Pattern
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array, Cost

    Edge = tuple[int, int]  # from the tail to the head, by their numbers


class Partial(NamedTuple):
    """The partial derivative on an edge.

    Attributes
    ----------
    accumulation : int or float
        What its matrix costs.
    jvp, vjp : int or float, optional
        What one JVP and one VJP through it cost; None where it has none.
    tape : int
        What its reverse sweep keeps.
    matrices : tuple of matrices
        They add up to its matrix, one for each parallel edge; None where one is unknown.
    given : tuple of three costs
        The user's costs of a JVP, of a VJP and of the accumulation; all None where the matrix is at hand.
    structure, pattern : Structure and Pattern, optional
        Where it has nonzeros; None of a dense one.
    """

    accumulation: Cost
    jvp: Cost | None
    vjp: Cost | None
    tape: int = 0
    matrices: tuple[Array, ...] = ()
    given: tuple[Cost | None, Cost | None, Cost | None] = (None, None, None)
    structure: Structure | None = None
    pattern: Pattern | None = None

    def jacobian(self, shape: tuple[int, int]) -> Jacobian:
        """Return the edge as a stage of its own."""
        jvp, vjp, accumulation = self.given
        return Jacobian(
            shape, jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=self.tape, structure=self.structure
        )


class EdgeName(NamedTuple):
    """An edge as errors name it."""

    tail: Hashable
    head: Hashable

    def __str__(self) -> str:
        return f"edge {self.tail!r} -> {self.head!r}"


class MatrixFree(NamedTuple):
    """An operator on an edge, and whether its matrix is found by JVPs or by VJPs, a vector for each color of its structure."""

    operator: Array
    by_jvps: bool
    structure: Structure | None


class Unit(NamedTuple):
    """The matrix of an identity that was not given."""

    size: int


IDENTITY = Partial(0, 0, 0, structure=Identity())
"""What passes a variable on, at no cost wherever it stands."""


def written_out(size: int) -> Partial:
    """Return an identity as a matrix: only then can something be added to it. Its JVPs and VJPs are free."""
    return Partial(0, 0, 0, matrices=(Unit(size),), structure=Diagonal(), pattern=Band.of((size, size), 0, 0))


def added(one: Partial, other: Partial) -> Partial:
    """Return two parallel edges as one; their sum is free, as it multiplies nothing."""
    accumulation, tape = one.accumulation + other.accumulation, one.tape + other.tape
    matrices = one.matrices + other.matrices
    jvp, vjp = total_cost((one.jvp, other.jvp)), total_cost((one.vjp, other.vjp))
    structure, pattern = _united(one, other)
    if {*one.given, *other.given} != {None}:
        return Partial(accumulation, jvp, vjp, tape, matrices, (jvp, vjp, accumulation), structure, pattern)
    # Two matrices at hand, which become one.
    # The sum of two that are structured may be full, as that of two units of size 1.
    shape = next((known.shape for known in (one.pattern, other.pattern) if known is not None), None)
    full = max(one.jvp or 0, other.jvp or 0) if shape is None else shape[0] * shape[1]
    entries = full if pattern is None else pattern.nonzeros
    return Partial(0, entries, entries, tape, matrices, one.given, structure, pattern)


def _united(one: Partial, other: Partial) -> tuple[Structure | None, Pattern | None]:
    """Return where a sum has nonzeros."""
    if one.pattern is None or other.pattern is None:
        return None, None
    shape = one.pattern.shape
    diagonals = [None if structure is None else structure.diagonals for structure in (one.structure, other.structure)]
    united: Structure
    if diagonals[0] is not None and diagonals[1] is not None:
        united = Banded(*map(max, diagonals[0], diagonals[1]))
    else:
        united = Sparse(places(one.pattern) + places(other.pattern))
    pattern = united.pattern(shape)
    return (None, None) if pattern.nonzeros == shape[0] * shape[1] else (united, pattern)


def total_cost(costs: Iterable[Cost | None]) -> Cost | None:
    """Return what JVPs, or VJPs, through several edges cost together; None where one of them has none."""
    total: Cost = 0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def in_seconds(partial: Partial, model: CostModel) -> Partial:
    """Return an edge with all its costs in seconds, so that they can be added."""
    if partial is IDENTITY:
        return partial
    jvp, vjp = (None if cost is None else model.stage(cost) for cost in (partial.jvp, partial.vjp))
    given: Any = tuple(None if cost is None else model.stage(cost) for cost in partial.given)
    return partial._replace(accumulation=model.stage(partial.accumulation), jvp=jvp, vjp=vjp, given=given)
