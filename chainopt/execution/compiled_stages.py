"""Plans with matrix-free stages in functions that `torch.compile` traces: their operations in plain Python, on tensors.

The stages are the user's own objects, whose `matmat` and `rmatmat` are traced like any other function.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from chainopt.errors import ChainError
from chainopt.execution.compiling import product_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array


class Step(NamedTuple):
    """One operation.

    Attributes
    ----------
    kind : str
        "push", "pull" or "product"; of the matrix of a stage "by jvps", "by vjps" or "otherwise".
    first, split, last : int
        The factors that it joins, as those of `Join`.
    pattern : tuple of four tuples of int, optional
        Of a stage whose matrix is built and is not dense: the rows and the columns of its nonzeros, and the colors of all
        columns, and of all rows, -1 where empty.
    """

    kind: str
    first: int
    split: int
    last: int
    pattern: tuple[tuple[int, ...], ...] | None = None


def are_traceable(factors: Sequence[Array]) -> bool:
    """Whether stages compute with tensors: SciPy's operators do not, and without a tensor it is unknown which seeds they take."""
    scipy = sys.modules.get("scipy.sparse.linalg")
    if scipy is not None and any(isinstance(factor, scipy.LinearOperator) for factor in factors):
        return False
    return _sample(factors) is not None


def stages_product(steps: Sequence[Step], shapes: Sequence[tuple[int, ...]], factors: Sequence[Array]) -> Array:
    """Do what a plan says with tensors and stages.

    Parameters
    ----------
    steps : sequence of Step
        In an order in which they can be done.
    shapes : sequence of shapes
        What the plan is for.
    factors : sequence of tensors and stages

    Raises
    ------
    ChainError
        If a stage lacks what the plan uses of it.
    """
    sample = _sample(factors)
    held = list(factors)  # each result in the place of the first factor that it spans
    for kind, first, split, last, pattern in steps:
        if kind == "product":
            held[first] = product_in([(0, 1)], [_matrix(held[first], first), _matrix(held[split + 1], split + 1)])
        elif kind == "push":
            matrix = _matrix(held[split + 1], split + 1)
            for position in range(split, first - 1, -1):
                matrix = _pushed(factors[position], matrix, position)
            held[first] = matrix
        elif kind == "pull":
            matrix = _matrix(held[first], first)
            for position in range(split + 1, last + 1):
                matrix = _pulled(factors[position], matrix, position)
            held[first] = matrix
        else:
            held[first] = _accumulated(kind, held[first], first, shapes[first], pattern, sample)
    result = _matrix(held[0], 0)
    return result.diag() if len(result.shape) == 1 else result


def _sample(factors: Sequence[Array]) -> Array:
    """Return a tensor among the factors, whose dtype and device seeds have; None where there is none."""
    tensor = sys.modules["torch"].Tensor
    for factor in factors:
        if isinstance(factor, tensor):
            return factor
    return None


def _is_stage(factor: Array) -> bool:
    return hasattr(factor, "matmat") or hasattr(factor, "rmatmat")


def _matrix(factor: Array, position: int) -> Array:
    if _is_stage(factor):
        msg = (
            f"factors[{position}] is matrix-free (a {type(factor).__name__}), but the plan needs its matrix: "
            "plan it with jvp_cost= or vjp_cost= of its Jacobian, or give its matrix"
        )
        raise ChainError(msg)
    return factor


def _use(stage: Array, name: str, seed: Array, position: int, size: int) -> Array:
    """Take columns through a stage by one of its methods."""
    if not hasattr(stage, name):
        msg = f"factors[{position}] is a {type(stage).__name__} without {name}, which the plan uses"
        raise ChainError(msg)
    result = stage.matmat(seed) if name == "matmat" else stage.rmatmat(seed)
    if tuple(result.shape) != (size, seed.shape[1]):
        msg = (
            f"{name} of a {type(stage).__name__} makes {tuple(result.shape)} of {tuple(seed.shape)}, not {(size, seed.shape[1])}"
        )
        raise ChainError(msg)
    return result


def _pushed(stage: Array, matrix: Array, position: int) -> Array:
    if not _is_stage(stage):
        return product_in([(0, 1)], [stage, matrix])
    return _use(stage, "matmat", matrix.diag() if len(matrix.shape) == 1 else matrix, position, stage.shape[0])


def _pulled(stage: Array, matrix: Array, position: int) -> Array:
    if not _is_stage(stage):
        return product_in([(0, 1)], [matrix, stage])
    whole = matrix.diag() if len(matrix.shape) == 1 else matrix
    return _use(stage, "rmatmat", whole.mH, position, stage.shape[1]).mH


def _accumulated(
    kind: str, stage: Array, position: int, shape: tuple[int, ...], pattern: tuple[tuple[int, ...], ...] | None, sample: Array
) -> Array:
    """Return the matrix of a stage; a tensor in its place is that matrix itself."""
    if not _is_stage(stage):
        return stage
    if kind == "otherwise" and hasattr(stage, "elemental_jacobian"):
        return stage.elemental_jacobian()
    by_jvps = kind == "by jvps" or (kind == "otherwise" and hasattr(stage, "matmat"))
    through, size = (_pushed, shape[1]) if by_jvps else (_pulled, shape[0])
    torch = sys.modules["torch"]
    dtype, device = getattr(stage, "dtype", None), sample.device
    dtype = dtype if isinstance(dtype, torch.dtype) else sample.dtype
    if pattern is None:
        if hasattr(stage, "identity_seed"):
            return through(stage, stage.identity_seed(size, size, 0), position)
        return through(stage, torch.eye(size, dtype=dtype, device=device), position)
    rows, columns, *colorings = (torch.tensor(places, dtype=torch.int64, device=device) for places in pattern)
    coloring = colorings[0 if by_jvps else 1]
    seed = (coloring[:, None] == torch.arange(max(*pattern[2 if by_jvps else 3], 0) + 1, device=device)).to(dtype)
    compressed = through(stage, seed if by_jvps else seed.T, position)
    found = compressed[rows, coloring[columns]] if by_jvps else compressed[coloring[rows], columns]
    return torch.zeros(shape, dtype=compressed.dtype, device=device).index_put((rows, columns), found)
