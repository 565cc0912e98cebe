"""Narrow variables of a recorded derivative program, through which everything passes that makes its Jacobian dense."""

from chainopt.torch.narrow.linear_graph import LinearGraphs as LinearGraphs
from chainopt.torch.narrow.recorded import NarrowFunction as NarrowFunction
from chainopt.torch.narrow.walked import WalkedGraph as WalkedGraph

__all__ = ["LinearGraphs", "NarrowFunction", "WalkedGraph"]
