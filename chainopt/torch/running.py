"""From the arguments of a call to the program that it traces, and from there to its Jacobian."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from chainopt.execution.dependencies import needs
from chainopt.functions.elementals import factors_of
from chainopt.functions.low_rank import Halves, halves_of
from chainopt.functions.mode_choice import compared
from chainopt.functions.program import Program, cut
from chainopt.functions.signature import Call, Trees
from chainopt.functions.trace import REAL
from chainopt.functions.unpack import Arrays, blocks, sides
from chainopt.torch.stages import Opaque, Stage, slopes
from chainopt.torch.trace import is_transforming, trace, untransformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.cut_search import Section
    from chainopt.functions.elementals import Factors
    from chainopt.functions.trace import Variable
    from chainopt.plan.comparison import Comparison
    from chainopt.plan.plan import Plan


class UnplannableError(ValueError):
    """A function whose derivative is no matrix of real numbers."""


TREES = Trees(
    flatten=pytree.tree_flatten,
    unflatten=pytree.tree_unflatten,
    is_array=lambda leaf: isinstance(leaf, torch.Tensor),
    describe=lambda leaf: (tuple(leaf.shape), leaf.dtype, leaf.device) if isinstance(leaf, torch.Tensor) else type(leaf),
)


def _zeros(device: Any, shape: tuple[int, ...], variable: Variable) -> Any:
    return torch.zeros(shape, dtype=variable.dtype, device=device)


def _shaped(part: Any, shape: tuple[int, ...], variable: Variable) -> Any:
    return part.reshape(shape).to(variable.dtype)


@dataclass(frozen=True)
class Prepared:
    """A function, traced and cut for one signature of its arguments."""

    program: Program
    comparison: Comparison
    trees: dict[str, Any]
    outputs: int  # how many of the traced results are the function's, and not its auxiliary data
    halves: Halves | None = None
    graphs: dict[Any, Callable[..., list[Any]]] = field(default_factory=dict, compare=False)

    def graph(self, call: Call, plan: Plan, chunk_size: int | None) -> Callable[..., list[Any]]:
        """Return what computes the blocks of the Jacobian, row by row, and the auxiliary data.

        The whole computation is recorded once as a graph of operators: of the transformations of `torch.func` in it nothing is
        left then, neither the time that they take in Python, nor what a compiler does not understand.
        """
        key = plan.mode, chunk_size
        if key not in self.graphs:
            if is_transforming():
                return partial(self._computed, plan, chunk_size)
            examples = [torch.ones_like(tensor) for tensor in (*call.inputs, *call.others)]
            with torch.no_grad():
                graph = make_fx(lambda *given: self._computed(plan, chunk_size, *given))(*examples)
            graph.graph.eliminate_dead_code()
            graph.recompile()
            self.graphs[key] = graph
        return self.graphs[key]

    def unflattened(self, results: Sequence[Any], input_tree: Any) -> tuple[Any, Any]:
        """Return the Jacobian and the auxiliary data in their pytrees."""
        width = input_tree.num_leaves
        if self.halves is not None:
            left = pytree.tree_unflatten(results[: self.outputs], self.trees["value"])
            right = pytree.tree_unflatten(results[self.outputs : self.outputs + width], input_tree)
            return (left, right), pytree.tree_unflatten(results[self.outputs + width :], self.trees["aux"])
        rows = [pytree.tree_unflatten(results[at * width : (at + 1) * width], input_tree) for at in range(self.outputs)]
        aux = pytree.tree_unflatten(results[self.outputs * width :], self.trees["aux"])
        return pytree.tree_unflatten(rows, self.trees["value"]), aux

    def _computed(self, plan: Plan, chunk_size: int | None, *tensors: Any) -> list[Any]:
        traced, sections = self.program.trace, self.program.sections
        values = traced.constants | dict(zip((*traced.inputs, *traced.others), tensors, strict=True))
        for equation in self.program.fixed:
            equation.run(values)
        used = needs(len(sections), plan.operations)[::-1]
        needs_all = self.program.skip is not None or len(traced.outputs) > self.outputs
        parts = [part for section in sections for part in section.parts]
        remaining = {id(part): parts[at + 1 :] for at, part in enumerate(parts)}
        device = tensors[0].device
        arrays = Arrays(partial(_zeros, device), _shaped)
        stages = []
        for section, uses in zip(sections, used, strict=True):
            dtype = reduce(torch.promote_types, (traced.variables[at].dtype for at in (*section.before, *section.after)))
            made = [
                self._part(part, values, dtype, remaining[id(part)], is_pulled="rmatmat" in uses, needs_all=needs_all)
                for part in section.parts
            ]
            shape = sum(map(traced.size, section.after)), sum(map(traced.size, section.before))
            stages.append(Stage(made, shape, dtype, device))
        if self.halves is not None:
            identity = partial(torch.eye, dtype=stages[0].dtype, device=device)
            found = sides(self.program, self.outputs, *self.halves.execute(stages[::-1], identity, chunk_size), arrays)
        else:
            matrix = plan.execute(stages[::-1], chunk_size=chunk_size)
            if self.program.skip is not None:
                self.program.skip.run(values)
                matrix = matrix + torch.eye(matrix.shape[0], dtype=matrix.dtype, device=device)
            found = blocks(self.program, self.outputs, matrix, arrays)
        return [*chain.from_iterable(found), *(values[variable] for variable in traced.outputs[self.outputs :])]

    def _part(
        self, part: Section, values: dict[int, Any], dtype: Any, later: list[Section], *, is_pulled: bool, needs_all: bool
    ) -> Opaque | Factors:
        """Make what derivatives go through, and put the values after it beside those before, as far as they are read."""
        if part.known is not None:
            for equation in part.equations:
                equation.run(values)
            return factors_of(part.known, values, slopes, lambda factor: factor.to(dtype))
        known = dict(values)

        def function(*given: Any) -> tuple[Any, ...]:
            local = known | dict(zip(part.before, given, strict=True))
            for equation in part.equations:
                equation.run(local)
            return tuple(local[variable] for variable in part.after)

        before, after = ([self.program.trace.variables[at] for at in variables] for variables in (part.before, part.after))
        opaque = Opaque(function, [values[variable] for variable in part.before], before, after, dtype)
        written = {variable for equation in part.equations for variable in equation.outputs}
        read_later = {variable for other in later for equation in other.equations for variable in equation.inputs}
        if is_pulled and written & read_later <= set(part.after) and not needs_all:  # which evaluates it, too
            values.update(zip(part.after, opaque.result(), strict=True))
        elif later or needs_all:
            for equation in part.equations:
                equation.run(values)
        return opaque


def _like(tensor: torch.Tensor) -> torch.Tensor:
    """Return one of the shape that a function sees inside of a transformation; what it holds is not looked at."""
    return torch.ones(tensor.shape, dtype=tensor.dtype, device=tensor.device)


def prepare(function: Callable[..., Any], call: Call, *, has_aux: bool, low_rank: bool) -> Prepared:
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
    functions = [flat, *map(following, parts[1:])]
    if is_transforming():
        with untransformed():
            traced = trace(functions, *([_like(tensor) for tensor in tensors] for tensors in (call.inputs, call.others)))
    else:
        traced = trace(functions, call.inputs, call.others)
    outputs = trees["outputs"]
    for variable in traced.outputs[:outputs]:
        if traced.variables[variable].kind != REAL:
            msg = f"a result is of {traced.variables[variable].dtype}"
            raise UnplannableError(msg)
    program = cut(traced, outputs, low_rank=low_rank)
    if program is None:
        msg = "nothing between its inputs and its results depends on the inputs by real numbers alone, or all of it is empty"
        raise UnplannableError(msg)
    return Prepared(program, compared(program), trees, outputs, halves_of(program) if low_rank else None)
