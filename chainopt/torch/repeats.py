"""What a recorded program computes twice is computed once, and what undoes itself is left out: each operator is a call."""

from __future__ import annotations

import operator
from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch.fx import Node
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Hashable

    from torch.fx import Graph

    from chainopt.typing import Array

OPERATORS = torch.ops.aten
VIEW = OPERATORS.view.default
UNSAID = {OPERATORS._unsafe_view.default}  # noqa: SLF001 -- which return views, and do not say so
FILLED = {OPERATORS.ones_like.default, OPERATORS.zeros_like.default}  # which look at shape, dtype and place alone


def without_repeats(graph: Graph) -> None:
    """Take repeated operators out of a recorded program, and views that change nothing; they are dead code then.

    What is written to, or returned, shares no memory with anything but what it shared before; and what is read again after it
    was written to is another value.
    """
    memory = _memory(graph)
    returned = {*graph.output_node().all_input_nodes}
    given = {read for node in graph.nodes if _may_write(node) for read in node.all_input_nodes}  # whose shapes may change, too
    held = {memory[node] for node in graph.nodes if node in returned or node in given or _may_write(node)}
    writes: Counter[Array] = Counter()
    known: dict[Hashable, Array] = {}
    node: Array
    for node in graph.nodes:
        if _may_write(node):
            writes.update({memory[read] for read in node.all_input_nodes} if node.target is not operator.getitem else ())
        if not _is_pure(node) or node in returned:
            continue
        same = _unchanged(node)
        if same is not None and {node, same} & given:
            continue
        if same is None and memory[node] not in held:
            same = known.setdefault((_key(node), *(writes[memory[read]] for read in node.all_input_nodes)), node)
        if same is not None and same is not node:
            node.replace_all_uses_with(same)


def _is_pure(node: Array) -> bool:
    """Whether a node is an operator that writes to nothing, and gives the same each time."""
    target = node.target
    is_operator = node.op == "call_function" and isinstance(target, torch._ops.OpOverload)  # noqa: SLF001 -- its type has no other name
    return is_operator and not target._schema.is_mutable and torch.Tag.nondeterministic_seeded not in target.tags  # noqa: SLF001


def _may_write(node: Array) -> bool:
    """Whether a node may write to what it is given, or to what it returns: of what is no operator nothing is known."""
    return not _is_pure(node) and node.op not in {"placeholder", "output"}


def _memory(graph: Graph) -> dict[Array, Array]:
    """Return a node for each node: the same one for all that may share their memory."""
    group: dict[Array, Array] = {node: node for node in graph.nodes}

    def root(node: Array) -> Array:
        while group[node] is not node:
            node = group[node]
        return node

    for node in graph.nodes:
        if _may_write(node) or (_is_pure(node) and _shares(node.target)):
            for other in node.all_input_nodes:
                group[root(other)] = root(node)
    return {node: root(node) for node in graph.nodes}


def _shares(target: Array) -> bool:
    """Whether what an operator returns shares the memory of what it is given."""
    return target in UNSAID or any(returned.alias_info is not None for returned in target._schema.returns)  # noqa: SLF001


def _key(node: Array) -> Hashable:
    """Return what two operators have in common that return the same."""
    leaves, tree = pytree.tree_flatten((node.args, node.kwargs), lambda leaf: leaf is None)
    of = _kind if node.target in FILLED else (lambda other: other)
    known = tuple([of(leaf) if isinstance(leaf, Node) else (type(leaf), repr(leaf)) for leaf in leaves])
    return node.target, known, str(tree)


def _unchanged(node: Array) -> Array | None:
    """Return the node whose result an operator returns as it is; None for others."""
    before = node.args[0] if node.args else None
    if not isinstance(before, Node):
        return None
    shape = _shape(node)
    if node.target is VIEW and shape is not None:
        viewed: Array = before
        while viewed.target is VIEW and _shape(viewed) != shape:
            viewed = viewed.args[0]
        return viewed if _shape(viewed) == shape else None
    axes = _transposed(node)
    return before.args[0] if axes is not None and axes == _transposed(before) else None


def _kind(node: Array) -> Hashable:
    """Return all that an operator looks at that fills a tensor like another one."""
    value = node.meta.get("val")
    return node if not isinstance(value, torch.Tensor) else (value.dtype, value.device, value.layout, value.shape, value.stride())


def _shape(node: Array) -> tuple[int, ...] | None:
    found = node.meta.get("tensor_meta")
    return None if found is None else tuple(found.shape)


def _transposed(node: Array) -> frozenset[int] | None:
    """Return which two axes an operator exchanges; None for others."""
    shape = _shape(node)
    if shape and node.target is OPERATORS.transpose.int and len(node.args) == 3:
        return frozenset(axis % len(shape) for axis in node.args[1:])
    return frozenset({0, 1}) if shape and len(shape) == 2 and node.target is OPERATORS.t.default else None
