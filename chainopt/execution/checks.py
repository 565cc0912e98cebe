"""The door of execution: factors that do not fit the plan are refused before anything is computed."""

from __future__ import annotations

import math
import operator
import sys
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, SupportsIndex, cast

import numpy as np

from chainopt.chain.factor_data import broadcast_all
from chainopt.chain.jacobian import unknown_size
from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import (
    NUMPY,
    OTHER,
    backend_of,
    has_mask,
    has_unit,
    is_array_like,
    is_operator,
    labels_of,
    loss,
    type_name,
)
from chainopt.execution.backends.numpy import NUMBERS
from chainopt.execution.backends.remote import Remote
from chainopt.execution.through import lacks_vjp
from chainopt.kernels.policy import cores
from chainopt.numbers import counted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.execution.backends.base import Backend
    from chainopt.typing import Array, DType

_MATRIX = {"matrix"}
USES = {"rmatmat": " (its VJP; rmatvec of SciPy's operators)", "matmat": " (its JVP)"}


def checked_workers(workers: object, planned: float) -> int:
    """Return the number of threads; that of the plan where ``workers`` is None."""
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


def checked_factors(
    chain: JacobianChain, factors: Iterable[Array], out: Array, needs: Sequence[set[str]] | None = None
) -> list[Array]:
    """Return the factors, of libraries that go together, or say which one does not fit the plan.

    Parameters
    ----------
    chain : JacobianChain
        What the plan is for.
    factors : sequence
        As the user gave them.
    out : array or None
        Where the product goes.
    needs : sequence of sets, optional
        What the plan uses of each factor, "matmat", "rmatmat" or "matrix"; by default the matrix of all of them.
    """
    try:
        matrices = list(factors)
    except TypeError:
        msg = f"factors is of type {type(factors).__name__}: give a sequence of matrices in product order"
        raise ChainError(msg) from None
    sizes = chain.sizes.tolist()
    if len(matrices) != len(sizes) - 1:
        msg = f"factors has {counted(len(matrices), 'matrix', 'matrices')}, but the plan is for a chain of {len(chain)}"
        raise ChainError(msg)
    shapes: list[tuple[int, ...]] = [*pairwise(sizes)]
    shape_of_product: tuple[int, ...] = (sizes[0], sizes[-1])
    batches = chain.batches
    if batches is not None:
        shapes = [(*batch, *shape) for batch, shape in zip(batches, shapes, strict=True)]
        shape_of_product = (*broadcast_all(batches), *shape_of_product)
    for matrix, shape in zip(matrices, shapes):  # noqa: B905 -- what is usual is looked at first, and in as little time as can be
        if type(matrix) is not np.ndarray or matrix.shape != shape or matrix.dtype not in NUMBERS:
            break
    else:
        if out is not None:
            _check_out(out, shape_of_product, NUMPY, [matrix.dtype for matrix in matrices], has_operators=False)
        return matrices
    if out is None and all(map(_is_plain, matrices)) and [matrix.shape for matrix in matrices] == shapes:
        return matrices
    structures = chain.structures
    for position, shape in enumerate(shapes):
        matrix = matrices[position]
        if type(matrix) is not np.ndarray:
            matrix = matrices[position] = _as_matrix(matrix, chain, position, _MATRIX if needs is None else needs[position])
        is_diagonal = structures is not None and structures[position].is_diagonal((shape[-2], shape[-1]))
        if tuple(matrix.shape) != shape and not (is_diagonal and tuple(matrix.shape) == shape[:1]):
            raise _misfit(chain, position, matrix, shape, matrices, shapes)
        _check_numbers(matrix, chain, position)
    _check_units(matrices, chain, out)
    if out is not None:
        at_hand = [matrix for matrix in matrices if not is_operator(matrix)]
        libraries = {*map(backend_of, at_hand)} - {NUMPY}
        library = libraries.pop() if len(libraries) == 1 else OTHER if libraries else NUMPY
        dtypes, has_operators = [matrix.dtype for matrix in at_hand], len(at_hand) < len(matrices)
        _check_out(out, shape_of_product, library, dtypes, has_operators=has_operators)
    return _of_one_library(matrices)


def _is_plain(matrix: Array) -> bool:
    """Whether it is a matrix of numbers, of NumPy's or SciPy's own classes, of which nothing more has to be asked."""
    return backend_of(matrix).has_own_class(matrix) and matrix.dtype in NUMBERS


def _misfit(
    chain: JacobianChain,
    position: int,
    matrix: Array,
    shape: tuple[int, ...],
    matrices: Sequence[Array],
    shapes: Sequence[tuple[int, ...]],
) -> ChainError:
    """Return the error that says which factor has another shape, and whether they come the other way round."""
    found = tuple(matrix.shape)
    backwards = [tuple(getattr(other, "shape", ())) for other in reversed(matrices)]
    if len(backwards) > 1 and backwards == list(shapes):
        advice = "this looks like evaluation order, the first stage first: give the factors in product order, reversed"
    else:
        advice = "plan the chain again with optimal_order" if found else "give a matrix"
        advice = next(filter(None, map(unknown_size, found)), "").removeprefix("; ") or advice
    return ChainError(f"{_place(chain, position)} has the shape {found}, but the plan is for {shown(shape)}: {advice}")


def _place(chain: JacobianChain, position: int) -> str:
    return f"factors[{position}] ({chain.label(position)})"


def _check_numbers(matrix: Array, chain: JacobianChain, position: int) -> None:
    """Refuse a matrix of anything but numbers, or with masks."""
    if has_mask(matrix) or (isinstance(matrix, Remote) and matrix.type_name == "MaskedArray"):
        msg = f"{_place(chain, position)} is a masked array, which has no product: give its filled(...)"
        raise ChainError(msg)
    if not backend_of(matrix).is_numeric(matrix):
        msg = f"{_place(chain, position)} has the dtype {matrix.dtype}: give numbers"
        raise ChainError(msg)


def _check_units(matrices: Sequence[Array], chain: JacobianChain, out: Array) -> None:
    """Refuse units where something that is multiplied knows nothing of them."""
    position = next((position for position, matrix in enumerate(matrices) if has_unit(matrix)), None)
    if position is None:
        return
    partners = {type_name(matrix) for matrix in matrices if loses_units(matrix, matrices[position])}
    if partners:
        msg = f"{_place(chain, position)} has a unit, which a product with a {min(partners)} would lose: give its values"
        raise ChainError(msg)
    if out is not None and not has_unit(out):
        msg = f"out has no unit, but {_place(chain, position)} has one: leave it out"
        raise ChainError(msg)


def loses_units(matrix: Array, quantity: Array) -> bool:
    """Whether a matrix multiplies with arrays that have a unit, but drops it: a SciPy matrix, or what holds one."""
    if backend_of(matrix).is_sparse or hasattr(getattr(matrix, "magnitude", None), "toarray"):
        return True
    scipy = sys.modules.get("scipy.sparse.linalg")
    is_subclass = isinstance(quantity, np.ndarray)  # which SciPy's operators keep
    return scipy is not None and isinstance(matrix, scipy.LinearOperator) and not is_subclass


def _as_matrix(factor: Array, chain: JacobianChain, position: int, needed: set[str]) -> Array:
    """Return a factor as it is multiplied: an array, or an operator that has what is needed of it."""
    if is_operator(factor):
        if "matrix" in needed:
            msg = (
                f"{_place(chain, position)} is matrix-free (a {type_name(factor)}), but the plan needs its matrix: "
                "plan it with jvp_cost= or vjp_cost= of its Jacobian, which `calibrate` measures, or give its matrix"
            )
            raise ChainError(msg)
        lacking = sorted(name for name in needed if not hasattr(factor, name) or (name == "rmatmat" and lacks_vjp(factor)))
        if lacking:
            what = f"{lacking[0]}{USES[lacking[0]]}"
            has_vectors = hasattr(factor, "matvec") and not hasattr(factor, "matmat")
            remedy = ": make it a scipy.sparse.linalg.LinearOperator" if has_vectors else ""
            msg = f"{_place(chain, position)} is a {type_name(factor)} without {what}, which the plan uses{remedy}"
            raise ChainError(msg)
    elif factor is None or (callable(factor) and not hasattr(factor, "shape")):
        what = "None" if factor is None else f"a function or method ({type_name(factor)})"
        msg = f"{_place(chain, position)} is {what}: give a matrix, or an operator with shape, matmat and rmatmat"
        raise ChainError(msg)
    elif labels_of(factor) is not None:
        msg = f"{_place(chain, position)} is a {type_name(factor)} with {labels_of(factor)}, which would be lost: give its values"
        raise ChainError(msg)
    elif backend_of(factor) is OTHER and (not hasattr(factor, "__matmul__") or is_array_like(factor)):
        if not hasattr(factor, "shape") and (lost := loss(factor)) is not None:
            msg = f"{_place(chain, position)} is a {type_name(factor)} with {lost}, which would be lost: give its values"
            raise ChainError(msg)
        try:
            factor = np.asarray(factor)
        except ValueError as error:
            msg = f"{_place(chain, position)} is not a matrix: {error}"
            raise ChainError(msg) from None
        if factor.dtype == object and factor.ndim == 0:
            name = type_name(factor[()])
            remedy = "give a matrix, or an operator with shape, matmat and rmatmat"
            remedy = "give client=, the client of its cluster" if name == "Future" else remedy
            msg = f"{_place(chain, position)} is a {name}, which is not a matrix: {remedy}"
            raise ChainError(msg)
    if not hasattr(factor, "shape"):
        msg = f"{_place(chain, position)} is a {type(factor).__name__} without a shape: give a matrix"
        raise ChainError(msg)
    return factor


def _check_out(out: Array, shape: tuple[int, ...], library: Backend, dtypes: Sequence[DType], *, has_operators: bool) -> None:
    """Refuse an array that the product cannot be written to.

    Parameters
    ----------
    out : array
        As the user gave it.
    shape : tuple of int
        Of the product.
    library : Backend
        Whose array the product is.
    dtypes : sequence of dtypes
        Of the matrices among the factors.
    has_operators : bool
        Whether there are operators, too, whose dtypes are not known.
    """
    if not library.takes_out or backend_of(out) is not library:
        msg = (
            f"out is a {type(out).__name__}: it works only if all factors are NumPy arrays, or PyTorch tensors; else leave it out"
        )
        raise ChainError(msg)
    if tuple(out.shape) != shape:
        msg = f"out has the shape {tuple(out.shape)}, but the product has the shape {shape}"
        raise ChainError(msg)
    refusal = library.out_refusal(out, dtypes, has_operators=has_operators)
    if refusal is not None:
        msg = f"out {refusal}"
        raise ChainError(msg)


def _of_one_library(factors: list[Array]) -> list[Array]:
    """Convert NumPy arrays among those of a library that multiplies only with its own, and refuse all others."""
    libraries = [backend_of(factor) for factor in factors]
    first = next((position for position, library in enumerate(libraries) if library.stands_alone), None)
    if first is None:
        return factors
    library = libraries[first]
    converted = [
        factor if is_operator(factor) else _converted(factor, library, f"factors[{position}]", factors[first])
        for position, factor in enumerate(factors)
    ]
    for position, factor in enumerate(converted):
        if library.one_dtype and not is_operator(factor) and factor.dtype != factors[first].dtype:
            other = f"factors[{first}] {factors[first].dtype}"
            msg = f"factors[{position}] has the dtype {factor.dtype}, and {other}: convert one of them"
            raise ChainError(msg)
    return converted


def _converted(factor: Array, library: Backend, place: str, like: Array) -> Array:
    """Return a factor as an array of a library, made where another one is."""
    if backend_of(factor) is library:
        return factor
    if backend_of(factor) is not NUMPY:
        msg = f"{place} is a {type_name(factor)}, which does not multiply with {library.arrays}: convert it"
        raise ChainError(msg)
    if isinstance(factor, Remote):
        adopted = library.adopt(factor.future, factor.shape, factor.dtype)
        if adopted is None:
            msg = f"{place} is a {type_name(factor)} among {library.arrays}: convert it where it is"
            raise ChainError(msg)
        return adopted
    try:
        return library.convert(factor, like)
    except (TypeError, ValueError) as error:
        msg = f"{place} has the dtype {factor.dtype}, which {library.library} does not take: {error}"
        raise ChainError(msg) from None
