"""Which operators are elementwise, and which are products with a matrix that is their Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chainopt.functions.trace import Variable

IN_ORDER = {"view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "alias", "clone"}  # the entries stay where they are
SWAPS = {"t", "transpose", "permute"}
# The places of the two factors among the arguments.
PRODUCTS = {"mm": (0, 1), "mv": (0, 1), "dot": (0, 1), "addmm": (1, 2), "addmv": (1, 2)}


def is_elementwise(target: Any, name: str, shape: tuple[int, ...]) -> bool:
    """Whether each entry of the result depends on the same entry of what is read, or on a scalar."""
    if name in SWAPS:
        return sum(size != 1 for size in shape) < 2
    return name in IN_ORDER or torch.Tag.pointwise in target.tags


def matrices_of(
    node: Node, name: str, scope: Mapping[Any, int], variables: Mapping[int, Variable]
) -> dict[int, Callable[[dict[int, Any]], Any]]:
    """Return what reads the Jacobian of a product of a vector and a matrix off the matrix, by the number of the vector."""
    if name not in PRODUCTS or node.kwargs:
        return {}
    nodes = [node.args[at] for at in PRODUCTS[name]]
    if not all(isinstance(one, Node) for one in nodes) or nodes[0] is nodes[1]:
        return {}
    left, right = (scope[one] for one in nodes)
    found: dict[int, Callable[[dict[int, Any]], Any]] = {}
    of_left, of_right = variables[left].shape, variables[right].shape
    if len(of_left) == 1 or of_left[0] == 1:
        found[left] = lambda values: values[right].reshape(of_right[0], -1).mT
    if len(of_right) == 1 or of_right[1] == 1:
        found[right] = lambda values: values[left].reshape(-1, of_left[-1])
    return found
