"""What one JVP and one VJP of an operator costs, counted in multiply-adds of a matrix product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chainopt.functions.trace import Price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Variable

# What touches every entry waits for memory: as long as for so many multiply-adds of a large product.
ENTRY = 8
VIEWS = ("view", "reshape", "t.", "transpose", "permute", "squeeze", "unsqueeze", "expand", "detach", "alias", "slice", "select")
VIEW = 1
PRODUCTS = ("mm.", "addmm", "bmm", "mv.", "dot.", "addmv", "baddbmm", "matmul", "linear")
CONVOLUTIONS = ("convolution", "conv")


def price(name: str, read: Sequence[Variable], written: Sequence[Variable]) -> Price:
    """Estimate the cost of one JVP and one VJP from the shapes."""
    operator = name.removeprefix("aten.")
    results = sum(variable.size for variable in written)
    entries = max([results, *(variable.size for variable in read)])
    if operator.startswith(PRODUCTS):
        factors = [variable for variable in read if len(variable.shape) > 0][-2:]
        inner = factors[0].shape[-1] if factors else 1
        return Price(results * inner + results, results * inner + entries)
    if operator.startswith(CONVOLUTIONS):
        kernel = max((variable for variable in read if len(variable.shape) > 2), key=lambda v: len(v.shape), default=read[0])
        taps = math.prod(kernel.shape[1:]) if len(read) < 2 else math.prod(read[1].shape[1:])
        return Price(results * taps, results * taps)
    each = VIEW if operator.startswith(VIEWS) else ENTRY
    return Price(each * results, each * entries)
