"""The bracketing as a graph in the DOT language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.bracketing.operations import Multiplication, Pullback, Pushforward
from chainopt.numbers import count, shape_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Join
    from chainopt.chain.chain import JacobianChain


MEANS = {Multiplication: "", Pushforward: "JVPs, ", Pullback: "VJPs, "}


def dot(chain: JacobianChain, bracketing: Bracketing, operations: Sequence[Join]) -> str:
    """Write the tree of products: boxes are factors, ellipses products with their shape and cost."""
    lines = ["digraph bracketing {", "  node [fontname=Helvetica];"]
    lines += [f"  factor{at} [shape=box, label={_quoted(chain.label(at), chain.shape_text(at))}];" for at in range(len(chain))]
    sizes = chain.sizes
    costs = iter(operations)
    products = iter(range(len(operations)))

    def join(left: str, right: str) -> str:
        operation = next(costs)
        node = f"product{next(products)}"
        shape = shape_text(int(sizes[operation.first]), int(sizes[operation.last + 1]))
        lines.append(f"  {node} [label={_quoted(shape, f'{MEANS[type(operation)]}cost {count(operation.cost)}')}];")
        lines.extend(f"  {node} -> {side};" for side in (left, right))
        return node

    bracketing.fold([f"factor{at}" for at in range(len(chain))], join)
    return "\n".join([*lines, "}"])


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
