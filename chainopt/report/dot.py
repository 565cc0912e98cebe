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
    """Write the tree of products: boxes are factors, ellipses products with their shape and cost.

    Parameters
    ----------
    chain : JacobianChain
        The factors.
    bracketing : Bracketing
        Which products there are.
    operations : sequence of Join
        What each of them does and costs, in the order of the bracketing.
    """
    factors = range(len(chain))
    lines = ["digraph bracketing {", "  node [fontname=Helvetica];"]
    lines += [
        f"  factor{position} [shape=box, label={_quoted(chain.label(position), chain.shape_text(position))}];"
        for position in factors
    ]
    numbered = enumerate(operations)

    def join(left: str, right: str) -> str:
        number, operation = next(numbered)
        shape = shape_text(int(chain.sizes[operation.first]), int(chain.sizes[operation.last + 1]))
        cost = f"{MEANS[type(operation)]}cost {count(operation.cost)}"
        lines.append(f"  product{number} [label={_quoted(shape, cost)}];")
        lines.extend(f"  product{number} -> {side};" for side in (left, right))
        return f"product{number}"

    bracketing.fold([f"factor{position}" for position in factors], join)
    return "\n".join([*lines, "}"])


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
