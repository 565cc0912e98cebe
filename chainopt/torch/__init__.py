"""Jacobians of PyTorch functions, in the cheapest order: a drop-in for `torch.func.jacfwd` and `torch.func.jacrev`."""

from chainopt.torch.graph import computation_graph as computation_graph
from chainopt.torch.jacobian import jacobian as jacobian
from chainopt.torch.stages import sequential as sequential
