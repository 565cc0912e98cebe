"""Structured factors are brought into the forms in which they are multiplied, if their nonzeros lie inside their structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import NUMPY, backend_of, has_unit, is_operator
from chainopt.execution.backends.remote import Remote
from chainopt.execution.checked_patterns import CHECKED
from chainopt.execution.forms import DiagonalForm, IdentityForm, finisher
from chainopt.structure.patterns import nonzero_count, places, scipy_sparse
from chainopt.structure.sparse import Sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array, BoolArray


def prepared(
    chain: JacobianChain, structures: Sequence[Structure], factors: list[Array]
) -> tuple[list[Array], Callable[[Array], Array] | None]:
    """Bring checked factors into the forms of their structures; those on a cluster are left to it.

    Returns
    -------
    list
        The factors.
    callable or None
        What turns their product into what ``@`` would give; None where it is the only factor, as it was given.

    Raises
    ------
    ChainError
        If a matrix has a nonzero where its structure has none.
    """
    forms = [
        factor
        if structure.is_dense or CHECKED.holds(factor, structure) or is_operator(factor) or isinstance(factor, Remote)
        else in_form(factor, structure, f"factors[{position}] ({chain.label(position)})")
        for position, (factor, structure) in enumerate(zip(factors, structures, strict=True))
    ]
    if len(factors) == 1 and not is_operator(factors[0]):
        return factors, None
    quantity = next((position for position, factor in enumerate(factors) if has_unit(factor)), None)
    if quantity is not None and any(backend_of(form).is_sparse for form in forms if not is_operator(form)):
        msg = (
            f"factors[{quantity}] ({chain.label(quantity)}) has a unit, which a product with a sparse form would lose: "
            "give its values, or plan without structures"
        )
        raise ChainError(msg)
    return forms, finisher(factors)


def in_form(matrix: Array, structure: Structure, place: str) -> Array:
    """Bring one checked matrix into the form of its structure.

    Parameters
    ----------
    matrix : array
        Of any library; numbers that are not known yet are not checked.
    structure : Structure
    place : str
        What errors call the matrix.
    """
    library = backend_of(matrix)
    refusal = "has a unit, which its structured form would lose: give its values" if has_unit(matrix) else None
    refusal = refusal or library.structure_refusal(matrix)
    if refusal is not None:
        msg = f"{place} {refusal}"
        raise ChainError(msg)
    is_whole = len(matrix.shape) > 1
    numbers = library.numbers(matrix)
    if structure.is_diagonal((matrix.shape[0], matrix.shape[-1])):
        fits = _is_diagonal(numbers, is_unit=structure.is_identity)
        if is_whole and (numbers is None or not library.takes_forms(matrix)):
            form: Array = matrix  # what cannot be looked at may have entries beside the diagonal
        elif structure.is_identity and numbers is not None:
            form = IdentityForm(matrix)
        else:
            form = DiagonalForm(library.diagonal(matrix) if is_whole else matrix)
    elif library.is_sparse:
        form = matrix
        if _is_stored_inside(matrix, structure):
            fits = True
            CHECKED.add(matrix, structure)
        else:
            fits = _is_inside(matrix, structure)
    elif library.goes_with_scipy and library.takes_forms(matrix):
        form = _sparse_form(matrix, structure)
        fits = library.nonzeros(matrix) == form.count_nonzero()
    else:
        form = matrix  # no sparse form is known there, and a dense one is right
        fits = numbers is None or _is_masked(numbers, _mask(structure, matrix.shape))
    if not fits:
        what = "is not an identity" if structure.is_identity else "has nonzeros outside of it"
        msg = f"{place} was planned with the structure {structure!r}, but {what}: plan it with another structure, or without one"
        raise ChainError(msg)
    return form


def _is_diagonal(numbers: Array, *, is_unit: bool) -> bool:
    """Whether a matrix, or the vector of a diagonal, is zero outside of the diagonal, and one on it; as far as is known."""
    if numbers is None:
        return True
    vector = numbers
    if len(numbers.shape) > 1:
        library = backend_of(numbers)
        if library is NUMPY:
            numbers = np.asarray(numbers)  # of a subclass, as `numpy.matrix` is, too
        vector = library.diagonal(numbers)  # of SciPy's sparse arrays a NumPy array
        if library.nonzeros(numbers) != backend_of(vector).nonzeros(vector):
            return False
    return not is_unit or backend_of(vector).is_all_ones(vector)


def _is_masked(numbers: Array, mask: BoolArray) -> bool:
    """Whether a matrix is zero where a mask is."""
    library = backend_of(numbers)
    return library.nonzeros(numbers) == library.nonzeros(numbers, mask)


def _mask(structure: Structure, shape: tuple[int, int]) -> BoolArray:
    """Write out where a structure has nonzeros."""
    if structure.diagonals is None:
        mask: BoolArray = places(structure.pattern(shape)).toarray()
        return mask
    lower, upper = structure.diagonals
    offsets = np.arange(shape[1])[None, :] - np.arange(shape[0])[:, None]
    return (-lower <= offsets) & (offsets <= upper)


def _is_stored_inside(matrix: Array, structure: Structure) -> bool:
    """Whether a sparse array stores nothing, not even zeros, but where a structure of listed places has nonzeros."""
    if structure.diagonals is not None:
        return False
    entries = matrix.tocsr()
    if isinstance(structure, Sparse) and _lists(structure, entries):
        return True
    held = np.ones(entries.nnz, dtype=bool), entries.indices[: entries.nnz], entries.indptr
    stored = scipy_sparse().csr_array(held, shape=entries.shape, copy=True)
    stored.sum_duplicates()
    return bool(stored.multiply(places(structure.pattern(matrix.shape))).nnz == stored.nnz)


def _lists(structure: Sparse, entries: Array) -> bool:
    """Whether a structure lists just the places of a matrix, as one that was made of it does."""
    return (
        entries.shape == structure.shape
        and np.array_equal(entries.indptr, structure.begins)
        and np.array_equal(entries.indices, structure.columns)
    )


def _is_inside(matrix: Array, structure: Structure) -> bool:
    """Whether a sparse array has its nonzeros where a structure has some."""
    if structure.diagonals is None:
        entries = matrix.tocsr()
        inside = entries.astype(bool).multiply(places(structure.pattern(matrix.shape)))
        return nonzero_count(inside) == nonzero_count(entries)
    lower, upper = structure.diagonals
    if matrix.format == "dia" and ((-lower <= matrix.offsets) & (matrix.offsets <= upper)).all():
        return True
    entries = matrix.tocoo()
    offsets = entries.col.astype(np.int64) - entries.row
    return not entries.data[(offsets < -lower) | (offsets > upper)].any()


def _sparse_form(matrix: Array, structure: Structure) -> Array:
    """Return the part of a NumPy array inside of a structure, as a SciPy sparse array."""
    sparse = scipy_sparse()
    if structure.diagonals is None:
        pattern = places(structure.pattern(matrix.shape))
        rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        entries = matrix[rows, pattern.indices], pattern.indices, pattern.indptr
        return sparse.csr_array(entries, shape=pattern.shape)
    if 0 in matrix.shape:
        return sparse.dia_array(matrix.shape, dtype=matrix.dtype)
    (rows, columns), (lower, upper) = matrix.shape, structure.diagonals
    offsets = range(-min(lower, rows - 1), min(upper, columns - 1) + 1)
    diagonals = [matrix.diagonal(offset) for offset in offsets]
    return sparse.diags_array(diagonals, offsets=list(offsets), shape=matrix.shape, dtype=matrix.dtype)
