"""What computes the variables of traced code: operations, each of which reads and writes several variables at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.graphs.edges import IDENTITY
from chainopt.structure.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainopt.graphs.description import Description
    from chainopt.graphs.edges import Edge, Partial
    from chainopt.graphs.flow import Flow
    from chainopt.typing import Cost


class Operation(NamedTuple):
    """An equation of traced code.

    Attributes
    ----------
    equation : int
        Its number in the program.
    heads : tuple of int
        The variables that it computes, all at once.
    jvp, vjp : int or float, optional
        What one JVP and one VJP of it cost, by all that it reads and writes; None where it has none.
    stage : int
        The user's stage that it is in, from 1; 0 where none are named.
    """

    equation: int
    heads: tuple[int, ...]
    jvp: Cost | None
    vjp: Cost | None
    stage: int


class Operations(NamedTuple):
    """The operations of traced code, in the order of the program, and the edges whose partial derivatives it has at hand.

    Attributes
    ----------
    listed : list of Operation
    of : dict from int to int
        The position of the operation that computes a variable.
    entrywise : set of (tail, head)
        Edges whose partial is diagonal.
    matrices : set of (tail, head)
        Edges whose partial is a matrix that the program holds.
    """

    listed: list[Operation]
    of: dict[int, int]
    entrywise: set[Edge]
    matrices: set[Edge]


def operations_of(description: Description, flow: Flow, partials: Mapping[Edge, Partial]) -> Operations:
    """Read the operations between the inputs and the outputs of traced code.

    Nodes name the ``equation`` that computes them, by its number in the program, and the ``stage`` that it belongs to. An edge
    has the ``jvp_cost`` and ``vjp_cost`` of its whole equation; an entrywise one has a structure, `Diagonal` or `Identity`,
    and one whose matrix is at hand an ``accumulation_cost``.

    Parameters
    ----------
    description : Description
    flow : Flow
        What is left between the inputs and the outputs.
    partials : dict from (tail, head) to Partial
        What is known of its edges.
    """
    heads: dict[int, list[int]] = {}
    for node in flow.tails:
        if flow.tails[node]:
            heads.setdefault(description.nodes[node]["equation"], []).append(node)
    costs: dict[int, tuple[Cost | None, Cost | None]] = {}
    entrywise, matrices = set(), set()
    for tail, head, attributes in description.edges:
        if (tail, head) not in partials:
            continue
        costs[description.nodes[head]["equation"]] = attributes.get("jvp_cost"), attributes.get("vjp_cost")
        if isinstance(structure := attributes.get("structure"), Structure) and structure.diagonals == (0, 0):
            entrywise.add((tail, head))
        elif attributes.get("accumulation_cost") is not None:
            matrices.add((tail, head))
    listed = []
    for equation in sorted(heads):
        edges = [(tail, head) for head in heads[equation] for tail in flow.tails[head]]
        passes_on = len(edges) == 1 and partials[edges[0]] is IDENTITY  # what is left of a sum
        jvp, vjp = (0, 0) if passes_on else costs[equation]
        stage = description.nodes[heads[equation][0]].get("stage", 0)
        listed.append(Operation(equation, tuple(heads[equation]), jvp, vjp, stage))
    of = {node: position for position, operation in enumerate(listed) for node in operation.heads}
    return Operations(listed, of, entrywise, matrices)
