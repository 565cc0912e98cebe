"""The cheapest order in which to multiply a chain of Jacobians: forward, reverse or hybrid mode."""

from importlib import import_module
from typing import TYPE_CHECKING

from chainopt.bracketing.operations import Accumulation, Mode, Multiplication, Pullback, Pushforward
from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.errors import ChainError, InfeasibleError, install
from chainopt.ordering.frontier import tape_frontier
from chainopt.ordering.many import optimal_orders
from chainopt.ordering.multi_dot import multi_dot
from chainopt.ordering.order import compare, optimal_order
from chainopt.ordering.pure import forward_order, reverse_order
from chainopt.plan.batch import PlanBatch
from chainopt.plan.comparison import Comparison
from chainopt.plan.plan import Plan
from chainopt.plan.tape_frontier import TapeFrontier
from chainopt.structure.structures import Banded, BlockDiagonal, Dense, Diagonal, Identity, Sparse

if TYPE_CHECKING:
    from chainopt import jax as jax
    from chainopt import testing as testing
    from chainopt import torch as torch
    from chainopt.calibration import calibrate
    from chainopt.graphs.accumulate import accumulate
    from chainopt.graphs.elimination.result import Elimination
    from chainopt.graphs.graphml import read_graphml, write_graphml
    from chainopt.graphs.linearize import linearize
    from chainopt.graphs.optimal_elimination import optimal_elimination
    from chainopt.plan.graph_chain import GraphChain, Skip

__version__ = "0.2.0"

__all__ = [
    "Accumulation",
    "Banded",
    "BlockDiagonal",
    "ChainError",
    "Comparison",
    "Dense",
    "Diagonal",
    "Elimination",
    "GraphChain",
    "Identity",
    "InfeasibleError",
    "Jacobian",
    "JacobianChain",
    "Mode",
    "Multiplication",
    "Plan",
    "PlanBatch",
    "Pullback",
    "Pushforward",
    "Skip",
    "Sparse",
    "TapeFrontier",
    "accumulate",
    "calibrate",
    "compare",
    "forward_order",
    "linearize",
    "multi_dot",
    "optimal_elimination",
    "optimal_order",
    "optimal_orders",
    "read_graphml",
    "reverse_order",
    "tape_frontier",
    "write_graphml",
]

# What few programs use, and what takes longer to import than all the rest.
_LATER = {
    "GraphChain": "chainopt.plan.graph_chain",
    "Skip": "chainopt.plan.graph_chain",
    "Elimination": "chainopt.graphs.elimination.result",
    "accumulate": "chainopt.graphs.accumulate",
    "calibrate": "chainopt.calibration",
    "linearize": "chainopt.graphs.linearize",
    "optimal_elimination": "chainopt.graphs.optimal_elimination",
    "read_graphml": "chainopt.graphs.graphml",
    "write_graphml": "chainopt.graphs.graphml",
}
# Modules that are there after `import chainopt`, too, and what they need.
_MODULES = {"jax": "JAX", "testing": "", "torch": "PyTorch"}


if not TYPE_CHECKING:  # or else type checkers take every name

    def __getattr__(name: str) -> object:
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        if name in _MODULES:
            try:
                return import_module(f"chainopt.{name}")
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] != name:
                    raise
                msg = f"chainopt.{name} needs {_MODULES[name]}: install it with {install(name)}"
                raise AttributeError(msg) from error
        of_libraries = ("jacobian", "hessian", "sparsity", "value_and_jacobian", "sequential", "computation_graph")
        where = f": it is chainopt.jax.{name} or chainopt.torch.{name}" if name in of_libraries else ""
        msg = f"module 'chainopt' has no attribute {name!r}{where}"
        raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
