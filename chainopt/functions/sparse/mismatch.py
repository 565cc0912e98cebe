"""Is a pattern right? One product of the Jacobian with random numbers, once by the function, once by the nonzeros."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from chainopt.structure.patterns import scipy_sparse

if TYPE_CHECKING:
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, NumpyArray


class Products(Protocol):
    """Products of a function's own Jacobian with vectors, by the library, in double precision."""

    has_jvps: bool
    """Whether the first one is a JVP; else it is a VJP."""
    epsilon: float
    """Of the dtypes that the function has."""

    def product(self, vector: NumpyArray, *, by_jvp: bool) -> NumpyArray:
        """Multiply with a vector, which has as many entries as the inputs have, or as the results have."""


def mismatch(products: Products, entries: Entries, data: NumpyArray) -> str | None:
    """Return where the nonzeros are not the Jacobian, or None.

    Parameters
    ----------
    products : Products
        Of the function's own.
    entries : scipy.sparse.csr_array of bool
        The pattern.
    data : numpy.ndarray, shape (nonzeros,)
        What was found at its places.
    """
    matrix = scipy_sparse().csr_array((data, entries.indices, entries.indptr), shape=entries.shape)
    if 0 in matrix.shape:
        return None
    has_jvps, epsilon = products.has_jvps, products.epsilon
    matrix = matrix if has_jvps else matrix.T.tocsr()
    vector = np.random.default_rng(20201).integers(64, 192, matrix.shape[1]) / 128  # which even the narrowest dtypes hold
    product = products.product(vector, by_jvp=has_jvps)
    expected, scale = matrix @ vector, abs(matrix) @ abs(vector)
    scale = scale + abs(product)
    known = np.isfinite(product) & np.isfinite(expected)
    largest = scale[known].max(initial=0)
    differs = known & (abs(product - expected) > math.sqrt(epsilon) * scale + 100 * epsilon * largest)
    if not differs.any():
        return None
    line = int(np.argmax(np.where(differs, abs(np.where(known, product - expected, 0)), -1)))
    missing = _missing(products, matrix, line)
    number = int(differs.sum())
    what = ("row", "column") if has_jvps else ("column", "row")
    others = f" ({number} {what[0]}s differ in all)" if number > 1 else ""
    if missing is None:
        return f"{what[0]} {line} differs from that of the function's derivative{others}"
    row, column = (line, missing) if has_jvps else (missing, line)
    return f"it has no place at row {row}, column {column}, where the function's derivative is not zero{others}"


def _missing(products: Products, matrix: Array, line: int) -> int | None:
    """Return a place in a row, or column, that the pattern lacks; None where the other mode, which finds it, is not there."""
    unit = np.zeros(matrix.shape[0])
    unit[line] = 1
    try:
        found = abs(products.product(unit, by_jvp=not products.has_jvps))
    except Exception:  # noqa: BLE001 -- whatever a rule raises that is not there
        return None
    found[matrix.indices[matrix.indptr[line] : matrix.indptr[line + 1]]] = 0
    place = int(np.argmax(np.nan_to_num(found)))
    return place if found[place] > 0 else None
