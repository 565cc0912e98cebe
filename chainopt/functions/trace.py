"""A traced function: equations between numbered variables, in an order in which they can be evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping  # noqa: TC003 -- whose types the fields of a NamedTuple are
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

REAL, COMPLEX, OTHER = "real", "complex", "other"
NO_MATRICES: Mapping[int, Callable[[dict[int, Any]], Any]] = MappingProxyType({})


class Price(NamedTuple):
    """The cost of one JVP and of one VJP, in multiply-adds; None where there is none."""

    jvp: int | None
    vjp: int | None


class Equation(NamedTuple):
    """One operation, with the numbers of the variables that it reads and writes.

    ``run`` takes the values of all variables so far, by number, and puts its results beside them.
    """

    name: str
    run: Callable[[dict[int, Any]], None]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    price: Price
    stage: int = 0  # of those that the user named, from 1; 0 where none are
    same: Any = None  # equal for equations that do the same to their inputs; None where that is not known
    is_sum: bool = False  # whether the result is the plain sum of the two inputs
    is_elementwise: bool = False  # whether an entry of a result depends on the same entry of what is read, or on scalars
    matrices: Mapping[int, Callable[[dict[int, Any]], Any]] = NO_MATRICES  # the Jacobians that are other inputs, by variable


class Variable(NamedTuple):
    """What is known of the array that a variable stands for; its kind says whether its numbers are real."""

    shape: tuple[int, ...]
    dtype: Any
    kind: str

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Trace:
    """The equations of a function, and its variables by number: those to differentiate by, and all other arguments."""

    equations: list[Equation]
    variables: dict[int, Variable]
    inputs: tuple[int, ...]
    others: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: dict[int, Any] = field(default_factory=dict)

    def size(self, variable: int) -> int:
        """Return how many entries a variable has."""
        return self.variables[variable].size

    def is_differentiable(self, variable: int) -> bool:
        """Whether it is of numbers that have a derivative."""
        return self.variables[variable].kind != OTHER


def needed(equations: list[Equation], outputs: Iterable[int], effects: Iterable[Equation] = ()) -> list[Equation]:
    """Drop the equations whose results nobody reads, but for those that do something else."""
    wanted, kept, acting = set(outputs), [], {id(equation) for equation in effects}
    for equation in reversed(equations):
        if wanted & set(equation.outputs) or id(equation) in acting:
            wanted |= set(equation.inputs)
            kept.append(equation)
    return kept[::-1]
