"""What keeps entries as they are: views, copies and sums, of which more is known than what PyTorch's tags say."""

from __future__ import annotations

import torch

from chainopt.functions.primitives import Derivative, Price
from chainopt.torch.rules.registry import OperatorCall, pass_over, rule

VIEW = 1  # multiply-adds that an entry is worth

OTHERS = """
alias_copy detach detach_copy expand expand_as expand_copy permute_copy reshape_as select select_backward select_copy
select_scatter slice slice_backward slice_copy slice_inverse slice_scatter squeeze_copy transpose_copy unsqueeze_copy
view_as view_as_complex view_as_complex_copy view_as_real view_as_real_copy view_copy
"""


@rule(*OTHERS.split())
def view(call: OperatorCall) -> Derivative:
    """Look at the entries in another way, or at some of them."""
    return Derivative(Price(VIEW * call.results, VIEW * call.entries))


@rule("view", "reshape", "squeeze", "unsqueeze", "alias")
def reshaped(call: OperatorCall) -> Derivative:
    """Keep the entries in their order."""
    return view(call)._replace(is_elementwise=True)


@rule("t", "transpose", "permute")
def transposed(call: OperatorCall) -> Derivative:
    """Change the order of axes, and with it that of the entries, unless there is but one axis that is longer than 1."""
    (result,) = call.written
    return view(call)._replace(is_elementwise=sum(size != 1 for size in result.shape) < 2)


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
