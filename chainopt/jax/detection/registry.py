"""The rules of the detection by the primitives' names, and what they share.

A derivative program is linear in what depends on its seeds. Where it may not be, at zero there may be something else than zero,
which depends on no seed and thus stands in every column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from chainopt.functions.sparsity.groups import Groups
from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.functions.sparsity.parts import Part
from chainopt.jax.detection.values import Partial, Value, full, is_zero, seeded
from chainopt.jax.jaxprs import JaxprEqn, shape, size

if TYPE_CHECKING:
    from jax.extend import core


class Walker(Protocol):
    """What walks through jaxprs, as the rules see it."""

    columns: int

    def run(self, jaxpr: core.Jaxpr, constants: Sequence[Value], operands: Sequence[Value]) -> list[Value]:
        """Return what is known of the results of a jaxpr."""

    def cause(self, equation: JaxprEqn) -> str:
        """Name an equation in the words of a user."""

    def elsewhere(self, columns: int) -> Walker:
        """Return one that walks with other columns."""

    def affords(self, equations: int) -> bool:
        """Whether there is time to look at so many equations more; if so, they are charged."""


Rule: TypeAlias = Callable[[JaxprEqn, Sequence[Value], Walker], list[Value]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Return the decorator that makes a function the rule of the primitives with these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def spread(value: IndexSets, atom: core.Var | core.Literal, axes: tuple[int, ...]) -> IndexSets:
    """Return the value of an atom, broadcast to a shape."""
    own = shape(atom)
    return value if own == axes else value.moved(lambda ids: np.broadcast_to(ids, axes), own)


def lifted(value: Value, count: int, equation: JaxprEqn, walker: Walker) -> IndexSets:
    """Return a value that is added to others: nothing where it is zero, everything where it may be another constant."""
    if isinstance(value, IndexSets):
        return value
    if is_zero(value):
        return IndexSets(count, walker.columns, ())
    everything = full(count, walker.columns, walker.cause(equation))
    if isinstance(value, np.ndarray | Partial):
        return everything.where(value.mask if isinstance(value, Partial) else value != 0)
    return everything


def unknown(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Let all entries of all results depend on whatever goes in."""
    origin = walker.cause(equation)
    members = np.any([operand.members() for operand in seeded(operands)], axis=0)
    inherited = next((name for operand in seeded(operands) if (name := operand.origin())), origin)
    groups = Groups.single(members)
    groups = Groups(groups.indptr, groups.indices, groups.columns, inherited if groups.is_wide else None)
    results: list[Value] = []
    for variable in equation.outvars:
        count = size(variable)
        results.append(IndexSets(count, walker.columns, (Part(np.zeros(count, dtype=np.int32), groups),)))
    return results


def either(values: Sequence[Value], equation: JaxprEqn, walker: Walker) -> Value:
    """Return what is known of a variable that is one of several."""
    sets = seeded(values)
    if sets:
        first, *others = (lifted(value, sets[0].size, equation, walker) for value in values)
        return first.union(others)
    value = values[0]
    same = isinstance(value, np.ndarray) and all(
        isinstance(one, np.ndarray) and (one is value or np.array_equal(one, value)) for one in values
    )
    return value if same else None
