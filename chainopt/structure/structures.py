"""The structures that a Jacobian can have: what users say of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainopt.errors import ChainError
from chainopt.structure.bands import Band
from chainopt.structure.patterns import Pattern, Places, scipy_sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Dense:
    """No zeros are known: what a Jacobian without a structure is.

    Examples
    --------
    >>> import chainopt
    >>> stages = [chainopt.Jacobian((3, 4), structure=chainopt.Dense()), chainopt.Jacobian((4, 2))]
    >>> chainopt.optimal_order(stages).cost
    24
    """

    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.full(*shape)


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Nonzeros on the main diagonal only, as of a function that is applied element by element.

    Examples
    --------
    A layer is a dense matrix behind a diagonal one, which costs as many multiplications as the other has entries.

    >>> from chainopt import Diagonal, Jacobian, optimal_order
    >>> optimal_order([Jacobian((10, 500)), Jacobian((500, 500), structure=Diagonal())]).cost
    5000
    """

    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.of(shape, 0, 0)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity: what passes through a stage unchanged. Multiplying with it costs nothing.

    Examples
    --------
    >>> from chainopt import Identity, Jacobian, optimal_order
    >>> optimal_order([Jacobian((9, 9), structure=Identity()), Jacobian((9, 4))]).cost
    0
    """

    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If the shape is not square.
        """
        if shape[0] != shape[1]:
            msg = f"structure is Identity(), but the shape is {shape}: an identity is square"
            raise ChainError(msg)
        return Band.of(shape, 0, 0, is_unit=True)


@dataclass(frozen=True, slots=True)
class Banded:
    """Nonzeros on some diagonals: ``-lower <= column - row <= upper``.

    Parameters
    ----------
    lower, upper : int
        How many diagonals below and above the main one have nonzeros.

    Raises
    ------
    ChainError
        If one is no int, or negative.

    Examples
    --------
    >>> from chainopt import Banded, Jacobian, optimal_order
    >>> stencil = Jacobian((100, 100), structure=Banded(1, 1))
    >>> optimal_order([stencil, stencil]).cost
    890
    """

    lower: int
    upper: int

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                msg = f"{name} is {value!r}: give the number of diagonals, an int that is not negative"
                raise ChainError(msg)
            object.__setattr__(self, name, int(value))

    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros."""
        return Band.of(shape, self.lower, self.upper)


@dataclass(frozen=True, slots=True)
class BlockDiagonal:
    """Dense blocks along the diagonal, as of a function that works on groups of its inputs one by one.

    Parameters
    ----------
    blocks : sequence of (int, int) or int
        The (rows, columns) of each block, or the size of a square one; together they make up the matrix.

    Raises
    ------
    ChainError
        If they are no such sequence.

    Examples
    --------
    >>> from chainopt import BlockDiagonal, Jacobian, optimal_order
    >>> pairs = Jacobian((6, 6), structure=BlockDiagonal([2, 2, 2]))
    >>> optimal_order([pairs, pairs]).cost
    24
    """

    blocks: tuple[Shape, ...]

    def __init__(self, blocks: Any) -> None:
        if not isinstance(blocks, list | tuple):
            msg = f"blocks is {blocks!r}: give a sequence of (rows, columns) pairs"
            raise ChainError(msg)
        pairs = []
        for at, block in enumerate(blocks):
            pair = block if isinstance(block, list | tuple) else (block, block)
            sizes_fit = all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0 for size in pair)
            if len(pair) != 2 or not sizes_fit:
                msg = f"blocks[{at}] is {block!r}: give a pair (rows, columns), or the size of a square block"
                raise ChainError(msg)
            pairs.append((int(pair[0]), int(pair[1])))
        object.__setattr__(self, "blocks", tuple(pairs))

    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If the blocks do not make up such a matrix.
        """
        rows = np.array([block[0] for block in self.blocks], dtype=np.int64)
        columns = np.array([block[1] for block in self.blocks], dtype=np.int64)
        if (rows.sum(), columns.sum()) != shape:
            msg = f"structure is a BlockDiagonal of {rows.sum()}x{columns.sum()} together, but the shape is {shape}"
            raise ChainError(msg)
        if len(self.blocks) == 1:
            return Band.full(*shape)
        widths = np.repeat(columns, rows)
        begins = np.repeat(np.cumsum(columns) - columns, rows)
        indptr = np.concatenate([[0], np.cumsum(widths)])
        indices = np.arange(indptr[-1]) - np.repeat(indptr[:-1] - begins, widths)
        return Places(_listed(indptr, indices, shape))


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Sparse:
    """Nonzeros at given places.

    Parameters
    ----------
    pattern : SciPy sparse array, or two-dimensional array
        Of a sparse array the entries that it stores count, whatever their value; of another those that are not zero.

    Attributes
    ----------
    shape : (int, int)
        The shape of the pattern, which is the Jacobian's.
    indptr, indices : numpy.ndarray of int64
        The columns of row i are ``indices[indptr[i]:indptr[i + 1]]``, ascending.

    Raises
    ------
    ChainError
        If it is no such array.

    Examples
    --------
    >>> import numpy
    >>> from chainopt import Jacobian, Sparse, optimal_order
    >>> arrow = Sparse(numpy.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]]))
    >>> optimal_order([Jacobian((3, 3), structure=arrow), Jacobian((3, 2))]).cost
    10
    """

    shape: Shape
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]

    def __init__(self, pattern: Any) -> None:
        if hasattr(pattern, "tocsr"):
            entries = pattern.tocsr(copy=True)
            entries.sum_duplicates()  # which sorts, too
            shape, indptr, indices = entries.shape, entries.indptr, entries.indices
        else:
            try:
                array = np.asarray(pattern)
            except ValueError:  # of rows of unequal lengths
                array = np.empty(0)
            if array.ndim != 2:
                what = f"the shape {array.shape}" if isinstance(pattern, np.ndarray) else f"the type {type(pattern).__name__}"
                msg = f"pattern has {what}: give a SciPy sparse array, or a two-dimensional array"
                raise ChainError(msg)
            rows, indices = np.nonzero(array)
            shape, indptr = array.shape, np.searchsorted(rows, np.arange(array.shape[0] + 1))
        self._hold((int(shape[0]), int(shape[1])), indptr, indices)

    def _hold(self, shape: Shape, indptr: Any, indices: Any) -> None:
        object.__setattr__(self, "shape", shape)
        for name, column in (("indptr", indptr), ("indices", indices)):
            held = np.array(column, dtype=np.int64)
            held.setflags(write=False)
            object.__setattr__(self, name, held)

    @classmethod
    def from_places(cls, shape: Shape, indptr: Sequence[int], indices: Sequence[int]) -> Sparse:
        """Make the pattern of rows that begin at ``indptr`` in a list of ascending columns.

        Raises
        ------
        ChainError
            If they are no such lists.
        """
        pattern = object.__new__(cls)
        try:
            pattern._hold((int(shape[0]), int(shape[1])), indptr, indices)
            rows, columns = pattern.shape
            fits = pattern.indptr.shape == (rows + 1,) and pattern.indices.ndim == 1
            fits = fits and pattern.indptr[0] == 0 and pattern.indptr[-1] == pattern.indices.size
            fits = fits and all(
                begin <= end and (np.diff([-1, *pattern.indices[begin:end], columns]) > 0).all()
                for begin, end in pairwise(pattern.indptr.tolist())
            )
        except (TypeError, ValueError, OverflowError, IndexError):
            fits = False
        if not fits:
            msg = "the places of a sparse pattern are not ascending columns within its shape, row after row"
            raise ChainError(msg)
        return pattern

    def pattern(self, shape: Shape) -> Pattern:
        """Return where a matrix of this shape has nonzeros.

        Raises
        ------
        ChainError
            If it is not the shape of the pattern.
        """
        if shape != self.shape:
            msg = f"structure has a pattern of {self.shape[0]}x{self.shape[1]}, but the shape is {shape}"
            raise ChainError(msg)
        if self.indices.size == shape[0] * shape[1]:
            return Band.full(*shape)
        return Places(_listed(self.indptr, self.indices, shape))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sparse):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return self.shape, self.indptr.tobytes(), self.indices.tobytes()

    def __reduce__(self) -> tuple[Any, ...]:
        return Sparse.from_places, (self.shape, self.indptr, self.indices)

    def __repr__(self) -> str:
        return f"Sparse(<{self.indices.size} places in {self.shape[0]}x{self.shape[1]}>)"


Structure: TypeAlias = Dense | Diagonal | Identity | Banded | BlockDiagonal | Sparse


def _listed(indptr: NDArray[Any], indices: NDArray[Any], shape: Shape) -> Any:
    return scipy_sparse().csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=shape)
