"""Rules of what keeps entries as they are, of which more is known than PyTorch's tags say, and of products and convolutions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from chainopt.functions.primitives import Derivative, Matrix, Price
from chainopt.functions.trace import Variable
from chainopt.torch.rules.registry import OperatorCall, pass_over, rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Array

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


@rule("bmm", "baddbmm", "linear", "linear_backward", "matmul", "matmul_backward")
def product(call: OperatorCall) -> Derivative:
    """Multiply."""
    factors = [variable for variable in call.read if len(variable.shape) > 0][-2:]
    summed = factors[0].shape[-1] if factors else 1
    smaller = min(sorted(variable.size for variable in call.read)[-2:], default=0)  # the larger factor is a constant, mostly
    return Derivative(Price(call.results * summed + call.results, call.results * summed + smaller))


@rule("mm", "mv", "dot")
def product_of_two(call: OperatorCall, left: int = 0) -> Derivative:
    """Multiply two matrices or vectors; the Jacobian by one that has a single row or column is the other."""
    known = product(call)
    factors = call.arguments[left : left + 2]
    if call.options or not all(isinstance(factor, Variable) for factor in factors):
        return known
    of_left, of_right = (factor.shape for factor in factors)
    matrices: dict[int, Matrix] = {}

    def right_factor(operands: Sequence[Array]) -> Array:
        return operands[left + 1].reshape(of_right[0], -1).mT

    def left_factor(operands: Sequence[Array]) -> Array:
        return operands[left].reshape(-1, of_left[-1])

    if len(of_left) == 1 or of_left[0] == 1:
        matrices[left] = Matrix(right_factor)
    if len(of_right) == 1 or of_right[1] == 1:
        matrices[left + 1] = Matrix(left_factor)
    return known._replace(matrices=matrices)


@rule("addmm", "addmv")
def product_that_is_added(call: OperatorCall) -> Derivative:
    """Multiply two factors, and add the product to something else; by a factor the Jacobian is that of the product."""
    return product_of_two(call, left=1)


CONVOLUTIONS = """
conv1d conv2d conv3d conv_depthwise3d conv_tbc conv_tbc_backward conv_transpose1d conv_transpose2d conv_transpose3d
convolution convolution_backward convolution_backward_overrideable convolution_overrideable
"""


@rule(*CONVOLUTIONS.split())
def convolution(call: OperatorCall) -> Derivative:
    """Multiply each result's window with the kernel."""
    kernel = call.read[min(1, len(call.read) - 1)]
    multiplied = call.results * math.prod(kernel.shape[1:])
    return Derivative(Price(multiplied, multiplied))
