"""The rules of PyTorch's operators, and what they are told of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from chainopt.functions.primitives import Derivative, Price, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch._ops import OpOverload

    from chainopt.functions.trace import Variable
    from chainopt.typing import Array

# What touches every entry waits for memory: as long as for so many multiply-adds of a large product.
ENTRY = 8


class OperatorCall(NamedTuple):
    """A call of an operator: its arguments, a variable in the place of each tensor, and the tensors among them and returned."""

    target: OpOverload
    arguments: Sequence[Array]
    options: Mapping[str, Array]
    read: Sequence[Variable]
    written: Sequence[Variable]

    @property
    def name(self) -> str:
        """The name of the operator, the same for all its overloads; that of its library before it, but for PyTorch's own."""
        return str(self.target).removeprefix("aten.").partition(".")[0]

    @property
    def results(self) -> int:
        """How many entries it writes."""
        return sum(variable.size for variable in self.written)

    @property
    def entries(self) -> int:
        """How many entries the largest of what it reads has, or all that it writes, whatever is more."""
        return max([self.results, *(variable.size for variable in self.read)])


def derivative_of(call: OperatorCall) -> Derivative:
    """Apply the rule of an operator."""
    return rule.derivative(call.name, call)


def pass_over(call: OperatorCall) -> Derivative:
    """Pass over all entries: the rule of the operators that have none of their own. PyTorch tells which are elementwise."""
    price = Price(ENTRY * call.results, ENTRY * call.entries)
    return Derivative(price, is_elementwise=torch.Tag.pointwise in call.target.tags)


rule = Rules[OperatorCall](pass_over)
