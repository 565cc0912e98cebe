"""Elemental Jacobians that a program holds already: a product with a matrix, between elementwise functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.tracing.equations import Equation, Trace


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
    (begin,), (end,) = before, after
    family = {begin}  # of what is known by its entry alone
    split: int | None = None
    for at, equation in enumerate(equations):
        read = varying & set(equation.inputs)
        if not read <= family:
            return None
        sizes = {trace.size(variable) for variable in (*read, *equation.outputs)}
        if equation.is_elementwise and len(sizes) == 1:
            family |= set(equation.outputs)
        elif split is None and len(read) == 1 and read <= set(equation.matrices):
            split, family = at, set(equation.outputs)
        else:
            return None
    if end not in family:
        return None
    if split is None:
        return Elemental(tuple(equations), None, end, (), begin, end)
    (by,) = varying & set(equations[split].inputs)
    return Elemental(tuple(equations[:split]), equations[split], by, tuple(equations[split + 1 :]), begin, end)


class Factors(NamedTuple):
    """The parts of a known Jacobian at a point: slopes of its columns, a matrix, slopes of its rows; None for ones."""

    columns: Any
    matrix: Any
    rows: Any


def factors_of(found: Elemental, values: dict[int, Any], slopes: Callable[[Callable[[Any], Any], Any], Any]) -> Factors:
    """Evaluate the parts; ``slopes`` differentiates an elementwise function, given with its argument."""

    def along(equations: Sequence[Equation], begin: int, end: int) -> Any:
        def function(argument: Any) -> Any:
            local = values | {begin: argument}
            for equation in equations:
                equation.run(local)
            return local[end]

        return slopes(function, values[begin]) if equations else None

    columns = along(found.first, found.begin, found.by)
    if found.product is None:
        return Factors(columns, None, None)
    (middle,) = found.product.outputs
    return Factors(columns, found.product.matrices[found.by](values), along(found.last, middle, found.end))
