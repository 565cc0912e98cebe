"""The operators that compute a JVP, recorded: some of its tangents can be given in the place of their steps."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.fx import Node

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.torch.gradient import hides_derivative
from chainopt.torch.narrow.recorded_jvp import computed, recorded_jvp
from chainopt.torch.trace import is_transforming, untransformed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from chainopt.torch.narrow.recorded_jvp import TracedFunction
    from chainopt.typing import Array

CHANGED = "what the function reads besides its arguments has changed, and it computes something else now: make its Jacobian again"


class Part(NamedTuple):
    """Those steps of a linear program that some results need, while the values of some others are given."""

    wanted: Sequence[Node]
    given: Sequence[Node]
    steps: Sequence[Node]

    def run(self, values: Mapping[Node, Array], tangents: Mapping[Node, Array], given: Sequence[Array] = ()) -> list[Array]:
        """Compute the results.

        Parameters
        ----------
        values : mapping of nodes to tensors
            What does not depend on the tangents.
        tangents : mapping of nodes to tensors
            The tangents.
        given : sequence of tensors
            The values that are given.
        """
        known = {**values, **tangents, **dict(zip(self.given, given, strict=True))}
        for node in self.steps:
            known[node] = computed(node, known)
        return [known[node] for node in self.wanted]


class LinearGraph:
    """The JVP of a function.

    Raises
    ------
    UnplannableError
        If no recording of it is certain.
    """

    def __init__(self, traced: TracedFunction) -> None:
        with untransformed() if is_transforming() else nullcontext():
            self.graph = graph = recorded_jvp(traced)
        count = len(traced.inputs)
        self.nodes: list[Node] = list(graph.graph.nodes)
        places = [node for node in self.nodes if node.op == "placeholder"]
        self.primals, self.tangents = places[:-count], places[-count:]
        self.results: list[Node] = [node for node in self.nodes[-1].args[0] if isinstance(node, Node)]  # type: ignore[union-attr]
        linear = set(self.tangents)
        for node in self.nodes:
            if not linear.isdisjoint(node.all_input_nodes):
                linear.add(node)
                if "detach" in str(node.target):  # what is a tangent already is no constant to its VJPs
                    node.target = torch.ops.aten.alias.default
        self.linear = linear
        self.read = [getattr(graph, str(node.target)) for node in self.nodes if node.op == "get_attr"]
        self.hides_derivative = any(map(hides_derivative, self.nodes))

    def start(self, arrays: Sequence[Array]) -> dict[Node, Array]:
        """Return what does not depend on the tangents."""
        values = dict(zip(self.primals, arrays, strict=True))
        for node in self.nodes:
            if node.op == "get_attr":
                values[node] = getattr(self.graph, str(node.target))
            elif node.op == "call_function" and node not in self.linear:
                values[node] = computed(node, values)
        return values

    def part(self, wanted: Sequence[Node], given: Sequence[Node] = ()) -> Part:
        """Return what computes some variables while others are held."""
        alive: set[Node] = set(wanted) - set(given)
        steps = []
        for node in reversed(self.nodes):
            if node in alive and node in self.linear and node.op == "call_function":
                steps.append(node)
                alive.update(one for one in node.all_input_nodes if one not in given)
        return Part(wanted, given, steps[::-1])

    def at(self, other: LinearGraph, nodes: Collection[Node]) -> list[Node]:
        """Return the nodes that are in the places of those of another recording of the same function.

        Raises
        ------
        ChainError
            If it is of another one.
        """
        if str(self.graph.graph) != str(other.graph.graph):
            raise ChainError(CHANGED)
        places = {node: place for place, node in enumerate(other.nodes)}
        return [self.nodes[places[node]] for node in nodes]


class LinearGraphs:
    """The JVP of a function, with the tensors that it reads: recorded anew where those are other objects.

    Attributes
    ----------
    first : LinearGraph
        As it was recorded at first.
    """

    def __init__(self, traced: TracedFunction) -> None:
        self.traced, self.first = traced, LinearGraph(traced)

    def anew(self) -> LinearGraph:
        """Return the JVP with what the function reads now.

        Raises
        ------
        ChainError
            If that makes another function of it.
        """
        try:
            return LinearGraph(self.traced)
        except UnplannableError as error:
            raise ChainError(CHANGED) from error
