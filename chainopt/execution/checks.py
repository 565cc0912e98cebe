"""The door of execution: factors that do not fit the plan are refused before anything is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.exceptions import ChainError
from chainopt.execution.libraries import as_torch, library_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain import JacobianChain


def checked_factors(chain: JacobianChain, factors: Sequence[Any], out: Any) -> list[Any]:
    """Return the factors, of libraries that go together, or say which one does not fit the plan."""
    try:
        matrices = list(factors)
    except TypeError:
        msg = f"factors is of type {type(factors).__name__}: give a sequence of matrices in product order"
        raise ChainError(msg) from None
    if len(matrices) != len(chain):
        msg = f"factors has {len(matrices)} matrices, but the plan is for a chain of {len(chain)}"
        raise ChainError(msg)
    sizes = chain.sizes.tolist()
    for at, given in enumerate(matrices):
        batch = () if chain.batches is None else chain.batches[at]
        wanted = (*batch, sizes[at], sizes[at + 1])
        matrix = given if type(given) is np.ndarray else _as_matrix(given, at, len(chain))
        matrices[at] = matrix
        if matrix.shape != wanted:
            msg = (
                f"factors[{at}] ({chain.label(at)}) has the shape {tuple(matrix.shape)}, "
                f"but the plan is for {wanted}; plan the chain anew with optimal_order"
            )
            raise ChainError(msg)
        if type(matrix) is np.ndarray and matrix.dtype.kind in "OSUTmMV" and not _is_number_extension(matrix.dtype):
            msg = f"factors[{at}] ({chain.label(at)}) has the dtype {matrix.dtype}: give numbers"
            raise ChainError(msg)
    _check_out(out, (sizes[0], sizes[-1]), matrices)
    return _in_one_world(matrices)


def _as_matrix(matrix: Any, at: int, count: int) -> Any:
    if (hasattr(matrix, "matmat") or hasattr(matrix, "matvec")) and not hasattr(matrix, "__array__"):
        msg = f"factors[{at}] (J{count - at}) is matrix-free (a {type(matrix).__name__}), but the plan needs its matrix"
        raise ChainError(msg)
    if library_of(matrix) == "other" and not hasattr(matrix, "__matmul__"):
        try:
            matrix = np.asarray(matrix)
        except ValueError as error:
            msg = f"factors[{at}] (J{count - at}) is no matrix: {error}"
            raise ChainError(msg) from None
    if not hasattr(matrix, "shape"):
        msg = f"factors[{at}] (J{count - at}) is a {type(matrix).__name__} without a shape: give a matrix"
        raise ChainError(msg)
    return matrix


def _is_number_extension(dtype: np.dtype[Any]) -> bool:
    """Whether it is a number type that a package added to NumPy, bfloat16 for one."""
    return dtype.kind == "V" and dtype.type is not np.void


def _check_out(out: Any, ends: tuple[int, int], matrices: list[Any]) -> None:
    if out is None:
        return
    libraries = {*map(library_of, matrices)}
    wanted = (*np.broadcast_shapes(*(matrix.shape[:-2] for matrix in matrices)), *ends)
    if libraries & {"jax", "scipy", "other"} or library_of(out) != ("torch" if "torch" in libraries else "numpy"):
        msg = (
            f"out is a {type(out).__name__}: it serves where all factors are NumPy arrays, or PyTorch tensors; else leave it out"
        )
        raise ChainError(msg)
    if tuple(out.shape) != wanted:
        msg = f"out has the shape {tuple(out.shape)}, but the product has the shape {wanted}"
        raise ChainError(msg)
    if "torch" not in libraries and not np.can_cast(np.result_type(*matrices), out.dtype, "same_kind"):
        msg = f"out has the dtype {out.dtype}, to which the product's {np.result_type(*matrices)} cannot be cast"
        raise ChainError(msg)


def _in_one_world(matrices: list[Any]) -> list[Any]:
    """Tensors multiply only with tensors: NumPy arrays among them become some, what else there is, is refused."""
    if all(type(matrix) is np.ndarray for matrix in matrices):
        return matrices
    libraries = [library_of(matrix) for matrix in matrices]
    if "torch" not in libraries:
        return matrices
    tensor = matrices[libraries.index("torch")]
    for at, library in enumerate(libraries):
        if library not in ("torch", "numpy"):
            msg = f"factors[{at}] is a {type(matrices[at]).__name__}, which does not multiply with PyTorch tensors: convert it"
            raise ChainError(msg)
        if library == "numpy":
            matrices[at] = as_torch(matrices[at], tensor)
    return matrices
