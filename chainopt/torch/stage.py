"""Sections of a PyTorch function as stages: matrices are pushed and pulled through them, all columns at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from chainopt.functions.elementals import Factors, factors_of
from chainopt.functions.prepared import section_function

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.program import Program, Section
    from chainopt.functions.trace import Variable
    from chainopt.typing import Array, DType, Function, PyTree


class Opaque:
    """A function from one list of tensors to another, at a point: pushed and pulled through by `torch.func`.

    Parameters
    ----------
    function : callable
        Of the tensors of the state.
    state : sequence of tensors
        The point.
    inputs, outputs : sequence of Variable
        What the tensors before and after it are.
    dtype : torch.dtype
        That of the matrices that go through it.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Array, ...]],
        state: Sequence[Array],
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        dtype: DType,
    ) -> None:
        self.function = function
        self.state = tuple(state)
        self.inputs, self.outputs, self.dtype = inputs, outputs, dtype
        self.pull: Function | None = None

    def result(self) -> tuple[Array, ...]:
        """Evaluate the function, and remember how to pull back through it."""
        evaluated: Array = torch.func.vjp(self.function, *self.state)
        result, self.pull = evaluated
        return tuple(result)

    def pushed(self, columns: Array) -> Array:
        """Push columns forward."""

        def push(*tangent: Array) -> Array:
            return torch.func.jvp(self.function, self.state, tangent)[1]

        return self._joined(torch.func.vmap(push)(*self._split(columns, self.inputs)), columns)

    def pulled(self, columns: Array) -> Array:
        """Pull columns of cotangents back."""
        if self.pull is None:
            self.result()
        assert self.pull is not None
        return self._joined(torch.func.vmap(self.pull)(tuple(self._split(columns, self.outputs))), columns)

    @staticmethod
    def _split(columns: Array, pieces: Sequence[Variable]) -> list[Array]:
        rows = columns.mT
        parts = torch.split(rows, [piece.size for piece in pieces], dim=1)
        return [
            part.reshape(rows.shape[0], *piece.shape).to(piece.dtype).contiguous()
            for part, piece in zip(parts, pieces, strict=True)
        ]

    def _joined(self, parts: Sequence[Array], columns: Array) -> Array:
        flat = [part.reshape(columns.shape[1], -1).to(self.dtype) for part in parts]
        return (torch.cat(flat, dim=1) if len(flat) > 1 else flat[0]).mT


class Stage:
    """A section of a function, at a point, as the operator that its derivative is: one part after the other.

    Parameters
    ----------
    parts : sequence of Opaque or Factors
        In evaluation order.
    shape : tuple of int
        That of its Jacobian.
    dtype, device
        Of the matrices that go through it.
    """

    def __init__(self, parts: Sequence[Opaque | Factors], shape: tuple[int, int], dtype: DType, device: Array) -> None:
        self.parts, self.shape, self.dtype, self.device = parts, shape, dtype, device

    def identity_seed(self, rows: int, columns: int, offset: int) -> Array:
        """Return columns or rows of the identity."""
        seed = torch.zeros(rows, columns, dtype=self.dtype, device=self.device)
        seed.diagonal(offset).fill_(1)
        return seed

    def elemental_jacobian(self) -> Array:
        """Return the Jacobian where the program holds it."""
        (known,) = self.parts
        assert isinstance(known, Factors)
        matrix = known.whole()
        return matrix.clone() if known.columns is known.rows is None else matrix  # who writes to the result must not change it

    def matmat(self, columns: Array) -> Array:
        """Push columns forward."""
        for part in self.parts:
            columns = part.pushed(columns)
        return columns

    def rmatmat(self, columns: Array) -> Array:
        """Pull columns of cotangents back; of real functions, which these are, the adjoint is the transpose."""
        for part in reversed(self.parts):
            columns = part.pulled(columns)
        return columns


def slopes(function: Callable[[Array], Array], argument: PyTree) -> Array:
    """Differentiate an elementwise function at every entry."""
    evaluated: Array = torch.func.vjp(function, argument)
    result, pull = evaluated
    return pull(torch.ones_like(result))[0].reshape(-1)


class _Evaluation:
    """The sections of a program at a point, evaluated one after the other."""

    def __init__(self, program: Program, values: dict[int, Array], dtype: DType, *, needs_all: bool) -> None:
        self.program, self.values, self.dtype, self.needs_all = program, values, dtype, needs_all

    def part(self, part: Section, later: Sequence[Section], *, is_pulled: bool) -> Opaque | Factors:
        """Make what derivatives go through, and put the values after it beside those before, as far as they are read."""
        values = self.values
        if part.known is not None:
            for equation in part.equations:
                equation.run(values)
            return factors_of(part.known, values, slopes, lambda factor: factor.to(self.dtype))
        variables = self.program.trace.variables
        before, after = ([variables[number] for number in numbers] for numbers in (part.before, part.after))
        function = section_function(part, dict(values))
        opaque = Opaque(function, [values[variable] for variable in part.before], before, after, self.dtype)
        written = {variable for equation in part.equations for variable in equation.outputs}
        read_later = {variable for other in later for equation in other.equations for variable in equation.inputs}
        if is_pulled and written & read_later <= set(part.after) and not self.needs_all:  # which evaluates it, too
            values.update(zip(part.after, opaque.result(), strict=True))
        elif later or self.needs_all:
            for equation in part.equations:
                equation.run(values)
        return opaque


def stages_of(
    program: Program, values: dict[int, Array], used: Sequence[set[str]], dtype: DType, *, needs_all: bool
) -> list[Stage]:
    """Make the sections of a program into stages; nothing is evaluated that nobody reads."""
    evaluation = _Evaluation(program, values, dtype, needs_all=needs_all)
    trace, device = program.trace, values[program.trace.inputs[0]].device
    parts = [part for section in program.sections for part in section.parts]
    remaining = {id(part): parts[number:] for number, part in enumerate(parts, 1)}
    stages = []
    for section, uses in zip(program.sections, used, strict=True):
        made = [evaluation.part(part, remaining[id(part)], is_pulled="rmatmat" in uses) for part in section.parts]
        shape = sum(map(trace.size, section.after)), sum(map(trace.size, section.before))
        stages.append(Stage(made, shape, dtype, device))
    return stages
