"""The gradient of a PyTorch function, whose Jacobian is the Hessian, and whether its recording can be differentiated again."""

from __future__ import annotations

import operator
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from chainopt.functions.backend import UnplannableError
from chainopt.torch.certainty import doubt_about, recorded_without_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.options import Options
    from chainopt.typing import Array, Function

# Operators that autograd makes of others and can differentiate again; many of those that it makes it cannot. And some with two
# results that both have derivatives.
DIFFERENTIABLE = frozenset(
    f"{name}_backward"
    for name in (
        *("tanh", "sigmoid", "threshold", "gelu", "elu", "softplus", "leaky_relu", "hardtanh", "convolution"),
        *("select", "slice", "diagonal", "smooth_l1_loss", "binary_cross_entropy", "avg_pool2d"),
    )
) | {"_softmax_backward_data", "_log_softmax_backward_data", "var_mean", "std_mean"}


@cache
def simpler_losses() -> dict[Array, Array]:
    """Return how to write losses and their gradients by operators that autograd differentiates, with the same second derivatives.

    The same everywhere: at a kink, too.
    """
    aten = torch.ops.aten
    return decompositions("nll_loss_forward nll_loss_backward nll_loss2d_forward nll_loss2d_backward") | {
        aten.mse_loss_backward.default: _of_squares,
        aten.huber_loss_backward.default: _of_huber,
        aten.log_sigmoid_backward.default: _of_log_sigmoid,
    }


def decompositions(names: str) -> dict[Array, Array]:
    """Return how PyTorch writes operators by others."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch's own
            from torch._decomp import get_decompositions  # there is no public way
    except ImportError:
        return {}
    packets = (getattr(torch.ops.aten, name, None) for name in names.split())
    found: dict[Array, Array] = get_decompositions([packet for packet in packets if packet is not None])
    return found


def _of_squares(cotangent: torch.Tensor, value: torch.Tensor, target: torch.Tensor, reduction: int) -> torch.Tensor:
    return 2.0 * (value - target) * _each(cotangent, value, reduction)


def _of_huber(cotangent: torch.Tensor, value: torch.Tensor, target: torch.Tensor, reduction: int, delta: float) -> torch.Tensor:
    return (value - target).clamp(-delta, delta) * _each(cotangent, value, reduction)


def _each(cotangent: torch.Tensor, value: torch.Tensor, reduction: int) -> torch.Tensor:
    """Return what a loss's cotangent is for a single entry: of a mean, which PyTorch numbers 1, a part of it."""
    return cotangent / value.numel() if reduction == 1 else cotangent


def _of_log_sigmoid(cotangent: torch.Tensor, value: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return cotangent * torch.sigmoid(-value)


def gradient_of(function: Function, options: Options) -> Function:
    """Return what computes what `torch.func.jacrev` does: of a number by a single VJP, without an axis for the rows."""
    gradient = torch.func.grad(function, options.argnums, has_aux=options.has_aux)
    jacobian = torch.func.jacrev(function, options.argnums, has_aux=options.has_aux)
    value = options.result_of(function)

    def call(*args: Any, **kwargs: Any) -> Array:
        result = value(*args, **kwargs)
        is_number = isinstance(result, torch.Tensor) and result.dim() == 0
        return gradient(*args, **kwargs) if is_number else jacobian(*args, **kwargs)

    return call


def certify_gradient(gradient: Callable[..., Sequence[Array]], arguments: Sequence[Array], read: Sequence[torch.Tensor]) -> None:
    """Refuse a gradient of which autograd would not differentiate every step; the function itself has been certified.

    Parameters
    ----------
    gradient, arguments, read
        As for `certify`.

    Raises
    ------
    UnplannableError
        Which names the step.
    """
    graph = recorded_without_numbers(gradient, arguments, read, above_autograd=False, simpler=simpler_losses())
    graph.graph.eliminate_dead_code()
    for node in graph.graph.nodes:
        doubt = doubt_about(graph, node)
        if doubt is not None or hides_derivative(node):
            msg = f"it is not certain that its recorded gradient can be differentiated again: {doubt or node.target}"
            raise UnplannableError(msg)


def hides_derivative(node: Array) -> bool:
    """Whether autograd has no derivative of a step of a recording, or takes it for a constant.

    Second results are such, as the factors of a decomposition or the statistics of a batch; the parts of a list are not.
    """
    if node.target is not operator.getitem:
        return "backward" in _name(node) and _name(node) not in DIFFERENTIABLE
    source, position = node.args
    is_list = len(source.target._schema.returns) == 1  # noqa: SLF001 -- no other name is public
    if position == 0 or is_list or _name(source) in DIFFERENTIABLE:
        return False
    value = node.meta.get("val")
    return not isinstance(value, torch.Tensor) or value.is_floating_point() or value.is_complex()


def _name(node: Array) -> str:
    return str(node.target).removeprefix("aten.").partition(".")[0]
