"""From the arguments of a call to the program that it traces, and from there to its Jacobian."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.elementals import factors_of
from chainopt.functions.low_rank import Halves, halves_of
from chainopt.functions.mode_choice import choice, compared
from chainopt.functions.program import Program, cut
from chainopt.functions.signature import Call, Trees
from chainopt.functions.trace import REAL
from chainopt.functions.unpack import Arrays, blocks, sides
from chainopt.jax.stages import Stage, slopes, stage_by_stage
from chainopt.jax.trace import kind_of, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.plan.comparison import Comparison

DISPATCH = 500  # multiply-adds that take as long as to call an equation of a compiled function


class UnplannableError(ValueError):
    """A function whose derivative is no matrix of real numbers, or that cannot be traced."""


def _describe(leaf: Any) -> Any:
    return jnp.shape(leaf), jnp.result_type(leaf), bool(getattr(leaf, "weak_type", isinstance(leaf, int | float)))


TREES = Trees(
    flatten=jax.tree.flatten,
    unflatten=lambda leaves, tree: jax.tree.unflatten(tree, leaves),
    is_array=lambda leaf: isinstance(leaf, jax.Array | np.ndarray | np.generic),
    describe=_describe,
)


ARRAYS = Arrays(
    zeros=lambda shape, variable: jnp.zeros(shape, variable.dtype),
    shaped=lambda part, shape, variable: jnp.reshape(part, shape).astype(variable.dtype),
)


@dataclass(frozen=True)
class Prepared:
    """A function, traced and cut for one signature of its arguments."""

    program: Program
    comparison: Comparison
    input_tree: Any
    output_tree: Any
    aux_tree: Any
    outputs: int  # how many of the traced results are the function's, and not its auxiliary data
    halves: Halves | None = None
    compiled: dict[Any, Callable[..., Any]] = field(default_factory=dict, compare=False)

    def choice(self, mode: str) -> str:
        """Return "planned", or the pure mode that suits the function better."""
        return choice(self.comparison, mode, DISPATCH * len(self.program.trace.equations))

    def run(self, call: Call, chunk_size: int | None) -> tuple[Any, Any, Any]:
        """Return the Jacobian, the value and the auxiliary data, from one compiled computation."""
        if chunk_size not in self.compiled:
            self.compiled[chunk_size] = jax.jit(lambda arrays: self._computed(arrays, chunk_size))
        cells, results = self.compiled[chunk_size]([*call.inputs, *call.others])
        if self.halves is None:
            derivative = jax.tree.unflatten(self.output_tree, [jax.tree.unflatten(self.input_tree, row) for row in cells])
        else:
            trees = self.output_tree, self.input_tree
            derivative = tuple(jax.tree.unflatten(tree, side) for tree, side in zip(trees, cells, strict=True))
        value = jax.tree.unflatten(self.output_tree, results[: self.outputs])
        return derivative, value, jax.tree.unflatten(self.aux_tree, results[self.outputs :])

    def _computed(self, arrays: Sequence[Any], chunk_size: int | None) -> tuple[list[list[Any]], list[Any]]:
        traced, sections = self.program.trace, self.program.sections
        values = traced.constants | dict(zip((*traced.inputs, *traced.others), arrays, strict=True))
        for equation in self.program.fixed:
            equation.run(values)
        stages = []
        for section in sections:
            state = [values[variable] for variable in section.before]
            known = dict(values)
            for equation in section.equations:
                equation.run(values)

            def function(*given: Any, section: Any = section, known: dict[int, Any] = known) -> tuple[Any, ...]:
                local = known | dict(zip(section.before, given, strict=True))
                for equation in section.equations:
                    equation.run(local)
                return tuple(local[variable] for variable in section.after)

            elemental = None if section.known is None else partial(factors_of, section.known, values, slopes)
            stages.append(Stage(function, state, [values[variable] for variable in section.after], elemental))
        if self.program.skip is not None:
            self.program.skip.run(values)
        results = [values[variable] for variable in traced.outputs]
        if self.halves is not None:
            factors = self.halves.execute(stages[::-1], lambda size: jnp.eye(size, dtype=stages[0].dtype), chunk_size)
            return sides(self.program, self.outputs, *factors, ARRAYS), results
        matrix = self.comparison.optimal.execute(stages[::-1], chunk_size=chunk_size)
        if self.program.skip is not None:
            matrix = matrix + jnp.eye(matrix.shape[0], dtype=matrix.dtype)
        return blocks(self.program, self.outputs, matrix, ARRAYS), results


def prepare(function: Callable[..., Any], call: Call, known: dict[Any, Prepared], *, has_aux: bool, low_rank: bool) -> Prepared:
    """Trace and cut a function for the signature of a call.

    Raises
    ------
    UnplannableError
        If its derivative is no matrix of real numbers. What tracing raises is let through.
    """
    for leaf in call.inputs:
        if kind_of(jnp.result_type(leaf)) != REAL:
            msg = f"an input is of {jnp.result_type(leaf)}, which are no real numbers"
            raise UnplannableError(msg)
    trees: dict[str, Any] = {}

    def flat(*arrays: Any) -> list[Any]:
        args, kwargs = call.arguments(arrays)
        returned = stage_by_stage(function)(*args, **kwargs)
        value, aux = returned if has_aux else (returned, None)
        leaves, trees["value"] = jax.tree.flatten(value)
        more, trees["aux"] = jax.tree.flatten(aux)
        trees["outputs"] = len(leaves)
        return [*leaves, *more]

    traced = trace(flat, call.inputs, call.others)
    for variable in traced.outputs[: trees["outputs"]]:
        if traced.variables[variable].kind != REAL:
            msg = f"a result is of {traced.variables[variable].dtype}, which are no real numbers"
            raise UnplannableError(msg)
    program = cut(traced, trees["outputs"], low_rank=low_rank)
    if program is None:
        msg = "nothing between its inputs and its results depends on the inputs by real numbers alone, or all of it is empty"
        raise UnplannableError(msg)
    halves = halves_of(program) if low_rank else None
    parts = call.input_tree, trees["value"], trees["aux"], trees["outputs"]
    prepared = Prepared(program, compared(program), *parts, halves)
    key = call.key()
    if key is not None and not any(isinstance(value, jax.core.Tracer) for value in traced.constants.values()):
        known[key] = prepared
    return prepared
