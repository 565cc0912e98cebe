"""From the arguments of a call to the program that it traces, and from there to its Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from chainopt.execution.stages import needs
from chainopt.optimize import compare
from chainopt.torch.equations import trace
from chainopt.torch.stages import Stage
from chainopt.tracing.calls import Call, Trees
from chainopt.tracing.choosing import places_of
from chainopt.tracing.equations import REAL
from chainopt.tracing.program import Program, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.comparison import Comparison
    from chainopt.plan import Plan


class UnplannableError(ValueError):
    """A function whose derivative is no matrix of real numbers."""


TREES = Trees(
    flatten=pytree.tree_flatten,
    unflatten=pytree.tree_unflatten,
    is_array=lambda leaf: isinstance(leaf, torch.Tensor),
    describe=lambda leaf: (tuple(leaf.shape), leaf.dtype, leaf.device) if isinstance(leaf, torch.Tensor) else type(leaf),
)


@dataclass(frozen=True)
class Prepared:
    """A function, traced and cut for one signature of its arguments."""

    program: Program
    comparison: Comparison
    trees: dict[str, Any]
    outputs: int  # how many of the traced results are the function's, and not its auxiliary data

    def run(self, call: Call, plan: Plan, chunk_size: int | None) -> tuple[Any, Any]:
        """Return the Jacobian and the auxiliary data."""
        traced, sections = self.program.trace, self.program.sections
        values = traced.constants | dict(zip((*traced.inputs, *traced.others), (*call.inputs, *call.others), strict=True))
        for equation in self.program.fixed:
            equation.run(values)
        stages: list[Stage] = []
        used = needs(len(sections), plan.operations)[::-1]
        needs_all = self.program.skip is not None or len(traced.outputs) > self.outputs
        for at, section in enumerate(sections):
            state = [values[variable] for variable in section.before]
            known = dict(values)

            def function(*given: Any, section: Any = section, known: dict[int, Any] = known) -> tuple[Any, ...]:
                local = known | dict(zip(section.before, given, strict=True))
                for equation in section.equations:
                    equation.run(local)
                return tuple(local[variable] for variable in section.after)

            ends = ([traced.variables[variable] for variable in variables] for variables in (section.before, section.after))
            stages.append(Stage(function, state, *ends))
            read_later = {
                variable for other in sections[at + 1 :] for equation in other.equations for variable in equation.inputs
            }
            made = {variable for equation in section.equations for variable in equation.outputs}
            if "rmatmat" in used[at] and made & read_later <= set(section.after) and not needs_all:  # evaluates it, too
                values.update(zip(section.after, stages[-1].result(), strict=True))
            elif at < len(sections) - 1 or needs_all:
                for equation in section.equations:
                    equation.run(values)
        matrix = plan.execute(stages[::-1], chunk_size=chunk_size)
        if self.program.skip is not None:
            self.program.skip.run(values)
            matrix = matrix + torch.eye(matrix.shape[0], dtype=matrix.dtype, device=matrix.device)
        rows = [pytree.tree_unflatten(row, call.input_tree) for row in self._blocks(matrix)]
        aux = pytree.tree_unflatten([values[variable] for variable in traced.outputs[self.outputs :]], self.trees["aux"])
        return pytree.tree_unflatten(rows, self.trees["value"]), aux

    def _blocks(self, matrix: Any) -> list[list[Any]]:
        """Cut the matrix into a block for each tensor of the result and each of the input."""
        traced, sections = self.program.trace, self.program.sections
        rows = places_of(traced, sections[-1].after if self.program.skip is None else traced.outputs)
        columns = places_of(traced, sections[0].before)
        found = []
        for output in traced.outputs[: self.outputs]:
            of_output = traced.variables[output]
            row = []
            for variable in traced.inputs:
                shape = (*of_output.shape, *traced.variables[variable].shape)
                if output in rows:
                    block = matrix[rows[output], columns[variable]].reshape(shape).to(of_output.dtype)
                else:
                    block = torch.zeros(shape, dtype=of_output.dtype, device=matrix.device)
                row.append(block)
            found.append(row)
        return found


def prepare(function: Callable[..., Any], call: Call, *, has_aux: bool) -> Prepared:
    """Trace and cut a function for the signature of a call.

    Raises
    ------
    UnplannableError
        If its derivative is no matrix of real numbers. What tracing raises is let through.
    """
    for leaf in call.inputs:
        if not isinstance(leaf, torch.Tensor) or not leaf.dtype.is_floating_point:
            msg = f"an input is {f'of {leaf.dtype}' if isinstance(leaf, torch.Tensor) else 'no tensor'}"
            raise UnplannableError(msg)
    trees: dict[str, Any] = {}

    def flat(*tensors: Any) -> list[Any]:
        args, kwargs = call.arguments(tensors)
        returned = first(*args, **kwargs)
        value, aux = returned if has_aux else (returned, ())  # of None, unlike JAX, PyTorch makes a leaf
        leaves, trees["value"] = pytree.tree_flatten(value)
        more, trees["aux"] = pytree.tree_flatten(aux)
        trees["outputs"] = len(leaves)
        return [*leaves, *more]

    def following(part: Callable[..., Any]) -> Callable[..., list[Any]]:
        def call_part(*tensors: Any) -> list[Any]:
            leaves, trees["value"] = pytree.tree_flatten(part(pytree.tree_unflatten(list(tensors), trees["value"])))
            trees["outputs"] = len(leaves)
            return list(leaves)

        return call_part

    parts = [] if has_aux else list(getattr(function, "stages", ()))
    first = parts[0] if parts else function
    traced = trace([flat, *map(following, parts[1:])], call.inputs, call.others)
    outputs = trees["outputs"]
    for variable in traced.outputs[:outputs]:
        if traced.variables[variable].kind != REAL:
            msg = f"a result is of {traced.variables[variable].dtype}"
            raise UnplannableError(msg)
    program = cut(traced, outputs)
    if program is None:
        msg = "nothing between its inputs and its results depends on the inputs by real numbers alone"
        raise UnplannableError(msg)
    return Prepared(program, compare(program.chain), trees, outputs)
