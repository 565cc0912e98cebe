"""The attributes of edges, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.chain.jacobian import checked_cost, checked_shape, checked_size
from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import backend_of, is_operator, loss
from chainopt.graphs.edges import IDENTITY, EdgeName, MatrixFree, Partial
from chainopt.numbers import printable, shown
from chainopt.structure.coloring import column_colors, row_colors
from chainopt.structure.patterns import nonzero_count
from chainopt.structure.structure import Structure, check_structure
from chainopt.structure.structures import Banded, Diagonal, Identity, Sparse

if TYPE_CHECKING:
    from collections.abc import Hashable

    from chainopt.graphs.description import Attributes
    from chainopt.structure.patterns import Pattern
    from chainopt.typing import Array

_COSTS = ("jvp_cost", "vjp_cost", "accumulation_cost")
ATTRIBUTES = (*_COSTS, "tape", "jacobian", "structure")
_PLAIN = {int, type(None), Diagonal, Identity}  # whose values can be compared


def as_matrix(matrix: Array, edge: EdgeName) -> Array:
    """Return what a user gave for a matrix as one: nested lists as a NumPy array, a number as a matrix of one entry.

    Parameters
    ----------
    matrix : array, list, tuple or number
        Anything else is returned as it is.
    edge : EdgeName
        What errors call its edge.

    Raises
    ------
    ChainError
        If it is a list of anything but numbers, of lists of several lengths, or of what has a unit, a mask or labels.
    """
    if isinstance(matrix, list | tuple | int | float | complex):
        lost = loss(matrix)
        if lost is not None:
            msg = f"{edge}: its jacobian is a {type(matrix).__name__} with {lost}, which would be lost: give its values"
            raise ChainError(msg)
        try:
            matrix = np.asarray(matrix)
        except (ValueError, TypeError, OverflowError) as error:
            what = (
                "holds rows of several lengths" if "inhomogeneous" in str(error) else f"is not a matrix ({printable(str(error))})"
            )
            msg = f"{edge}: its jacobian {what}: give a matrix"
            raise ChainError(msg) from None
        if matrix.dtype.kind not in "biufc":
            msg = f"{edge}: its jacobian is {shown(matrix.tolist())}: give numbers, as NumPy has them"
            raise ChainError(msg)
    is_number = isinstance(matrix, np.ndarray | np.generic) and matrix.shape == ()
    return matrix.reshape((1, 1)) if is_number else matrix


def with_matrix(attributes: Attributes, edge: EdgeName) -> Attributes:
    """Return the attributes of an edge with the array that its jacobian is, or, as a list, stands for."""
    given = attributes.get("jacobian")
    matrix = as_matrix(given, edge)
    return attributes if matrix is given else {**attributes, "jacobian": matrix}


def known_shape(attributes: Attributes, edge: EdgeName) -> tuple[int, int] | None:
    """Return the shape of the Jacobian on an edge; None where the edge has none."""
    matrix, structure = attributes.get("jacobian"), attributes.get("structure")
    if matrix is None:
        return structure.own_shape if isinstance(structure, Structure) else None
    shape = getattr(matrix, "shape", None)
    if isinstance(structure, Structure) and structure.diagonals == (0, 0) and isinstance(shape, tuple) and len(shape) == 1:
        shape *= 2  # the vector of the diagonal
    if not isinstance(shape, tuple) or len(shape) != 2:
        what = f"has the shape {shape}" if isinstance(shape, tuple) else f"is {shown(matrix)}"
        msg = f"{edge}: its jacobian {what}: give a matrix of shape (size of the edge's head, size of its tail)"
        raise ChainError(msg)
    return checked_shape(shape, f"{edge}: jacobian.shape")


class EdgeReader:
    """Reads edges; in a large graph many have the same attributes, which are read once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Partial] = {}

    def __call__(self, attributes: Attributes, shape: tuple[int, int], edge: EdgeName) -> Partial:
        """Read the attributes of an edge; see `read_partial`."""
        values = tuple([attributes.get(name) for name in ATTRIBUTES])
        if not {*map(type, values)} <= _PLAIN:
            return read_partial(attributes, shape, edge)
        key = values, shape
        if key not in self._known:
            self._known[key] = read_partial(attributes, shape, edge)
        return self._known[key]


def read_partial(attributes: Attributes, shape: tuple[int, int], edge: EdgeName) -> Partial:
    """Read the attributes of an edge.

    Parameters
    ----------
    attributes : mapping
        Any of ``jacobian``, ``jvp_cost``, ``vjp_cost``, ``accumulation_cost``, ``tape`` and ``structure``.
    shape : tuple of two ints
        The sizes of its head and of its tail.
    edge : EdgeName
        What errors call it.

    Raises
    ------
    ChainError
        If one of them is wrong, or they do not go together.
    """
    costs = [None if (cost := attributes.get(name)) is None else checked_cost(cost, f"{edge}: {name}") for name in _COSTS]
    jvp, vjp, accumulation = costs
    tape = attributes.get("tape")
    tape = 0 if tape is None else checked_size(tape, f"{edge}: tape")
    matrix = attributes.get("jacobian")
    structure, pattern = _structure(attributes, shape, edge)
    if structure is not None and structure.is_identity:
        return IDENTITY
    entries = shape[0] * shape[1] if pattern is None else pattern.nonzeros
    is_matrix_free = is_operator(matrix)
    at_hand = Partial(0, entries, entries, tape, (matrix,), structure=structure, pattern=pattern)
    if jvp is vjp is accumulation is None:
        if is_matrix_free:
            msg = f"{edge}: its jacobian is matrix-free (a {type(matrix).__name__}): give jvp_cost and vjp_cost too"
            raise ChainError(msg)
        return at_hand
    if matrix is not None and not is_matrix_free:
        accumulation = 0 if accumulation is None else accumulation
        given = (jvp, vjp, accumulation)
        jvp, vjp = entries if jvp is None else jvp, entries if vjp is None else vjp
        return at_hand._replace(accumulation=accumulation, jvp=jvp, vjp=vjp, given=given)
    by_user = (jvp, vjp, accumulation)
    if accumulation is None or is_matrix_free:
        height, width = shape if structure is None else (row_colors(structure, shape), column_colors(structure, shape))
        by_mode = [count * cost for count, cost in ((width, jvp), (height, vjp)) if cost is not None]
        accumulation = min(by_mode) if accumulation is None else accumulation
        if is_matrix_free:
            matrix = MatrixFree(matrix, vjp is None or (jvp is not None and width * jvp == min(by_mode)), structure)
    return at_hand._replace(accumulation=accumulation, jvp=jvp, vjp=vjp, matrices=(matrix,), given=by_user)


def _structure(attributes: Attributes, shape: tuple[int, int], edge: EdgeName) -> tuple[Structure | None, Pattern | None]:
    """Return the structure that an edge is given, or that its matrix shows; None of a dense one."""
    structure = attributes.get("structure")
    try:
        if structure is None:
            structure = _shown_by(attributes.get("jacobian"))
        else:
            check_structure(structure, shape)
    except ChainError as error:
        msg = f"{edge}: {error}"
        raise ChainError(msg) from None
    if structure is not None and structure.is_identity:
        _check_identity(attributes.get("jacobian"), edge)
    if structure is None or structure.is_identity:
        return structure, None
    pattern: Pattern = structure.pattern(shape)
    return (None, None) if pattern.nonzeros == shape[0] * shape[1] else (structure, pattern)


def _shown_by(matrix: Array) -> Structure | None:
    """Return the structure of a matrix: sparse if it is SciPy's, an identity if its entries are those of one.

    The number 1 is not one: a graph of scalars should not be planned differently where one happens to be 1.
    """
    library = backend_of(matrix)
    if not library.goes_with_scipy or (isinstance(matrix, np.ndarray) and type(matrix) is not np.ndarray):
        return None  # of an identity with a mask, or with a unit, more is to be known than that it is one
    rows, columns = matrix.shape
    if rows == columns > 1 and _is_identity(matrix):
        return Identity()
    if not library.is_sparse:
        return None
    if matrix.format == "dia" and len(matrix.offsets):
        lower, upper = max(0, -int(min(matrix.offsets))), max(0, int(max(matrix.offsets)))
        return Banded(lower, upper) if lower or upper or rows != columns else Diagonal()
    return Sparse(matrix)


def _is_identity(matrix: Array) -> bool:
    """Whether a square matrix of NumPy or SciPy is an identity; of most others the first entry tells."""
    if isinstance(matrix, np.ndarray):
        return (
            bool((matrix[:1, :1] == 1).all()) and np.count_nonzero(matrix) == len(matrix) and bool((matrix.diagonal() == 1).all())
        )
    return nonzero_count(matrix) == matrix.shape[0] and bool((matrix.diagonal() == 1).all())


def _check_identity(matrix: Array, edge: EdgeName) -> None:
    """Refuse any other matrix where an identity is declared: it would never be read."""
    if not backend_of(matrix).goes_with_scipy:
        return
    if not ((matrix == 1).all() if matrix.ndim == 1 else _is_identity(matrix)):
        msg = f"{edge}: its jacobian is not an identity, but its structure is Identity(): give another structure, or none"
        raise ChainError(msg)
