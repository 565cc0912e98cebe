"""A jaxpr of a function and its tangents, walked through entry by entry: it becomes scalar code, and a graph of partials."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jax.extend import core

from chainopt.functions.backend import UnplannableError
from chainopt.jax.detection.constant_folding import evaluated
from chainopt.jax.detection.values import constant
from chainopt.jax.elimination.code import Code
from chainopt.jax.elimination.values import Cells, Graph, Slopes, Value, Whole
from chainopt.jax.jaxprs import dtype, shape
from chainopt.jax.rules.registry import CALLS, alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import Array, IntArray

    Rule = Callable[["Walk", JaxprEqn, Sequence[Array]], list[Array] | None]

MOST_NODES = 10_000  # of scalar code, which a compiler takes long for


class Before(NamedTuple):
    """An equation on whole arrays, which runs before the code: by numbers what it reads and writes."""

    run: Callable[..., list[Array]]
    reads: tuple[int, ...]
    writes: tuple[int, ...]


def check_size(operations: int) -> None:
    """Refuse code of so many operations where they are too many."""
    if operations > MOST_NODES:
        msg = f"it has more than {MOST_NODES:,} operations on single numbers"
        raise UnplannableError(msg)


class Walk:
    """Scalar code while it is written.

    Attributes
    ----------
    code : Code
    graph : Graph
    before : list of Before
        What runs before it, on whole arrays.
    held : dict of int to array
        Arrays that are the same at each call, by number.
    """

    def __init__(self, of_values: dict[str, Rule], of_tangents: dict[str, Rule]) -> None:
        self.of_values, self.of_tangents = of_values, of_tangents
        self.code = Code()
        self.graph = Graph(self.code)
        self.before: list[Before] = []
        self.held: dict[int, Array] = {}
        self.types: list[tuple[tuple[int, ...], Array]] = []  # of the whole arrays

    def whole(self, axes: tuple[int, ...], kind: Array) -> Whole:
        """Give an array its number."""
        self.types.append((axes, kind))
        return Whole(len(self.types) - 1)

    def entries(self, axes: tuple[int, ...], kind: Array) -> tuple[Whole, IntArray]:
        """Give an array its number, and each entry its node."""
        array = self.whole(axes, kind)
        return array, self.cells(array)

    def cells(self, value: Value) -> IntArray:
        """Return the nodes of the entries of a value that is no tangent."""
        if isinstance(value, Cells):
            return value.ids
        if isinstance(value, Whole):
            axes, kind = self.types[value.number]
            self.check(math.prod(axes))
            ids = [self.code.entry(value.number, place, kind) for place in np.ndindex(axes)]
        else:
            assert isinstance(value, np.ndarray)
            axes = value.shape
            self.check(value.size)
            ids = [self.code.constant(number, value.dtype) for number in value.reshape(-1)]
        return np.array(ids, np.int64).reshape(axes)

    def check(self, more: int) -> None:
        """Refuse to write so many more operations where they would be too many."""
        check_size(len(self.code.nodes) + more)

    def inline(self, closed: Array, inputs: Sequence[Value]) -> list[Value]:
        """Walk through a jaxpr."""
        jaxpr = closed.jaxpr
        scope = dict(zip(jaxpr.invars, inputs, strict=True))
        scope |= {variable: self._held(value) for variable, value in zip(jaxpr.constvars, closed.consts, strict=True)}

        def read(atom: Array) -> Value:
            return np.asarray(atom.val, dtype(atom)) if isinstance(atom, core.Literal) else scope[atom]

        for equation in jaxpr.eqns:
            self.check(0)
            results = self._results(equation, [read(atom) for atom in equation.invars], jaxpr)
            scope |= dict(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _held(self, value: Array) -> Value:
        known = constant(value)
        if known is not None:
            return known
        held = self.whole(tuple(value.shape), value.dtype)
        self.held[held.number] = value
        return held

    def _results(self, equation: JaxprEqn, operands: list[Value], jaxpr: core.Jaxpr) -> list[Value]:
        name = str(equation.primitive)
        inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        if name in CALLS and inner is not None:
            return self.inline(inner if isinstance(inner, core.ClosedJaxpr) else core.ClosedJaxpr(inner, ()), operands)
        if name == "optimization_barrier":
            return operands
        if name == "cond" and isinstance(operands[0], np.ndarray):  # straight-line code has such branches, see `wall`
            branches = equation.params["branches"]
            return self.inline(branches[int(np.clip(operands[0], 0, len(branches) - 1))], operands[1:])
        if equation.effects:
            msg = f"it does something besides computing ({name})"
            raise UnplannableError(msg)
        if any(isinstance(operand, Slopes) for operand in operands):
            rule = self.of_tangents.get(name)
            results = rule(self, equation, operands) if rule else None
            if results is None:
                raise UnplannableError(_refusal(name))
            return results
        if not any(isinstance(operand, Cells) for operand in operands):
            return self._before(equation, operands, jaxpr)
        rule = self.of_values.get(name)
        results = rule(self, equation, operands) if rule else None
        return self._opaque(equation, operands, jaxpr) if results is None else results

    def _opaque(self, equation: JaxprEqn, operands: list[Value], jaxpr: core.Jaxpr) -> list[Value]:
        """Leave an equation as it is, on arrays that are put together for it: a rule that somebody wrote stays its derivative."""
        read = read_by(equation, operands)
        results = [(shape(variable), dtype(variable)) for variable in equation.outvars]
        called = self.code.call(evaluation_of(equation, jaxpr), [self.cells(value) for value in read.values()], results)
        return [Cells(ids) for ids in called]

    def _before(self, equation: JaxprEqn, operands: list[Array], jaxpr: core.Jaxpr) -> list[Array]:
        """Evaluate what depends on no input: now, or before the code runs."""
        if all(isinstance(operand, np.ndarray) for operand in operands):
            known = evaluated(equation, operands)
            if known is not None and all(isinstance(value, np.ndarray) for value in known):
                return known
        reads = tuple(self._number(value) for value in read_by(equation, operands).values())
        results = [self.whole(shape(variable), dtype(variable)) for variable in equation.outvars]
        self.before.append(Before(evaluation_of(equation, jaxpr), reads, tuple(result.number for result in results)))
        return results

    def _number(self, value: Value) -> int:
        if isinstance(value, Whole):
            return value.number
        assert isinstance(value, np.ndarray)
        held = self.whole(value.shape, value.dtype)
        self.held[held.number] = value
        return held.number


def read_by(equation: JaxprEqn, operands: Sequence[Value]) -> dict[core.Var, Value]:
    """Return what the variables stand for that an equation reads, each once."""
    named = zip(equation.invars, operands, strict=True)
    return {atom: value for atom, value in named if not isinstance(atom, core.Literal)}


def evaluation_of(equation: JaxprEqn, jaxpr: core.Jaxpr) -> Callable[..., list[Array]]:
    """Return what evaluates an equation, given the variables that it reads."""
    single = alone(equation, jaxpr).replace(outvars=equation.outvars)
    return partial(jax.core.eval_jaxpr, single, ())


def _refusal(name: str) -> str:
    if name in {"custom_lin", "custom_vjp_call", "custom_vjp_call_jaxpr"}:
        return "it calls a function with a rule for VJPs only (custom_vjp), whose partial derivatives are not known"
    return f"{name} is not an operation on single numbers with known partial derivatives"
