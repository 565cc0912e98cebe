"""Jacobians that a program holds already: a matrix between elementwise functions, or the slopes of one such function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.trace import Equation
    from chainopt.typing import Array, PyTree


class Elemental(NamedTuple):
    """Equations from one variable to one other whose Jacobian is known: ``last(W first(x))``, or an elementwise function.

    With ``first`` and ``last`` elementwise, the Jacobian is W with its columns and rows scaled by their slopes. Without a
    product, ``first`` is all of the equations, and the Jacobian is diagonal.
    """

    first: tuple[Equation, ...]
    product: Equation | None
    operand: int  # the variable that the product reads, or without one the result
    last: tuple[Equation, ...]
    source: int
    result: int


class Factors(NamedTuple):
    """A known Jacobian at a point: slopes that scale its columns, a matrix, slopes that scale its rows; None for ones."""

    columns: Array
    matrix: Array
    rows: Array

    def whole(self) -> Array:
        """Return the Jacobian, which is not diagonal."""
        scaled = self.matrix if self.columns is None else self.matrix * self.columns
        return scaled if self.rows is None else self.rows[:, None] * scaled

    def pushed(self, columns: Array) -> Array:
        """Return the Jacobian times a matrix, whose columns lie one after the other in memory: BLAS is faster then."""
        rows = columns.mT if self.columns is None else columns.mT * self.columns
        rows = rows if self.matrix is None else rows @ self.matrix.mT
        return (rows if self.rows is None else rows * self.rows).mT

    def pulled(self, columns: Array) -> Array:
        """Return the transposed Jacobian times a matrix."""
        return Factors(self.rows, None if self.matrix is None else self.matrix.mT, self.columns).pushed(columns)


def factors_of(
    known: Elemental,
    values: dict[int, Array],
    slopes: Callable[[Callable[[Array], Array], Array], Array],
    cast: Callable[[Array], Array],
) -> Factors:
    """Evaluate the factors of a known Jacobian.

    Parameters
    ----------
    known : Elemental
        The equations.
    values : dict
        The values of all variables that they read or write, by number.
    slopes : callable
        Differentiates an elementwise function, given with its argument, and returns a vector.
    cast : callable
        Gives a factor the type of the Jacobian.
    """

    def along(equations: Sequence[Equation], source: int, result: int) -> Array:
        def function(argument: PyTree) -> Array:
            local = values | {source: argument}
            for equation in equations:
                equation.run(local)
            return local[result]

        return cast(slopes(function, values[source])) if equations else None

    columns = along(known.first, known.source, known.operand)
    if known.product is None:
        return Factors(columns, None, None)
    (middle,) = known.product.outputs
    matrix = known.product.matrices[known.operand].read(known.product.operands(values))
    return Factors(columns, cast(matrix), along(known.last, middle, known.result))
