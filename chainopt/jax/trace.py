"""A JAX function as a flat list of equations: calls inlined, what the result does not need dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from chainopt.functions.loop_rolling import rolled
from chainopt.functions.trace import COMPLEX, OTHER, REAL, Equation, Trace, Variable, by_variable, needed
from chainopt.jax.jaxprs import jaxpr_of
from chainopt.jax.rules import derivative_of
from chainopt.jax.rules.registry import alone, has_rule, variables_read, variables_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chainopt.typing import Array, DType, Function

STAGE = "chainopt_stage_"  # begins the names of calls that are stages of the user's
CALLS = {"jit", "pjit", "closed_call", "core_call", "core_closed_call"}


class Source(NamedTuple):
    """A function as JAX has recorded it, and which of its constants are further arguments: their places, by identity."""

    closed: core.ClosedJaxpr
    places: dict[int, int]


def trace(function: Function, inputs: Sequence[Array], others: Sequence[Array] = (), besides: Sequence[Array] = ()) -> Trace:
    """Trace a function of arrays, those to differentiate by first, that returns a flat list of arrays.

    Constants that are arrays of ``besides`` become further arguments.
    """
    return _Flattening().flattened(jaxpr_of(function, *inputs, *others), len(inputs), besides)


def kind_of(dtype: DType) -> str:
    """Tell what numbers an array is of."""
    if jnp.issubdtype(dtype, jnp.floating):
        return REAL
    return COMPLEX if jnp.issubdtype(dtype, jnp.complexfloating) else OTHER


class _Flattening:
    """Numbers given to variables; those of a call that is inlined twice are other ones each time."""

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.acting: list[Equation] = []
        self.variables: dict[int, Variable] = {}
        self.constants: dict[int, Array] = {}
        self.numbers: dict[int, int] = {}
        self.stage = 0

    def new(self, aval: Array) -> int:
        number = len(self.variables)
        self.variables[number] = Variable(tuple(aval.shape), aval.dtype, kind_of(aval.dtype))
        return number

    def constant(self, value: Array, aval: Array) -> int:
        """Give a constant its number; what is met in each step of a loop is the same one."""
        key = id(value)
        if key not in self.numbers:
            self.numbers[key] = self.new(aval)
            self.constants[self.numbers[key]] = value
        return self.numbers[key]

    def flattened(self, closed: Array, inputs: int, besides: Sequence[Array]) -> Trace:
        read = tuple(self.new(variable.aval) for variable in closed.jaxpr.invars)
        self.numbers = {id(array): self.new(array.aval) for array in besides}
        read += tuple(self.numbers.values())
        outputs = self.inline(closed, read[: len(closed.jaxpr.invars)])
        equations = rolled(needed(self.equations, outputs, self.acting), self.variables, outputs, repeat)
        source = Source(closed, {id(array): place for place, array in enumerate(besides)})
        return Trace(equations, self.variables, read[:inputs], read[inputs:], outputs, self.constants, source)

    def inline(self, closed: Array, inputs: Iterable[int]) -> tuple[int, ...]:
        """Append the equations of a jaxpr whose inputs have these numbers; return the numbers of its outputs."""
        jaxpr = closed.jaxpr
        scope = dict(zip(jaxpr.invars, inputs, strict=True))
        for variable, value in zip(jaxpr.constvars, closed.consts, strict=True):
            scope[variable] = self.constant(value, variable.aval)

        def number(atom: Array) -> int:
            return self.constant(atom.val, atom.aval) if isinstance(atom, core.Literal) else scope[atom]

        for equation in jaxpr.eqns:
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            name = str(equation.params.get("name", ""))
            if name.startswith(STAGE):
                self.stage = int(name.removeprefix(STAGE))
            if str(equation.primitive) in CALLS and isinstance(inner, core.ClosedJaxpr):
                results = self.inline(inner, [number(atom) for atom in equation.invars])
                scope |= dict(zip(equation.outvars, results, strict=True))
                continue
            scope |= {variable: self.new(variable.aval) for variable in variables_written(equation)}
            self.equations.append(_equation(equation, jaxpr, scope, self.stage))
            if equation.effects:
                self.acting.append(self.equations[-1])
        return tuple(number(atom) for atom in jaxpr.outvars)


def repeat(body: Callable[[tuple[Array, ...]], tuple[Array, ...]], state: tuple[Array, ...], trips: int) -> tuple[Array, ...]:
    """Run a function of a state so many times, each time on what it returned."""

    def strong(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(jax.lax.convert_element_type(array, array.dtype) for array in arrays)  # as the state must keep its type

    return tuple(jax.lax.scan(lambda carried, _: (strong(body(carried)), None), strong(state), None, length=trips)[0])


def _key(equation: Array, read: list[Array], stage: int) -> Array:
    """Return a key that equations share which differ in their variables only."""
    atoms = tuple(
        (str(atom.aval), np.asarray(atom.val).item()) if isinstance(atom, core.Literal) else read.index(atom)
        for atom in equation.invars
    )
    types = tuple(str(variable.aval) for variable in (*read, *equation.outvars))
    key = equation.primitive, tuple(sorted(equation.params.items())), atoms, types, stage
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _equation(equation: core.JaxprEqn, jaxpr: core.Jaxpr, scope: Mapping[Array, int], stage: int) -> Equation:
    """Make an equation that can be run of one in a jaxpr, whose variables have these numbers."""
    read = variables_read(equation)
    reads, writes = (tuple(scope[variable] for variable in variables) for variables in (read, variables_written(equation)))
    evaluated = alone(equation, jaxpr)
    numbers = [None if isinstance(atom, core.Literal) else scope[atom] for atom in equation.invars]
    literals = [getattr(atom, "val", None) for atom in equation.invars]

    def run(values: dict[int, Array]) -> None:
        results = jax.core.eval_jaxpr(evaluated, (), *[values[variable] for variable in reads])
        values.update(zip(writes, results, strict=True))

    def operands(values: dict[int, Array]) -> list[Array]:
        return [value if number is None else values[number] for value, number in zip(literals, numbers, strict=True)]

    derivative = by_variable(derivative_of(equation), numbers)
    key = None if equation.effects else _key(equation, read, stage)
    return Equation(str(equation.primitive), run, reads, writes, derivative, stage, key, operands, has_rule(equation))
