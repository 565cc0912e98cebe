"""The tangents of constants, which PyTorch fills with zeros and multiplies by: a recorded program goes without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.fx import Graph, Node

OPERATORS = torch.ops.aten
SOURCE = OPERATORS.zeros.default  # one zero, which is expanded: how the tangent of a constant becomes a tensor
VIEWS = {
    OPERATORS.expand.default,
    OPERATORS.alias.default,
    OPERATORS.t.default,
    OPERATORS.view.default,
    OPERATORS.transpose.int,
    OPERATORS.unsqueeze.default,
}
PRODUCTS = {OPERATORS.mm.default, OPERATORS.bmm.default, OPERATORS.mv.default, OPERATORS.mul.Tensor}
LINEAR_IN_FIRST = {
    OPERATORS.tanh_backward.default,
    OPERATORS.sigmoid_backward.default,
    OPERATORS._unsafe_view.default,  # noqa: SLF001 -- the operator has no other name
}


def without_zeros(graph: Graph, names: frozenset[str]) -> None:
    """Take the sums with zeros out of a recorded program; what has made the zeros is dead code then.

    Parameters
    ----------
    graph : torch.fx.Graph
        Which is changed.
    names : frozenset of str
        Of the operators in the function itself. Where it makes zeros of its own, an infinite number times one of them is no
        number, and the program is left as it is.
    """
    if any(str(SOURCE) in name for name in names):  # the names of what was put together hold several
        return
    zeros: set[Node] = set()
    for node in graph.nodes:
        if _is_zero(node, zeros):
            zeros.add(node)
        elif node.target is OPERATORS.add.Tensor and not node.kwargs:
            for kept, added in (node.args, node.args[::-1]):
                if added in zeros and _is_alike(kept, node):
                    node.replace_all_uses_with(kept)
                    break


def _is_zero(node: Node, zeros: set[Node]) -> bool:
    """Whether all entries of what an operator returns are zero."""
    if node.target is SOURCE:
        return node.args[0] == []
    if node.target in PRODUCTS:
        return any(operand in zeros for operand in node.args)
    return node.target in VIEWS | LINEAR_IN_FIRST and node.args[0] in zeros


def _is_alike(one: object, other: Node) -> bool:
    """Whether an operand is a tensor of the same shape and dtype as a result."""
    if not isinstance(one, torch.fx.Node) or "tensor_meta" not in one.meta or "tensor_meta" not in other.meta:
        return False
    first, second = one.meta["tensor_meta"], other.meta["tensor_meta"]
    return bool(first.shape == second.shape and first.dtype == second.dtype)
