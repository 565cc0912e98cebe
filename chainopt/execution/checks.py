"""The door of execution: factors that do not fit the plan are refused before anything is computed."""

from __future__ import annotations

import math
import operator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

import numpy as np

from chainopt.chain.factor_data import broadcast_all
from chainopt.errors import ChainError
from chainopt.execution.backends.dask import from_array, from_future
from chainopt.execution.backends.dispatch import Remote, as_torch, is_array_like, is_operator, kind_of, library_of
from chainopt.kernels.policy import cores
from chainopt.numbers import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.chain import JacobianChain


def checked_workers(workers: object, planned: float) -> int:
    """Return how many threads there are to be; those that the plan is for where ``workers`` is None."""
    wanted = planned if workers is None else workers
    if isinstance(wanted, float) and wanted == math.inf:
        return cores()
    if not isinstance(wanted, bool | np.bool_):
        with suppress(TypeError):
            threads = operator.index(cast(SupportsIndex, wanted))
            if threads >= 1:
                return threads
    msg = f"workers is {shown(workers)}: give an int of at least 1, math.inf for all cores, or None for what was planned"
    raise ChainError(msg)


_MATRIX = {"matrix"}
_NUMBERS = "biufc"  # kinds of dtypes


def checked_factors(chain: JacobianChain, factors: Sequence[Any], out: Any, needs: Sequence[set[str]] | None = None) -> list[Any]:
    """Return the factors, of libraries that go together, or say which one does not fit the plan.

    ``needs`` says of every stage what the plan uses of it, "matmat", "rmatmat" or "matrix"; None where all are matrices.
    """
    try:
        matrices = list(factors)
    except TypeError:
        msg = f"factors is of type {type(factors).__name__}: give a sequence of matrices in product order"
        raise ChainError(msg) from None
    if len(matrices) != len(chain):
        msg = f"factors has {len(matrices)} matrices, but the plan is for a chain of {len(chain)}"
        raise ChainError(msg)
    sizes, batches = chain.sizes.tolist(), chain.batches
    all_arrays = True
    for at, given in enumerate(matrices):
        batch = () if batches is None else batches[at]
        wanted = (*batch, sizes[at], sizes[at + 1])
        if type(given) is np.ndarray and given.shape == wanted and given.dtype.kind in _NUMBERS:
            continue  # what is usual, before all that could be
        all_arrays = False
        needed = _MATRIX if needs is None else needs[at]
        matrix = given if isinstance(given, np.ndarray) else _as_matrix(given, f"factors[{at}] ({chain.label(at)})", needed)
        matrices[at] = matrix
        is_vector = chain.structures is not None and chain.structures[at].diagonals == (0, 0) and len(matrix.shape) == 1
        if tuple(matrix.shape) != (wanted[:1] if is_vector and wanted[0] == wanted[1] else wanted):
            msg = (
                f"factors[{at}] ({chain.label(at)}) has the shape {tuple(matrix.shape)}, "
                f"but the plan is for {shown(wanted)}; plan the chain anew with optimal_order"
            )
            raise ChainError(msg)
        if np.ma.isMaskedArray(matrix) or (isinstance(matrix, Remote) and matrix.kind == "MaskedArray"):
            msg = f"factors[{at}] ({chain.label(at)}) is a masked array, which has no product: give its filled(...)"
            raise ChainError(msg)
        if (isinstance(matrix, np.ndarray) or library_of(matrix) in {"numpy", "dask"}) and not _is_numeric(matrix.dtype):
            msg = f"factors[{at}] ({chain.label(at)}) has the dtype {matrix.dtype}: give numbers"
            raise ChainError(msg)
    _check_out(out, (sizes[0], sizes[-1]), matrices)
    return matrices if all_arrays else _in_one_world(matrices)


def _as_matrix(matrix: Any, place: str, needed: set[str]) -> Any:
    if is_operator(matrix):
        if "matrix" in needed:
            msg = f"{place} is matrix-free (a {kind_of(matrix)}), but the plan needs its matrix"
            raise ChainError(msg)
        lacking = sorted(name for name in needed if not hasattr(matrix, name))
        if lacking:
            msg = f"{place} is a {kind_of(matrix)} without {lacking[0]}, which the plan uses"
            raise ChainError(msg)
    elif library_of(matrix) == "other" and not (hasattr(matrix, "__matmul__") and not is_array_like(matrix)):
        try:
            matrix = np.asarray(matrix)
        except ValueError as error:
            msg = f"{place} is no matrix: {error}"
            raise ChainError(msg) from None
    if not hasattr(matrix, "shape"):
        msg = f"{place} is a {type(matrix).__name__} without a shape: give a matrix"
        raise ChainError(msg)
    return matrix


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    """Whether it is a number type, of NumPy or, as bfloat16, of a package that added it."""
    return dtype.kind in _NUMBERS or (dtype.kind == "V" and dtype.type is not np.void)


def _check_out(out: Any, ends: tuple[int, int], matrices: list[Any]) -> None:
    if out is None:
        return
    operators = [matrix for matrix in matrices if is_operator(matrix)]
    matrices = [matrix for matrix in matrices if not is_operator(matrix)]
    libraries = {*map(library_of, matrices)}
    wanted = (*broadcast_all(tuple(matrix.shape[:-2]) for matrix in matrices), *ends)
    if libraries & {"jax", "scipy", "dask", "other"} or library_of(out) != ("torch" if "torch" in libraries else "numpy"):
        msg = (
            f"out is a {type(out).__name__}: it serves where all factors are NumPy arrays, or PyTorch tensors; else leave it out"
        )
        raise ChainError(msg)
    if tuple(out.shape) != wanted:
        msg = f"out has the shape {tuple(out.shape)}, but the product has the shape {wanted}"
        raise ChainError(msg)
    if "torch" in libraries:
        tensor = next(matrix for matrix in matrices if library_of(matrix) == "torch")
        if out.dtype != tensor.dtype:
            msg = f"out has the dtype {out.dtype}, but the product has {tensor.dtype}"
            raise ChainError(msg)
        return
    if not out.flags.writeable:
        msg = "out is read-only: give an array that can be written to"
        raise ChainError(msg)
    product = out.dtype if operators else np.result_type(*matrices)
    if not _is_numeric(out.dtype) or not np.can_cast(product, out.dtype, "same_kind"):
        msg = f"out has the dtype {out.dtype}, to which the product's {product} cannot be cast"
        raise ChainError(msg)


def _in_one_world(matrices: list[Any]) -> list[Any]:
    """Tensors multiply only with tensors: NumPy arrays among them become some, what else there is, is refused.

    So it is with Dask arrays.
    """
    libraries = [library_of(matrix) for matrix in matrices]
    if "dask" in libraries:
        return [_as_dask(matrix, f"factors[{at}]") for at, matrix in enumerate(matrices)]
    if "torch" not in libraries:
        return matrices
    tensor = matrices[libraries.index("torch")]
    for at, library in enumerate(libraries):
        if library not in ("torch", "numpy") and not is_operator(matrices[at]):
            msg = f"factors[{at}] is a {kind_of(matrices[at])}, which does not multiply with PyTorch tensors: convert it"
            raise ChainError(msg)
        if library == "numpy" and isinstance(matrices[at], Remote):
            msg = f"factors[{at}] is a {kind_of(matrices[at])} among PyTorch tensors: make it a tensor where it is"
            raise ChainError(msg)
        if library == "numpy":
            try:
                matrices[at] = as_torch(matrices[at], tensor)
            except (TypeError, ValueError) as error:
                msg = f"factors[{at}] has the dtype {matrices[at].dtype}, which PyTorch does not take: {error}"
                raise ChainError(msg) from None
        if library in {"torch", "numpy"} and matrices[at].dtype != tensor.dtype:
            other = f"factors[{libraries.index('torch')}] {tensor.dtype}"
            msg = f"factors[{at}] has the dtype {matrices[at].dtype}, and {other}: convert one of them"
            raise ChainError(msg)
    return matrices


def _as_dask(matrix: Any, place: str) -> Any:
    library = library_of(matrix)
    if library in {"scipy", "torch", "jax"}:
        msg = f"{place} is a {kind_of(matrix)}, which does not multiply with Dask arrays: convert it"
        raise ChainError(msg)
    if library == "numpy":
        return from_future(matrix) if isinstance(matrix, Remote) else from_array(matrix)
    return matrix
