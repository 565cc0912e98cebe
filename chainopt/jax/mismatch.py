"""Is a pattern right? One product of the Jacobian with random numbers, once by the function, once by the nonzeros."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.structure.patterns import scipy_sparse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, NumpyArray


def mismatch(
    function: Callable[..., list[Array]], primals: Sequence[Array], entries: Entries, data: NumpyArray, *, has_jvps: bool
) -> str | None:
    """Return where the nonzeros are not the Jacobian, or None.

    Parameters
    ----------
    function : callable
        Of arrays, that returns a list of arrays.
    primals : sequence of arrays
        Where.
    entries : scipy.sparse.csr_array of bool
        The pattern.
    data : numpy.ndarray, shape (nonzeros,)
        What was found at its places.
    has_jvps : bool
        Whether the product is a JVP; else it is a VJP.
    """
    matrix = scipy_sparse().csr_array((data, entries.indices, entries.indptr), shape=entries.shape)
    if 0 in matrix.shape:
        return None
    results = jax.eval_shape(function, *primals)
    finfo: Any = jnp.finfo
    epsilon = max(float(finfo(array.dtype).eps) for array in (*primals, *results))
    seeds = _random(primals if has_jvps else results)
    product = _flat(_product(function, primals, seeds, has_jvps=has_jvps))
    matrix = matrix if has_jvps else matrix.T.tocsr()
    vector = _flat(seeds)
    expected, scale = matrix @ vector, abs(matrix) @ abs(vector)
    scale = scale + abs(product)
    known = np.isfinite(product) & np.isfinite(expected)
    largest = scale[known].max(initial=0)
    differs = known & (abs(product - expected) > math.sqrt(epsilon) * scale + 100 * epsilon * largest)
    if not differs.any():
        return None
    line = int(np.argmax(np.where(differs, abs(np.where(known, product - expected, 0)), -1)))
    missing = _missing(function, primals, results, matrix, line, has_jvps=has_jvps)
    number = int(differs.sum())
    what = ("row", "column") if has_jvps else ("column", "row")
    others = f" ({number} {what[0]}s differ in all)" if number > 1 else ""
    if missing is None:
        return f"{what[0]} {line} differs from that of the function's derivative{others}"
    row, column = (line, missing) if has_jvps else (missing, line)
    return f"it has no place at row {row}, column {column}, where the function's derivative is not zero{others}"


def _product(
    function: Callable[..., list[Array]], primals: Sequence[Array], seeds: list[Array], *, has_jvps: bool
) -> list[Array]:
    if has_jvps:
        return list(jax.jvp(lambda *given: list(function(*given)), tuple(primals), tuple(seeds))[1])
    return list(jax.vjp(lambda *given: list(function(*given)), *primals)[1](seeds))


def _missing(
    function: Callable[..., list[Array]],
    primals: Sequence[Array],
    results: Sequence[Any],
    matrix: Array,
    line: int,
    *,
    has_jvps: bool,
) -> int | None:
    """Return a place in a row, or column, that the pattern lacks; None where the other mode, which finds it, is not there."""
    like = results if has_jvps else primals
    unit = np.zeros(sum(math.prod(jnp.shape(array)) for array in like))
    unit[line] = 1
    try:
        found = abs(_flat(_product(function, primals, _split(unit, like), has_jvps=not has_jvps)))
    except Exception:  # noqa: BLE001 -- whatever a rule raises that is not there
        return None
    found[matrix.indices[matrix.indptr[line] : matrix.indptr[line + 1]]] = 0
    place = int(np.argmax(np.nan_to_num(found)))
    return place if found[place] > 0 else None


def _random(like: Sequence[Any]) -> list[Array]:
    rng = np.random.default_rng(20201)
    return _split(rng.uniform(0.5, 1.5, sum(math.prod(jnp.shape(array)) for array in like)), like)


def _split(flat: NumpyArray, like: Sequence[Any]) -> list[Array]:
    """Cut a vector into arrays of given shapes and dtypes."""
    ends = np.cumsum([math.prod(jnp.shape(array)) for array in like])[:-1]
    parts = zip(np.split(flat, ends), like, strict=True)
    return [jnp.asarray(part.reshape(jnp.shape(array)), dtype=array.dtype) for part, array in parts]


def _flat(arrays: Sequence[Array]) -> NumpyArray:
    parts = [np.asarray(array).reshape(-1) for array in arrays]
    return np.concatenate([part if part.dtype.kind == "c" else part.astype(np.float64) for part in parts])
