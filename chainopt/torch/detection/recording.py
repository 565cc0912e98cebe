"""The operators of a function, recorded without numbers, and what of it no recording sees."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensor

from chainopt.functions.backend import UnplannableError
from chainopt.torch.certainty import called_with_numbers, own_rule, recorded_without_numbers
from chainopt.torch.trace import is_transforming, untransformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.fx import Node

    from chainopt.typing import Array

MODES = ("set_grad_enabled", "autocast")  # of which derivatives may depend, but never more entries of them


class Recording(NamedTuple):
    """A function as a graph of operators."""

    graph: Array
    is_even: bool  # whether forward mode differentiates what reverse mode does
    is_gradient: bool  # whether reverse mode was recorded with it


def recorded(
    function: Callable[..., Sequence[Array]], arrays: Sequence[Array], primal: Callable[..., Sequence[Array]] | None
) -> tuple[Recording, list[Array]]:
    """Record a function; return what its results are like, too.

    Parameters
    ----------
    function : callable
        Of tensors, given one by one, that returns a list of such.
    arrays : sequence of tensors
        Like those that it will be called with.
    primal : callable, optional
        Whose gradient it computes, where it does.

    Raises
    ------
    UnplannableError
        If something in it is not seen, or may be another thing at the next call.
    """
    is_inside = is_transforming()
    with untransformed() if is_inside else nullcontext():
        given = [like(array) if is_inside else array.detach() for array in arrays]
        above = recorded_without_numbers(primal or function, given, [], above_autograd=True)
        if (rule := own_rule(primal or function, given)) is not None:
            msg = f"it has a rule of its own for its derivative ({rule})"
            raise UnplannableError(msg)
        uneven = [node for node in above.graph.nodes if _is_uneven(above, node)]
        graph = recorded_without_numbers(function, given, [], above_autograd=False)
        if any(_is_in_place(node) for node in graph.graph.nodes):
            pure = torch.func.functionalize(function, remove="mutations_and_views")
            graph = recorded_without_numbers(pure, given, [], above_autograd=False)
    graph.graph.eliminate_dead_code()
    for node in graph.graph.nodes:
        _check_is_seen(graph, node)
        if _is_in_place(node):
            msg = f"it writes to a tensor in a way that no recording sees ({node.target})"
            raise UnplannableError(msg)
    return Recording(graph, not uneven, primal is not None), _results_of(graph)


def called_at(function: Callable[..., Sequence[Array]], arrays: Sequence[Array]) -> list[Array]:
    """Return what the results of a function are like that cannot be recorded, by a call with these numbers.

    Parameters
    ----------
    function, arrays
        As for `recorded`; inside of a transformation the numbers are others.

    Raises
    ------
    UnplannableError
        If the call would change something.
    """
    is_inside = is_transforming()
    with untransformed() if is_inside else nullcontext():
        given = [like(array) if is_inside else array.detach() for array in arrays]
        try:
            return [_form(result) for result in called_with_numbers(function, given)]
        except RuntimeError as error:
            if not is_inside:
                raise
            msg = f"it cannot be called outside of the transformation that is going on ({error})"
            raise UnplannableError(msg) from error


def form_at(function: Callable[..., Sequence[Array]], arrays: Sequence[Array]) -> list[Array]:
    """Return what the results of a function are like, outside of transformations.

    Raises
    ------
    UnplannableError
        If it cannot be recorded.
    """
    return _results_of(recorded_without_numbers(function, arrays, [], above_autograd=True))


def _results_of(graph: Array) -> list[Array]:
    """Return tensors without numbers like the results of a graph."""
    (output,) = (node for node in graph.graph.nodes if node.op == "output")
    results = []
    for result in output.args[0]:
        is_read = getattr(result, "op", "") == "get_attr"
        value = getattr(graph, result.target) if is_read else result.meta["val"] if hasattr(result, "meta") else result
        results.append(_form(value))
    return results


def _form(result: Array) -> Array:
    is_tensor = isinstance(result, torch.Tensor)
    return torch.empty(tuple(result.shape), dtype=result.dtype, device="meta") if is_tensor else result


def _is_uneven(graph: Array, node: Node) -> bool:
    """Whether a step changes how derivatives are found, and for reverse mode only."""
    if node.op == "call_function" and any(mode in str(node.target) for mode in MODES):
        return True
    _check_is_seen(graph, node)
    return False


def _check_is_seen(graph: Array, node: Node) -> None:
    """Refuse a step of which the recording does not say what it does."""
    if node.op == "get_attr" and isinstance(getattr(graph, str(node.target)), FakeTensor):
        msg = "it takes a derivative, or a tensor's data, inside, which no recording sees"
        raise UnplannableError(msg)
    if node.op == "call_function" and "getitem" not in str(node.target) and not hasattr(node.target, "_schema"):
        msg = f"it calls {node.target}, inside of which nothing is known"
        raise UnplannableError(msg)


def _is_in_place(node: Node) -> bool:
    return hasattr(node.target, "_schema") and bool(node.target._schema.is_mutable)  # noqa: SLF001 -- no other name is public


def like(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the shape that a function sees inside of a transformation."""
    return torch.ones(tensor.shape, dtype=tensor.dtype, device=tensor.device)
