"""The operators of a function, recorded without numbers, and what of it no recording sees."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensor

from chainopt.functions.backend import UnplannableError
from chainopt.torch.certainty import called_with_numbers, own_rule, recorded_without_numbers
from chainopt.torch.gradient import decompositions, simpler_losses
from chainopt.torch.trace import is_in_place, is_transforming, untransformed, writes, written_by
from chainopt.torch.trace import without_writing as in_new_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch.fx import Node

    from chainopt.typing import Array

SIMPLER = """
nll_loss_forward nll_loss2d_forward mse_loss huber_loss smooth_l1_loss soft_margin_loss binary_cross_entropy
upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d
upsample_bicubic2d im2col col2im renorm grid_sampler_2d reflection_pad1d_backward reflection_pad2d_backward
native_batch_norm _native_batch_norm_legit native_layer_norm_backward native_group_norm_backward linalg_cross unfold_backward
embedding_dense_backward native_batch_norm_backward avg_pool2d_backward mse_loss_backward huber_loss_backward
smooth_l1_loss_backward nll_loss_backward upsample_nearest2d_backward glu_backward _weight_norm_interface
_scaled_dot_product_flash_attention_for_cpu
"""
REWRITTEN = {"aten.mse_loss.default"}  # to record JVPs of its gradient ends the process
MODES = ("set_grad_enabled", "autocast")  # of which derivatives may depend, but never more entries of them


class Recording(NamedTuple):
    """A function as a graph of operators."""

    graph: Array
    is_even: bool  # whether forward mode differentiates what reverse mode does
    is_gradient: bool  # whether reverse mode was recorded with it
    stops: bool  # whether what is detached is so by the function, and not by a derivative inside of it
    rewritten: Array | None  # a gradient without the operators that PyTorch cannot record when it differentiates them


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
        if _writes_unwatched(above.graph.nodes):
            msg = "it writes to a tensor in no_grad, with whose old numbers autograd goes on"
            raise UnplannableError(msg)
        is_even = not any(_changes_mode(node) for node in above.graph.nodes)
        is_seen = all(unseen(above, node) is None for node in above.graph.nodes)  # else there is a transformation inside
        graph = without_writing(function, given)
        has_losses = primal is not None and any(str(node.target) in REWRITTEN for node in above.graph.nodes)
        rewritten = _recorded_as(function, given, simpler_losses()) if has_losses else None
    for node in graph.graph.nodes:
        doubt = unseen(graph, node)
        if doubt is None and is_in_place(node):
            doubt = f"it writes to a tensor in a way that no recording sees ({node.target})"
        if doubt is not None:
            raise UnplannableError(doubt)
    graph.graph.eliminate_dead_code()
    return Recording(graph, is_even, primal is not None, primal is None and is_seen, rewritten), _results_of(graph)


def without_writing(function: Callable[..., Sequence[Array]], given: Sequence[Array], further: str = "") -> Array:
    """Record what autograd calls, with what is written to tensors as new ones, and with simpler operators if that is possible.

    Parameters
    ----------
    function, given
        As for `recorded_without_numbers`.
    further : str
        Names of operators of which there are rules, but that are written by simpler ones, too. If there are any, the function is
        a derivative, most of which write.
    """
    form = torch.func.functionalize(function, remove="mutations_and_views") if further else function
    graph = None
    for table in (simpler(further), None):
        graph = _recorded_as(form, given, table)
        if writes(graph):
            graph = in_new_tensors(graph, given, _recorded_as)
        if not writes(graph):
            break
    return graph


def _recorded_as(
    function: Callable[..., Sequence[Array]], given: Sequence[Array], table: dict[Array, Array] | None = None
) -> Array:
    return recorded_without_numbers(function, given, [], above_autograd=False, simpler=table)


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
            is_followed = "require grad" in str(error) or "requires grad" in str(error) or "require gradient" in str(error)
            if not (is_inside or is_followed or isinstance(error, NotImplementedError)):
                raise
            where = "outside the current transformation" if is_inside else "and watched"
            msg = f"it cannot be called {where} ({error})"
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


@cache
def simpler(further: str = "") -> dict[Array, Array]:
    """Return how PyTorch writes operators by others of which there are rules, and some further ones."""
    return decompositions(f"{SIMPLER} {further}")


def unseen(graph: Array, node: Node) -> str | None:
    """Say what a step does of which the recording does not say all, if it is such a one."""
    if node.op == "get_attr" and isinstance(getattr(graph, str(node.target)), FakeTensor):
        return "it takes a derivative, or a tensor's data, inside, which no recording sees"
    if node.op == "call_function" and "getitem" not in str(node.target) and not hasattr(node.target, "_schema"):
        return f"it calls {node.target}, whose inside is not known"
    return None


def _writes_unwatched(nodes: Iterable[Node]) -> bool:
    """Whether something is written, while no derivatives are asked for, to what was made while they were."""
    is_on = True
    made: set[Node] = set()
    for node in nodes:
        if "set_grad_enabled" in str(node.target):
            is_on = bool(node.args[0])
        elif is_on:
            made.add(node)
        elif not made.isdisjoint(written_by(node)):
            return True
    return False


def _changes_mode(node: Node) -> bool:
    return node.op == "call_function" and any(mode in str(node.target) for mode in MODES)


def like(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the shape that a function sees inside of a transformation."""
    return torch.ones(tensor.shape, dtype=tensor.dtype, device=tensor.device)
