"""A walk through a recording, operator by operator, with what is known of each tensor."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
from torch.fx import Node
from torch.utils import _pytree as pytree

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.torch.certainty import LITERALS
from chainopt.torch.detection import convolutions, elementwise, layers, moves, pooling, products, reductions, scatters
from chainopt.torch.detection.registry import RULES, Operation, Result, everything
from chainopt.torch.detection.values import MOST_ENTRIES, NOTHING, Known, Operand, Value, Watched, has_derivative

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chainopt.typing import Array

UNEVEN = frozenset({"put", "_index_put_impl"})  # several of whose entries may come to one place
# They register their rules.
FAMILIES = (convolutions, elementwise, layers, moves, pooling, products, reductions, scatters)


class Walk:
    """What goes through a recording.

    Parameters
    ----------
    columns : int
        How many entries the inputs have.
    watched : Watched
        Which numbers of the tensors that the function reads are looked at.
    stops : bool
        Whether what is detached depends on nothing.
    """

    def __init__(self, columns: int, watched: Watched, *, stops: bool) -> None:
        self.columns, self.watched, self.stops = columns, watched, stops

    def run(self, graph: Array, given: Sequence[Value]) -> list[Operand | None]:
        """Return what is known of the results of a graph."""
        supply = iter(given)
        values: dict[Node, Array] = {}
        with torch.no_grad():
            for node in graph.graph.nodes:
                if node.op == "placeholder":
                    values[node] = Operand.of(next(supply), node.meta["val"])
                elif node.op == "get_attr":
                    values[node] = self._read(getattr(graph, node.target), is_written=all(map(_makes_literal, node.users)))
                elif node.op == "call_function" and node.target is operator.getitem:
                    values[node] = self.noted(node, values[node.args[0]][node.args[1]], values)
                elif node.op == "call_function":
                    values[node] = self.noted(node, self._called(node, values), values)
                elif node.op == "output":
                    return [values[result] if isinstance(result, Node) else None for result in node.args[0]]
        return []

    def noted(self, node: Node, known: Array, values: Mapping[Node, Array]) -> Array:  # noqa: ARG002 -- for those that look on
        """Return what is taken for known of the results of a step from there on."""
        return known

    def _read(self, tensor: torch.Tensor, *, is_written: bool) -> Operand:
        """Take a tensor that is written in the function, or that it reads: one that is trained will have other numbers soon."""
        if is_written:
            return Operand.of(Known(tensor), tensor)
        if tensor.requires_grad or tensor.layout is not torch.strided:
            return Operand.of(None, tensor)
        return Operand.of(Known(tensor.detach(), by_zeros=frozenset({self.watched.place(tensor)})), tensor)

    def _called(self, node: Node, values: Mapping[Node, Array]) -> Array:
        target: Array = node.target
        made = node.meta.get("val")
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
        tensors = [leaf for leaf in pytree.tree_leaves(made) if isinstance(leaf, torch.Tensor)]
        results = [Result(tuple(tensor.shape), tensor.dtype) for tensor in tensors]
        operation = Operation(target, tuple(args), kwargs, results, self.columns, self.watched)
        found: Sequence[Value]
        if "detach" in operation.name and self.stops:
            found = [self._stopped(operation)]
        elif any(isinstance(operand.value, IndexSets) for operand in operation.operands):
            found = results_of(operation)
        else:
            found = evaluated(operation, tensors)
        supply = iter(Operand.of(value, tensor) for value, tensor in zip(found, tensors, strict=True))
        return pytree.tree_map(lambda leaf: next(supply) if isinstance(leaf, torch.Tensor) else leaf, made)

    def _stopped(self, operation: Operation) -> Value:
        value: Value = operation.operands[0].value
        return None if isinstance(value, IndexSets) else value


def results_of(operation: Operation) -> list[Value]:
    """Return what the results of an operator depend on, by its rule or without one; integers have no derivatives."""
    own = RULES.get(operation.name)
    if operation.name in UNEVEN:
        operation.watched.is_even = False
    if own is None and torch.Tag.pointwise in operation.target.tags:
        own = elementwise.pointwise
    try:
        values = list((own or everything)(operation))
    except Exception:  # noqa: BLE001 -- a form of the operator that its rule does not know, or another version has
        values = everything(operation)
    pairs = zip(values, operation.results, strict=False)
    if len(values) != len(operation.results) or not all(_fits(value, result) for value, result in pairs):
        values = everything(operation)
    return [value if has_derivative(result.dtype) else None for value, result in zip(values, operation.results, strict=True)]


def _fits(value: Value, result: Result) -> bool:
    size = value.size if isinstance(value, IndexSets) else value.tensor.numel() if isinstance(value, Known) else result.size
    return size == result.size


def _makes_literal(node: Node) -> bool:
    return str(node.target) in LITERALS


def evaluated(operation: Operation, tensors: Sequence[torch.Tensor]) -> list[Value]:
    """Compute an operator of which no input is among the operands; return what is not known where not all of them are."""
    operands = [operand.value for operand in operation.operands]
    nothing: list[Value] = [None] * len(tensors)
    is_random = torch.Tag.nondeterministic_seeded in operation.target.tags or "empty" in operation.name
    if is_random or any(value is None for value in operands) or sum(tensor.numel() for tensor in tensors) > MOST_ENTRIES:
        return nothing
    args, kwargs = pytree.tree_map(_number, (operation.args, operation.kwargs), is_leaf=lambda leaf: isinstance(leaf, Operand))
    try:
        found = pytree.tree_leaves(operation.target(*args, **kwargs))
    except Exception:  # noqa: BLE001 -- whatever an operator raises, the function will too
        return nothing
    if len(found) != len(tensors):
        return nothing
    known = [value for value in operands if isinstance(value, Known)]
    numbers, zeros = NOTHING.union(*(value.by_numbers for value in known)), NOTHING.union(*(value.by_zeros for value in known))
    if not moves.keeps_entries(operation):
        numbers, zeros = numbers | zeros, NOTHING
    return [Known(tensor, numbers, zeros) for tensor in found]


def _number(leaf: Array) -> Array:
    return leaf.value.tensor if isinstance(leaf, Operand) and isinstance(leaf.value, Known) else leaf
