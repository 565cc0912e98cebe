"""A traced function: equations between numbered variables, in an order in which they can be evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence  # noqa: TC003 -- types of the fields of a NamedTuple
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.primitives import Derivative  # noqa: TC001 -- as above

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.functions.primitives import Matrix, Price
    from chainopt.typing import Array, DType

REAL, COMPLEX, OTHER = "real", "complex", "other"


def no_operands(values: dict[int, Array]) -> Sequence[Array]:  # noqa: ARG001 -- as those of any equation
    """Return none: of an equation that is no single primitive."""
    return ()


class Equation(NamedTuple):
    """A primitive applied to variables, with the numbers of those that it reads and writes.

    ``run`` takes the values of all variables so far, by number, and puts its results beside them; ``operands`` returns
    those that the primitive is given. The matrices of the derivative are by the number of a variable here.
    """

    name: str
    run: Callable[[dict[int, Array]], None]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    derivative: Derivative
    stage: int = 0  # of those that the user named, from 1; 0 where none are
    key: Array = None  # equal for equations that do the same to their inputs; None where that is not known
    operands: Callable[[dict[int, Array]], Sequence[Array]] = no_operands
    has_rule: bool = False  # whether somebody wrote its derivative, or that of something inside

    @property
    def price(self) -> Price:
        """What one JVP and one VJP costs."""
        return self.derivative.price

    @property
    def is_sum(self) -> bool:
        """Whether the result is the plain sum of the two inputs."""
        return self.derivative.is_sum

    @property
    def is_elementwise(self) -> bool:
        """Whether an entry of a result depends on the same entry of the inputs, or on scalars."""
        return self.derivative.is_elementwise

    @property
    def matrices(self) -> Mapping[int, Matrix]:
        """The Jacobians that depend on other inputs alone, by the variable."""
        return self.derivative.matrices


class Variable(NamedTuple):
    """What is known of the array that a variable stands for; its kind says whether its numbers are real."""

    shape: tuple[int, ...]
    dtype: DType
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
    constants: dict[int, Array] = field(default_factory=dict)
    source: Array = None  # what the library recorded, for those who read that

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


def by_variable(derivative: Derivative, operands: Sequence[int | None]) -> Derivative:
    """Return a rule's answer with the matrices by the number of the variable, where that is one operand and no other.

    Parameters
    ----------
    derivative : Derivative
        Its matrices are by the position of the operand.
    operands : sequence of int or None
        The numbers of the variables among the operands, by position.
    """
    if not derivative.matrices:
        return derivative
    numbered = {operands[position]: matrix for position, matrix in derivative.matrices.items()}
    alone = {number: matrix for number, matrix in numbered.items() if number is not None and operands.count(number) == 1}
    return derivative._replace(matrices=alone)
