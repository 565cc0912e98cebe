"""`multi_dot`, in the place of `numpy.linalg.multi_dot`."""

from __future__ import annotations

import operator
from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.factor_data import broadcast_all
from chainopt.chain.parsing import read_factors
from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import backend_of, becomes_numpy, has_mask, is_numbered, labels_of, loss
from chainopt.execution.backends.numpy import NUMBERS
from chainopt.execution.compiling import is_compiling, is_symbol, symbolic_product, without_matrix
from chainopt.execution.forms import goes_with_matmul, product
from chainopt.execution.serial import multiply
from chainopt.numbers import counted
from chainopt.ordering.order import optimal_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.typing import Array

LONGEST_KEPT = 64
_ARRAY, _TWO = {np.ndarray}, {2}


def multi_dot(arrays: Sequence[Array], *, out: Array = None) -> Array:
    """Multiply two or more arrays in the cheapest order: a drop-in for `numpy.linalg.multi_dot`.

    Parameters
    ----------
    arrays : sequence of arrays
        Matrices; the first may be 1-D, a row, and the last 1-D, a column. Beyond NumPy: stacks, which broadcast as
        those of ``@`` do; SciPy sparse arrays; JAX arrays, traced ones too; PyTorch tensors, with their gradients;
        Dask arrays; arrays of libraries that follow the array API standard.
    out : array, optional
        Where the product goes, by the rules of `numpy.dot`: of its exact dtype, C-contiguous, two-dimensional.
        For stacks and tensors the rules are those of `Plan.execute`.

    Returns
    -------
    array
        Their product; 1-D where one end was 1-D, a scalar where both were.

    Raises
    ------
    ChainError
        If there are fewer than two arrays, or neighbors among three or more do not fit; for two, NumPy raises a
        ValueError.
    numpy.linalg.LinAlgError
        If an array has the wrong number of dimensions.

    Notes
    -----
    Another order rounds differently, and numbers near the ends of their range, such as 1e25 and 1e-30 in float32, may overflow
    in one order and not in another. Matrices scaled to about 1 do not.

    Examples
    --------
    >>> import numpy, chainopt
    >>> arrays = [numpy.ones(4), numpy.ones((4, 3)), numpy.ones((3, 2))]
    >>> chainopt.multi_dot(arrays)
    array([12., 12.])
    """
    if is_compiling():
        return symbolic_product(arrays, out)
    if out is None and {*map(type, arrays)} == _ARRAY and len(arrays) <= LONGEST_KEPT:  # what is usual, before all that could be
        pairs = _pairs(tuple([array.shape for array in arrays]))
        if pairs is not None:
            try:
                return _in_pairs(pairs, [*arrays], np.ndarray.dot)
            except (TypeError, ValueError):
                _check_kinds(arrays)
                raise
    if out is None and len(arrays) > 1 and all(map(goes_with_matmul, map(type, arrays))) and _are_sparse(arrays):
        return _in_pairs(_sparse_pairs(arrays), [*arrays], operator.matmul)
    if len(arrays) < 2:
        msg = f"arrays {'has one entry' if len(arrays) else 'is empty'}: give at least two arrays to multiply"
        raise ChainError(msg)
    _check_labels(arrays)
    return _product(
        [array if isinstance(array, np.ndarray) else _as_array(array, position) for position, array in enumerate(arrays)], out
    )


def _check_kinds(matrices: Sequence[Array]) -> None:
    """Refuse text, dates and records, which NumPy multiplies with an error that does not say so."""
    for position, matrix in enumerate(matrices):
        dtype = getattr(matrix, "dtype", None)
        if getattr(dtype, "kind", "") in {"U", "S", "M"} or getattr(dtype, "type", None) is np.void:
            msg = f"arrays[{position}] has the dtype {dtype}: give numbers"
            raise ChainError(msg)


def _check_entries(matrices: list[Array]) -> None:
    """Refuse what has no entries, or not all of them."""
    for position, matrix in enumerate(matrices):
        if hasattr(matrix, "matmat"):
            raise without_matrix(position, matrix)
        if has_mask(matrix) and np.any(getattr(getattr(matrix, "magnitude", matrix), "mask", False)):
            msg = f"arrays[{position}] has masked entries, which have no product: give its filled(...)"
            raise ChainError(msg)


def _product(matrices: list[Array], out: Array) -> Array:
    """Multiply arrays of any libraries."""
    _check_kinds(matrices)
    _check_entries(matrices)
    shapes = [matrix.shape for matrix in matrices]
    if {*map(type, matrices)} == _ARRAY and {*map(len, shapes)} == _TWO:
        return _by_dot(matrices, shapes, np.ndarray.dot, out)
    if any(is_symbol(size) for shape in shapes for size in shape):
        return symbolic_product(matrices, out)
    _check_ends(shapes)
    is_row, is_column = len(shapes[0]) == 1, len(shapes[-1]) == 1
    is_plain = all(isinstance(matrix, np.ndarray) and matrix.ndim < 3 for matrix in matrices)
    if is_plain and len(matrices) == 2:
        return np.dot(matrices[0], matrices[1], out=out)
    if is_row:
        matrices[0] = backend_of(matrices[0]).reshape(matrices[0], (1, -1))
    if is_column:
        matrices[-1] = backend_of(matrices[-1]).reshape(matrices[-1], (-1, 1))
    if is_plain:
        result = _by_dot(matrices, [matrix.shape for matrix in matrices], np.dot, out)
    elif out is None and _are_sparse(matrices):
        # Only of matrices that list diagonals is there a product that SciPy cannot multiply with others.
        has_diagonals = any(hasattr(matrix, "offsets") for matrix in matrices)
        result = _in_pairs(_sparse_pairs(matrices), matrices, product if has_diagonals else operator.matmul)
    else:
        chain = JacobianChain.from_reading(read_factors(matrices, "arrays"))
        if out is not None:
            wanted = [*broadcast_all(chain.batches or ())]
            wanted += [size for size, is_end in ((chain.dims[0], is_row), (chain.dims[-1], is_column)) if not is_end]
            if tuple(getattr(out, "shape", wanted)) != tuple(wanted):  # of the shape of what is returned, as PyTorch has it
                msg = f"out has the shape {tuple(out.shape)}, but the product has the shape {tuple(wanted)}"
                raise ChainError(msg)
            optimal_order(chain).execute(matrices, out=_with_ends(out, is_row=is_row, is_column=is_column))
            return out
        result = optimal_order(chain).execute(matrices)
    if is_row and is_column:
        return result[0, 0] if len(result.shape) == 2 else result[..., 0, 0]
    if is_plain and (is_row or is_column):
        return result.ravel()  # as NumPy does it: of a `numpy.matrix` that is a row, whichever end has one dimension
    if is_row:
        return result[..., 0, :]
    return result[..., 0] if is_column else result


def _check_ends(shapes: list[tuple[int, ...]]) -> None:
    """Only the first and the last array may have one dimension."""
    for position, shape in enumerate(shapes):
        if len(shape) < 2 and not (len(shape) == 1 and position in (0, len(shapes) - 1)):
            held = counted(len(shape), "dimension")
            msg = f"arrays[{position}] has {held}: only the first and the last may have one, the others have two"
            raise np.linalg.LinAlgError(msg)


def _with_ends(out: Array, *, is_row: bool, is_column: bool) -> Array:
    """Return an array without the dimensions that the ends lack as one that has them; nothing is copied."""
    if is_column:
        out = out[..., None]
    return out[..., None, :] if is_row else out


def _sparse_pairs(matrices: Sequence[Array]) -> list[tuple[int, int]]:
    """Return the first factor of both sides of each product, in the order of a chain of sparse matrices."""
    from chainopt.ordering.sparse_order import sparse_order

    return [(i, k) for i, k, _ in sparse_order(matrices)]


def _are_sparse(matrices: Sequence[Array]) -> bool:
    """Whether they are numbers in SciPy's sparse arrays and NumPy's, which fit together; if not, others raise the error."""
    shapes = [matrix.shape for matrix in matrices]
    fits = all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
    fits = fits and all(one[1] == other[0] for one, other in pairwise(shapes))
    if not fits or {*map(type, matrices)} == _ARRAY:
        return False
    return all((type(matrix) is np.ndarray or backend_of(matrix).is_sparse) and matrix.dtype in NUMBERS for matrix in matrices)


def _as_array(array: Array, position: int) -> Array:
    if not becomes_numpy(array):
        return array
    lost = None if hasattr(array, "iloc") else loss(array)  # tables are arrays here, as for NumPy
    if lost is not None:
        msg = f"arrays[{position}] is a {type(array).__name__} with {lost}, which would be lost: give its values"
        raise ChainError(msg)
    return np.asanyarray(array)


def _check_labels(arrays: Sequence[Array]) -> None:
    """Refuse tables of pandas whose labels differ where they meet: ``@`` aligns them, NumPy's function would not."""
    for position, (left, right) in enumerate(pairwise(arrays)):
        if labels_of(left) is None or labels_of(right) is None or not hasattr(right, "iloc") or not hasattr(left, "iloc"):
            continue
        one, other = left.axes[-1], right.axes[0]
        if not (is_numbered(one) or is_numbered(other) or one.equals(other)):
            msg = f"arrays[{position}] and arrays[{position + 1}] differ in labels where they meet: align them, or give arrays"
            raise ChainError(msg)


def _by_dot(matrices: list[Array], shapes: list[tuple[int, int]], dot: Callable[..., Array], out: Array) -> Array:
    """Multiply NumPy arrays, of Python objects too, by NumPy's rules; the list is emptied on the way."""
    if len(shapes) == 2:
        return dot(matrices[0], matrices[1], out=out)
    rows, columns = zip(*shapes, strict=True)
    if len(shapes) > LONGEST_KEPT or rows[1:] != columns[:-1]:
        association = optimal_order(JacobianChain.from_reading(read_factors(shapes, "arrays"))).association
    else:
        association = _association((*rows, columns[-1]))
    return multiply(association, matrices, dot, None if out is None else partial(dot, out=out))


def _in_pairs(pairs: list[tuple[int, int]], held: list[Array], product: Callable[[Array, Array], Array]) -> Array:
    """Multiply matrices, pair by pair; what is not needed any more is let go."""
    for left, right in pairs:
        held[left] = product(held[left], held[right])
        held[right] = None
    return held[0]


@lru_cache(maxsize=512)
def _pairs(shapes: tuple[tuple[int, ...], ...]) -> list[tuple[int, int]] | None:
    """Return which two are multiplied, one pair after the other, each product in the place of its left side.

    None where these are not matrices that fit together: others raise the error.
    """
    fits = len(shapes) > 1 and {*map(len, shapes)} == _TWO and all(one[1] == other[0] for one, other in pairwise(shapes))
    if not fits:
        return None
    association = optimal_order([(shape[0], shape[1]) for shape in shapes]).association
    return [(first, split + 1) for first, split, _ in association.steps()]


@lru_cache(maxsize=512)
def _association(dims: tuple[int, ...]) -> Bracketing:
    return optimal_order(tuple(pairwise(dims))).association
