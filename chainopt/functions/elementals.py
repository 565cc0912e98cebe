"""Elemental Jacobians that a program holds already: a product with a matrix, between elementwise functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.functions.trace import Equation, Trace


class Elemental(NamedTuple):
    """Equations from one variable to one other: ``last(W first(x))``, with ``first`` and ``last`` elementwise.

    The Jacobian is then W with its columns and rows scaled by the slopes of the two. Without a product it is diagonal.
    """

    first: tuple[Equation, ...]
    product: Equation | None
    by: int  # the variable that the product reads, or without one the result
    last: tuple[Equation, ...]
    begin: int
    end: int


def elemental(
    trace: Trace, varying: set[int], equations: Sequence[Equation], before: Sequence[int], after: Sequence[int]
) -> Elemental | None:
    """Recognize equations whose Jacobian is known; None where it is not."""
    if len(before) != 1 or len(after) != 1 or not equations:
        return None
    followed = list(_follow(trace, varying, equations, before[0]))
    if len(followed) < len(equations) or after[0] not in followed[-1][0]:
        return None
    split = followed[-1][1]
    if split is None:
        return Elemental(tuple(equations), None, after[0], (), before[0], after[0])
    (by,) = varying & set(equations[split].inputs)
    return Elemental(tuple(equations[:split]), equations[split], by, tuple(equations[split + 1 :]), before[0], after[0])


def _follow(
    trace: Trace, varying: set[int], equations: Sequence[Equation], begin: int
) -> Iterator[tuple[frozenset[int], int | None]]:
    """Yield after each equation what is known by its entries alone, and where the product is; end where nothing is known."""
    family, split = frozenset({begin}), None
    for at, equation in enumerate(equations):
        read = varying & set(equation.inputs)
        sizes = {trace.size(variable) for variable in (*read, *equation.outputs)}
        if equation.is_elementwise and len(sizes) == 1 and read <= family:
            family |= set(equation.outputs)
        elif split is None and len(read) == 1 and read <= family & set(equation.matrices):
            split, family = at, frozenset(equation.outputs)
        else:
            return
        yield family, split


def pieces(
    trace: Trace, varying: set[int], equations: Sequence[Equation], states: Sequence[tuple[int, ...]]
) -> list[tuple[int, int, Elemental | None]]:
    """Take equations apart: from where to where the longest runs with a known Jacobian go, and what is between them."""
    found: list[tuple[int, int, Elemental | None]] = []
    at = unknown = 0
    while at < len(equations):
        longest = at
        if len(states[at]) == 1:
            for length, (family, _) in enumerate(_follow(trace, varying, equations[at:], states[at][0]), 1):
                if len(states[at + length]) == 1 and states[at + length][0] in family:
                    longest = at + length
        if longest == at:
            at += 1
            continue
        if unknown < at:
            found.append((unknown, at, None))
        found.append((at, longest, elemental(trace, varying, equations[at:longest], states[at], states[longest])))
        at = unknown = longest
    return [*found, (unknown, at, None)] if unknown < at else found


class Factors(NamedTuple):
    """A known Jacobian at a point: slopes that scale its columns, a matrix, slopes that scale its rows; None for ones."""

    columns: Any
    matrix: Any
    rows: Any

    def whole(self) -> Any:
        """Return the Jacobian, which is not diagonal."""
        scaled = self.matrix if self.columns is None else self.matrix * self.columns
        return scaled if self.rows is None else self.rows[:, None] * scaled

    def pushed(self, columns: Any) -> Any:
        """Return the Jacobian times a matrix, whose columns lie one after the other in memory: BLAS is faster then."""
        rows = columns.mT if self.columns is None else columns.mT * self.columns
        rows = rows if self.matrix is None else rows @ self.matrix.mT
        return (rows if self.rows is None else rows * self.rows).mT

    def pulled(self, columns: Any) -> Any:
        """Return the transposed Jacobian times a matrix."""
        return Factors(self.rows, None if self.matrix is None else self.matrix.mT, self.columns).pushed(columns)


def factors_of(
    found: Elemental, values: dict[int, Any], slopes: Callable[[Callable[[Any], Any], Any], Any], cast: Callable[[Any], Any]
) -> Factors:
    """Evaluate the factors; ``slopes`` differentiates an elementwise function, given with its argument."""

    def along(equations: Sequence[Equation], begin: int, end: int) -> Any:
        def function(argument: Any) -> Any:
            local = values | {begin: argument}
            for equation in equations:
                equation.run(local)
            return local[end]

        return cast(slopes(function, values[begin])) if equations else None

    columns = along(found.first, found.begin, found.by)
    if found.product is None:
        return Factors(columns, None, None)
    (middle,) = found.product.outputs
    matrix = found.product.matrices[found.by].read(found.product.operands(values))
    return Factors(columns, cast(matrix), along(found.last, middle, found.end))
