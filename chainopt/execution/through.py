"""A matrix taken through a matrix-free stage, and the errors of stages that do not do what they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import has_unit, type_name
from chainopt.execution.forms import adjoint

if TYPE_CHECKING:
    from chainopt.typing import Array

_MISSING = object()


def lacks_vjp(stage: Array) -> bool:
    """Whether it is an operator of SciPy that was made without an adjoint, which its methods do not show."""
    given = [getattr(stage, f"_CustomLinearOperator__{name}_impl", _MISSING) for name in ("rmatvec", "rmatmat")]
    return given == [None, None]


def pushed_through(stage: Array, matrix: Array) -> Array:
    """Return the stage times a matrix, by its JVPs.

    Raises
    ------
    ChainError
        If what comes out has another shape.
    """
    columns = matrix.shape[-1]
    return _checked(stage.matmat(matrix), matrix, stage, "matmat", (stage.shape[0], columns), (stage.shape[1], columns))


def pulled_through(stage: Array, matrix: Array) -> Array:
    """Return a matrix times the stage, by its VJPs.

    Raises
    ------
    ChainError
        If it has none, or what comes out has another shape.
    """
    adjoint_matrix = adjoint(matrix)
    try:
        result = stage.rmatmat(adjoint_matrix)
    except NotImplementedError as error:
        msg = f"a {type_name(stage)} has no rmatmat, which the plan uses: give it its VJP, or plan it with jvp_cost alone"
        raise ChainError(msg) from error
    columns = adjoint_matrix.shape[-1]
    return adjoint(_checked(result, matrix, stage, "rmatmat", (stage.shape[1], columns), (stage.shape[0], columns)))


def _checked(result: Array, matrix: Array, stage: Array, name: str, wanted: tuple[int, int], given: tuple[int, int]) -> Array:
    if has_unit(matrix) and not has_unit(result):
        msg = f"{name} of a {type_name(stage)} loses the unit of what it is given: give values, without a unit"
        raise ChainError(msg)
    found = getattr(result, "shape", None)
    if found is not None and tuple(found) != wanted:
        msg = f"{name} of a {type_name(stage)} of shape {tuple(stage.shape)} makes {tuple(found)} of {given}, not {wanted}"
        raise ChainError(msg)
    return result
