"""The forms in which structured matrices are multiplied: diagonals as vectors, others in SciPy's, identities not at all."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chainopt.execution.backends.dispatch import backend_of, is_operator
from chainopt.structure.patterns import scipy_sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array, DType


COMPRESSED = frozenset({"csr", "csc"})  # SciPy's formats whose products are of the same


class DiagonalForm:
    """A diagonal matrix, held as the vector of its diagonal."""

    def __init__(self, vector: Array) -> None:
        self.vector = vector
        self.shape = (vector.shape[0], vector.shape[0])
        self.dtype = vector.dtype

    def __array__(self, dtype: DType = None, copy: bool | None = None) -> Array:  # noqa: FBT001 -- NumPy's protocol
        """Return the whole matrix."""
        return np.diag(np.asarray(self.vector)).astype(dtype or self.dtype, copy=bool(copy))


class IdentityForm:
    """An identity, with the matrix or the vector of ones that was given for it."""

    def __init__(self, given: Array) -> None:
        self.given = given
        self.shape = (given.shape[0], given.shape[0])
        self.dtype = given.dtype


def product(left: Array, right: Array) -> Array:
    """Multiply two matrices, each structured or not, with no more multiplications than their structures need."""
    if isinstance(left, IdentityForm):
        return right
    if isinstance(right, IdentityForm):
        return left
    if isinstance(left, DiagonalForm) and isinstance(right, DiagonalForm):
        return DiagonalForm(left.vector * right.vector)
    if isinstance(left, DiagonalForm):
        return backend_of(right).scale_rows(left.vector, right)
    if isinstance(right, DiagonalForm):
        return backend_of(left).scale_columns(left, right.vector)
    left, right = _with_diagonals(left), _with_diagonals(right)
    try:
        return left @ right
    except (ValueError, RuntimeError):  # nor can it form a product that no diagonal is left of
        if not (hasattr(left, "offsets") and hasattr(right, "offsets")):
            raise
    return left.tocsr() @ right


def product_of(factors: Sequence[Array]) -> Callable[[Array, Array], Array]:
    """Return what multiplies matrices in their forms: ``@`` alone, where all are arrays or stored by rows or columns."""
    is_plain = all(type(factor) is np.ndarray or getattr(factor, "format", None) in COMPRESSED for factor in factors)
    return operator.matmul if is_plain else product


@lru_cache(maxsize=64)
def goes_with_matmul(kind: type) -> bool:
    """Whether matrices of a type need nothing but ``@``: NumPy's own, and those of SciPy's that are stored by rows or columns."""
    return kind is np.ndarray or (kind.__module__.startswith("scipy.sparse.") and kind.__name__[:3] in COMPRESSED)


def _with_diagonals(matrix: Array) -> Array:
    """Store a matrix without any diagonals by rows, which SciPy cannot multiply as it is."""
    offsets = getattr(matrix, "offsets", None)
    return matrix if offsets is None or len(offsets) else matrix.tocsr()


def dense_form(matrix: Array) -> Array:
    """Return a matrix, in whatever form, with all its entries."""
    if isinstance(matrix, IdentityForm):
        matrix = matrix.given if len(matrix.given.shape) > 1 else DiagonalForm(matrix.given)
    if isinstance(matrix, DiagonalForm):
        return backend_of(matrix.vector).from_diagonal(matrix.vector)
    return backend_of(matrix).dense(matrix)


def adjoint(matrix: Array) -> Array:
    """Return the conjugate transpose of an array; of a real one a view."""
    return backend_of(matrix).adjoint(matrix)


def finisher(factors: Sequence[Array]) -> Callable[[Array], Array]:
    """Return what gives the product the type that ``@`` would give: sparse where no factor was given as a dense matrix."""
    is_dense = any(
        not (is_operator(factor) or backend_of(factor).is_sparse or len(factor.shape) == 1)  # a vector is a diagonal
        for factor in factors
    )

    def finish(result: Array) -> Array:
        if is_dense:
            return dense_form(result)
        if isinstance(result, IdentityForm):
            result = result.given if len(result.given.shape) > 1 else DiagonalForm(result.given)
        if not isinstance(result, DiagonalForm):
            return result
        goes_with_scipy = backend_of(result.vector).goes_with_scipy
        return scipy_sparse().diags_array(result.vector) if goes_with_scipy else dense_form(result)

    return finish
