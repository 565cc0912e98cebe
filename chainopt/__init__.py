"""The cheapest order in which to multiply a chain of Jacobians: forward, reverse or hybrid mode."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainopt.chain import JacobianChain as JacobianChain
from chainopt.comparison import Comparison as Comparison
from chainopt.drop_in import multi_dot as multi_dot
from chainopt.exceptions import ChainError as ChainError
from chainopt.exceptions import InfeasibleError as InfeasibleError
from chainopt.frontier import TapeFrontier as TapeFrontier
from chainopt.jacobian import Jacobian as Jacobian
from chainopt.operations import Accumulation as Accumulation
from chainopt.operations import Mode as Mode
from chainopt.operations import Multiplication as Multiplication
from chainopt.operations import Pullback as Pullback
from chainopt.operations import Pushforward as Pushforward
from chainopt.optimize import compare as compare
from chainopt.optimize import forward_order as forward_order
from chainopt.optimize import optimal_order as optimal_order
from chainopt.optimize import reverse_order as reverse_order
from chainopt.optimize_many import optimal_orders as optimal_orders
from chainopt.plan import Plan as Plan
from chainopt.plan_batch import PlanBatch as PlanBatch
from chainopt.structure.kinds import Banded as Banded
from chainopt.structure.kinds import BlockDiagonal as BlockDiagonal
from chainopt.structure.kinds import Dense as Dense
from chainopt.structure.kinds import Diagonal as Diagonal
from chainopt.structure.kinds import Identity as Identity
from chainopt.structure.kinds import Sparse as Sparse
from chainopt.tradeoff import tape_frontier as tape_frontier

if TYPE_CHECKING:
    from chainopt.calibration import calibrate as calibrate
    from chainopt.graph_chain import GraphChain as GraphChain
    from chainopt.graph_chain import Skip as Skip
    from chainopt.graphs.accumulate import accumulate as accumulate
    from chainopt.graphs.graphml import read_graphml as read_graphml
    from chainopt.graphs.graphml import write_graphml as write_graphml
    from chainopt.graphs.linearize import linearize as linearize

__version__ = "0.1.0"

# What few programs use, and what takes longer to import than all the rest.
_LATER = {
    "GraphChain": "chainopt.graph_chain",
    "Skip": "chainopt.graph_chain",
    "accumulate": "chainopt.graphs.accumulate",
    "calibrate": "chainopt.calibration",
    "linearize": "chainopt.graphs.linearize",
    "read_graphml": "chainopt.graphs.graphml",
    "write_graphml": "chainopt.graphs.graphml",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    msg = f"module 'chainopt' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
