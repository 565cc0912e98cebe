"""What is known of one edge of a graph: the partial derivative of a variable by another, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.chain.jacobian import Jacobian, checked_cost, checked_shape, checked_size
from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import is_operator, library_of
from chainopt.numbers import shown
from chainopt.structure.bands import Band
from chainopt.structure.coloring import column_colors, row_colors
from chainopt.structure.patterns import places
from chainopt.structure.structure import Structure, check_structure
from chainopt.structure.structures import Banded, Diagonal, Identity, Sparse

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from chainopt.costs.model import CostModel
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import Cost

_COSTS = ("jvp_cost", "vjp_cost", "accumulation_cost")
_SAID = (*_COSTS, "tape", "jacobian", "structure")
_COUNTS = {int, type(None)}


class Link(NamedTuple):
    """The costs of an edge: of its matrix, and of one JVP and one VJP through it, None where it has none.

    ``said`` is what the user said of the three, none of it where the matrix is at hand. ``matrices`` add up to the edge's, one
    for each parallel edge, None where it is unknown. ``structure`` and ``pattern`` are None of a dense one.
    """

    accumulation: Cost
    jvp: Cost | None
    vjp: Cost | None
    tape: int = 0
    matrices: tuple[Any, ...] = ()
    said: tuple[Cost | None, Cost | None, Cost | None] = (None, None, None)
    structure: Structure | None = None
    pattern: Pattern | None = None

    def jacobian(self, shape: tuple[int, int]) -> Jacobian:
        """Return the edge as a stage of its own."""
        jvp, vjp, accumulation = self.said
        return Jacobian(
            shape, jvp_cost=jvp, vjp_cost=vjp, accumulation_cost=accumulation, tape=self.tape, structure=self.structure
        )


class Place(NamedTuple):
    """An edge as errors name it."""

    tail: Hashable
    head: Hashable

    def __str__(self) -> str:
        return f"edge {self.tail!r} -> {self.head!r}"


IDENTITY = Link(0, 0, 0, structure=Identity())
"""What passes a variable on. It costs nothing, wherever it stands."""


def known_shape(attributes: Mapping[str, Any], place: Place) -> tuple[int, int] | None:
    """Return the shape of the Jacobian on an edge; None where the edge has none."""
    matrix = attributes.get("jacobian")
    if matrix is None:
        structure = attributes.get("structure")
        return structure.own_shape if isinstance(structure, Structure) else None
    shape = getattr(matrix, "shape", None)
    structure = attributes.get("structure")
    if isinstance(structure, Structure) and structure.diagonals == (0, 0) and isinstance(shape, tuple) and len(shape) == 1:
        shape *= 2  # the vector of the diagonal
    if not isinstance(shape, tuple) or len(shape) != 2:
        what = f"has the shape {shape}" if isinstance(shape, tuple) else f"is {shown(matrix)}"
        msg = f"{place}: its jacobian {what}: give a matrix of shape (size of the edge's head, size of its tail)"
        raise ChainError(msg)
    return checked_shape(shape, f"{place}: jacobian.shape")


class Reader:
    """Reads edges; most of a large graph say the same as others, and are read once."""

    def __init__(self) -> None:
        self._read: dict[Any, Link] = {}

    def __call__(self, attributes: Mapping[str, Any], shape: tuple[int, int], tail: Hashable, head: Hashable) -> Link:
        """Read what an edge says of itself."""
        said = tuple([attributes.get(name) for name in _SAID])
        if not {*map(type, said)} <= _COUNTS:
            return read_link(attributes, shape, Place(tail, head))
        key = said, shape
        if key not in self._read:
            self._read[key] = read_link(attributes, shape, Place(tail, head))
        return self._read[key]


def read_link(attributes: Mapping[str, Any], shape: tuple[int, int], place: Place) -> Link:
    """Read what an edge says of itself."""
    given = [None if (cost := attributes.get(name)) is None else checked_cost(cost, f"{place}: {name}") for name in _COSTS]
    jvp, vjp, accumulation = given
    tape = attributes.get("tape")
    tape = 0 if tape is None else checked_size(tape, f"{place}: tape")
    matrix = attributes.get("jacobian")
    structure, pattern = _structure(attributes, shape, place)
    if structure is not None and structure.is_identity:
        return IDENTITY
    entries = shape[0] * shape[1] if pattern is None else pattern.nonzeros
    is_at_hand = matrix is not None and not is_operator(matrix)
    held = Link(0, entries, entries, tape, (matrix,), structure=structure, pattern=pattern)
    if jvp is vjp is accumulation is None:
        if matrix is not None and not is_at_hand:
            msg = f"{place}: its jacobian is matrix-free (a {type(matrix).__name__}): give jvp_cost and vjp_cost besides"
            raise ChainError(msg)
        return held
    if is_at_hand and accumulation is None:
        accumulation = 0
    said = jvp, vjp, accumulation
    if is_at_hand:
        jvp, vjp = entries if jvp is None else jvp, entries if vjp is None else vjp
    is_free = matrix is not None and not is_at_hand
    if accumulation is None or is_free:
        height, width = shape if structure is None else (row_colors(structure, shape), column_colors(structure, shape))
        ways = [count * cost for count, cost in ((width, jvp), (height, vjp)) if cost is not None]
        accumulation = min(ways) if accumulation is None else accumulation
        if is_free:
            matrix = Free(matrix, vjp is None or (jvp is not None and width * jvp == min(ways)), structure)
    return held._replace(accumulation=accumulation, jvp=jvp, vjp=vjp, matrices=(matrix,), said=said)


def _structure(attributes: Mapping[str, Any], shape: tuple[int, int], place: Place) -> tuple[Structure | None, Pattern | None]:
    """Return the structure that an edge says it has, or that its matrix shows; None of a dense one."""
    structure = attributes.get("structure")
    try:
        if structure is None:
            structure = _shown_by(attributes.get("jacobian"))
        else:
            check_structure(structure, shape)
    except ChainError as error:
        msg = f"{place}: {error}"
        raise ChainError(msg) from None
    if structure is not None and structure.is_identity:
        _check_identity(attributes.get("jacobian"), place)
    if structure is None or structure.is_identity:
        return structure, None
    pattern: Pattern = structure.pattern(shape)
    return (None, None) if pattern.nonzeros == shape[0] * shape[1] else (structure, pattern)


def _shown_by(matrix: Any) -> Structure | None:
    """Return the structure of a matrix: sparse if it is SciPy's, an identity if its entries are those of one.

    A number 1 is none: a graph of scalars should not be planned otherwise where one of them happens to be 1.
    """
    library = library_of(matrix)
    if library not in {"numpy", "scipy"}:
        return None
    rows, columns = matrix.shape
    if rows == columns > 1 and _is_identity(matrix):
        return Identity()
    if library == "numpy":
        return None
    if matrix.format == "dia" and len(matrix.offsets):
        lower, upper = max(0, -int(min(matrix.offsets))), max(0, int(max(matrix.offsets)))
        return Banded(lower, upper) if lower or upper or rows != columns else Diagonal()
    return Sparse(matrix)


def _is_identity(matrix: Any) -> bool:
    """Whether a square matrix of NumPy or SciPy is an identity; of most others the first entry tells."""
    if isinstance(matrix, np.ndarray):
        return (
            bool((matrix[:1, :1] == 1).all()) and np.count_nonzero(matrix) == len(matrix) and bool((matrix.diagonal() == 1).all())
        )
    return bool(matrix.count_nonzero() == matrix.shape[0] and (matrix.diagonal() == 1).all())


def _check_identity(matrix: Any, place: Place) -> None:
    """Refuse another matrix where an identity is said to be: it would never be looked at."""
    if library_of(matrix) not in {"numpy", "scipy"}:
        return
    if not ((matrix == 1).all() if matrix.ndim == 1 else _is_identity(matrix)):
        msg = f"{place}: its jacobian is no identity, but its structure is Identity(): give another structure, or none"
        raise ChainError(msg)


def written_out(size: int) -> Link:
    """Return an identity as a matrix: only as such can something be added to it. Its JVPs and VJPs are free."""
    return Link(0, 0, 0, matrices=(Unit(size),), structure=Diagonal(), pattern=Band.of((size, size), 0, 0))


class Free(NamedTuple):
    """An operator on an edge, and whether its matrix is found by JVPs or by VJPs, a vector for each colour of its structure."""

    operator: Any
    by_jvps: bool
    structure: Structure | None


class Unit(NamedTuple):
    """The matrix of an identity, which nobody has given."""

    size: int


def added(one: Link, other: Link) -> Link:
    """Return what two parallel edges are together; their sum is free, as it multiplies nothing."""
    accumulation, tape = one.accumulation + other.accumulation, one.tape + other.tape
    matrices = one.matrices + other.matrices
    jvp, vjp = _sum(one.jvp, other.jvp), _sum(one.vjp, other.vjp)
    structure, pattern = _joined(one, other)
    if {*one.said, *other.said} != {None}:
        return Link(accumulation, jvp, vjp, tape, matrices, (jvp, vjp, accumulation), structure, pattern)
    # Two matrices at hand, which become one.
    entries = max(one.jvp or 0, other.jvp or 0) if pattern is None else pattern.nonzeros
    return Link(0, entries, entries, tape, matrices, one.said, structure, pattern)


def _joined(one: Link, other: Link) -> tuple[Structure | None, Pattern | None]:
    """Return where a sum has nonzeros."""
    if one.pattern is None or other.pattern is None:
        return None, None
    shape = one.pattern.shape
    diagonals = [None if structure is None else structure.diagonals for structure in (one.structure, other.structure)]
    joined: Structure
    if diagonals[0] is not None and diagonals[1] is not None:
        joined = Banded(*map(max, diagonals[0], diagonals[1]))
    else:
        joined = Sparse(places(one.pattern) + places(other.pattern))
    pattern = joined.pattern(shape)
    return (None, None) if pattern.nonzeros == shape[0] * shape[1] else (joined, pattern)


def _sum(one: Cost | None, other: Cost | None) -> Cost | None:
    return None if one is None or other is None else one + other


def in_seconds(link: Link, model: CostModel) -> Link:
    """Return an edge with all its costs in seconds, so that they can be added."""
    if link is IDENTITY:
        return link
    jvp, vjp = (None if cost is None else model.stage(cost) for cost in (link.jvp, link.vjp))
    said: Any = tuple(None if cost is None else model.stage(cost) for cost in link.said)
    return link._replace(accumulation=model.stage(link.accumulation), jvp=jvp, vjp=vjp, said=said)
