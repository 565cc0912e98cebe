"""Views of the same entries."""

from __future__ import annotations

from chainopt.functions.primitives import Derivative, Price
from chainopt.torch.rules.registry import OperatorCall, rule

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
