"""Jacobians that a program holds already: a matrix between elementwise functions, or the slopes of one such function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.structure.diagonal import Diagonal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.functions.trace import Equation, Trace
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array, PyTree

SCALED = 8  # multiply-adds take as long as an entry of a matrix that is scaled, for it waits for memory


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

    @property
    def structure(self) -> Structure | None:
        """Where the Jacobian has nonzeros; None where it is dense."""
        return Diagonal() if self.product is None else self.product.matrices[self.operand].structure

    def cost(self, entries: int) -> int | None:
        """Return what the matrix of so many entries costs, in multiply-adds; None of a diagonal one, which is one JVP."""
        if self.product is None:
            return None
        return entries * (SCALED if self.first or self.last else 1)


def elemental(
    trace: Trace, varying: set[int], equations: Sequence[Equation], before: Sequence[int], after: Sequence[int]
) -> Elemental | None:
    """Recognize equations whose Jacobian is known; None where it is not.

    Parameters
    ----------
    trace : Trace
        The function that they are from.
    varying : set of int
        The variables that depend on the function's input.
    equations : sequence of Equation
        In an order in which they can be evaluated.
    before, after : sequence of int
        The variables that are alive before the first of them, and after the last.
    """
    if len(before) != 1 or len(after) != 1 or not equations:
        return None
    (source,), (result,) = before, after
    followed = list(_follow(trace, varying, equations, source))
    if len(followed) < len(equations) or result not in followed[-1][0]:
        return None
    split = followed[-1][1]
    if split is None:
        return Elemental(tuple(equations), None, result, (), source, result)
    (operand,) = varying & set(equations[split].inputs)
    return Elemental(tuple(equations[:split]), equations[split], operand, tuple(equations[split + 1 :]), source, result)


def _follow(
    trace: Trace, varying: set[int], equations: Sequence[Equation], source: int
) -> Iterator[tuple[frozenset[int], int | None]]:
    """Yield after each equation the variables that are elementwise in one another, and where the product is; end with them."""
    family, split = frozenset({source}), None
    for position, equation in enumerate(equations):
        read = varying & set(equation.inputs)
        sizes = {trace.size(variable) for variable in (*read, *equation.outputs)}
        if equation.is_elementwise and len(sizes) == 1 and read <= family:
            family |= set(equation.outputs)
        elif split is None and len(read) == 1 and read <= family & set(equation.matrices):
            split, family = position, frozenset(equation.outputs)
        else:
            return
        yield family, split


def pieces(
    trace: Trace, varying: set[int], equations: Sequence[Equation], states: Sequence[tuple[int, ...]]
) -> list[tuple[int, int, Elemental | None]]:
    """Take equations apart: the longest runs with a known Jacobian, each from where to where it goes, and what is between them.

    Parameters
    ----------
    trace, varying, equations
        As for `elemental`.
    states : sequence of tuples of int
        The variables that are alive before, between and after the equations.
    """
    parts: list[tuple[int, int, Elemental | None]] = []
    begin = unknown = 0
    while begin < len(equations):
        end = begin
        if len(states[begin]) == 1:
            for stop, (family, _) in enumerate(_follow(trace, varying, equations[begin:], states[begin][0]), begin + 1):
                if len(states[stop]) == 1 and states[stop][0] in family:
                    end = stop
        if end == begin:
            begin += 1
            continue
        if unknown < begin:
            parts.append((unknown, begin, None))
        parts.append((begin, end, elemental(trace, varying, equations[begin:end], states[begin], states[end])))
        begin = unknown = end
    return [*parts, (unknown, begin, None)] if unknown < begin else parts


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
