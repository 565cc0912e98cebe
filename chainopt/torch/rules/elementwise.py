"""Functions of each entry by itself of which more is known than PyTorch's tag for them says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from chainopt.torch.rules.registry import OperatorCall, pass_over, rule

if TYPE_CHECKING:
    from chainopt.functions.primitives import Derivative


@rule("add")
def add(call: OperatorCall) -> Derivative:
    """Do as other elementwise functions; the Jacobian is the identity, unless what is added is scaled."""
    return pass_over(call)._replace(is_sum=call.target is torch.ops.aten.add.Tensor and not call.options)


@rule("empty_like", "full_like", "new_empty", "new_full", "new_ones", "new_zeros", "ones_like", "zeros_like")
def filled(call: OperatorCall) -> Derivative:
    """Make a tensor like another one, as autograd does to begin a gradient; that of a linear function does not vary for it."""
    return pass_over(call)._replace(is_constant=True)


@rule("clone", "_unsafe_view")
def cloned(call: OperatorCall) -> Derivative:
    """Copy the entries."""
    return pass_over(call)._replace(is_elementwise=True)
