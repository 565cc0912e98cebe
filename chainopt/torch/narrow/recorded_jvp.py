"""The operators of a function's JVP, recorded, each of which has derivatives and can be computed for several tangents at once."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Protocol

import torch

from chainopt.functions.backend import UnplannableError
from chainopt.functions.sparse.derived import Traced
from chainopt.torch.backend import BACKEND
from chainopt.torch.detection import like, unseen, without_writing
from chainopt.torch.trace import ENDS, is_in_place, is_view, within, written_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch.fx import Node

    from chainopt.torch.detection import Recording
    from chainopt.typing import Array

    Flat = Callable[..., list[Array]]


class TracedFunction(Traced, Protocol):
    """A function of flat lists of tensors, as far as others are made of it."""

    inputs: list[Array]
    """By which it is differentiated."""
    others: list[Array]
    """Its further arguments."""
    besides: Sequence[Array]
    """What it reads besides, as far as that is known."""
    outputs: int
    """How many results are differentiated."""
    count: int
    """How many there are in all."""
    recording: Recording | None
    """Its operators."""

    def main(self, others: Sequence[Array]) -> Callable[..., tuple[tuple[Array, ...], tuple[Array, ...]]]:
        """Return what computes the results that are differentiated, and the others, of the inputs."""


NORMS = "native_layer_norm native_group_norm"  # whose second results autograd takes for constants


def recorded_jvp(traced: TracedFunction) -> Array:
    """Return the graph of a JVP: of the inputs, the others and the tangents.

    Raises
    ------
    UnplannableError
        If no recording of it is certain.
    """
    count = len(traced.inputs)
    given = [like(tensor) for tensor in (*traced.inputs, *traced.others, *traced.inputs)]

    def main(*tensors: Array) -> list[Array]:
        return list(traced.main(tensors[count:])(*tensors[:count])[0])

    is_simple = traced.recording is not None and traced.recording.stops  # then the same may be written by simpler operators
    try:
        graph = _recorded(_pushed(main, count), given)
    except UnplannableError:  # as of batch normalization in eval mode, the JVP of which writes to what it makes
        if not is_simple:
            raise
        graph = None
    if graph is None or (is_simple and any("as_strided" in str(node.target) for node in graph.graph.nodes)):  # a part is written
        graph = _recorded(_pushed(_computes(_recorded(main, given[:-count])), count), given)
    return graph


def _pushed(main: Flat, count: int) -> Flat:
    def pushed(*tensors: Array) -> list[Array]:
        others = tensors[count:-count]
        return list(torch.func.jvp(lambda *given: main(*given, *others), tensors[:count], tensors[-count:])[1])

    return pushed


def _recorded(function: Flat, given: Sequence[Array]) -> Array:
    graph = without_writing(function, given, NORMS)
    for node in graph.graph.nodes:
        read = getattr(graph, str(node.target)) if node.op == "get_attr" else None
        if unseen(graph, node) or is_in_place(node) or BACKEND.is_traced(read):
            msg = f"its JVP cannot be recorded for certain ({node.target})"
            raise UnplannableError(msg)
        _make_derivable(node)
    graph.graph.eliminate_dead_code()
    return graph


def _make_derivable(node: Node) -> None:
    """Replace an operator that lacks derivatives by one that computes the same, and has them; see `computed`, too."""
    if node.op != "call_function" or node.target is operator.getitem:
        return
    name, _, overload = str(node.target).removeprefix("aten.").partition(".")
    view: Any = getattr(getattr(torch.ops.aten, name.removesuffix("_copy"), None), overload, None)
    if name.endswith("_copy") and is_view(view):  # nothing is written to anymore
        node.target, name = view, name.removesuffix("_copy")
    if name in ENDS:
        node.args = within(node.args, ENDS[name], node.all_input_nodes[0].meta["val"].shape)


def _computes(graph: Array) -> Flat:
    """Return the function that a graph was recorded of."""

    def call(*tensors: Array) -> list[Array]:
        supply = iter(tensors)
        values: dict[Node, Array] = {}
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(supply)
            elif node.op == "get_attr":
                values[node] = getattr(graph, str(node.target))
            elif node.op == "call_function":
                values[node] = computed(node, values)
        results: list[Array] = torch.fx.map_arg(list(node.args[0]), values.__getitem__)
        return results

    return call


def computed(node: Node, values: Mapping[Node, Array]) -> Array:
    """Return the result of a step."""
    target: Any = written_over if node.target is torch.ops.aten.copy.default else node.target
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
    return target(*args, **kwargs)
