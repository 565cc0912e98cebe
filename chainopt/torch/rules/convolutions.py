"""Convolutions."""

from __future__ import annotations

import math

from chainopt.functions.primitives import Derivative, Price
from chainopt.torch.rules.registry import OperatorCall, rule

NAMES = """
conv1d conv2d conv3d conv_depthwise3d conv_tbc conv_tbc_backward conv_transpose1d conv_transpose2d conv_transpose3d
convolution convolution_backward convolution_backward_overrideable convolution_overrideable
"""


@rule(*NAMES.split())
def convolution(call: OperatorCall) -> Derivative:
    """Multiply each result's window with the kernel."""
    kernel = call.read[min(1, len(call.read) - 1)]
    multiplied = call.results * math.prod(kernel.shape[1:])
    return Derivative(Price(multiplied, multiplied))
