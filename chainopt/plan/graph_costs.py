"""What is known of a graph itself, beyond the chain that was cut from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.chain.jacobian import checked_cost
from chainopt.errors import ChainError, check_keys
from chainopt.numbers import shown

if TYPE_CHECKING:
    from chainopt.typing import Cost, PlainDict


class GraphCosts(NamedTuple):
    """What the classic orders of elimination cost in a graph, and a lower bound for all orders.

    Attributes
    ----------
    pure : tuple of two costs, optional
        What it costs to eliminate the variables as they are computed, and from the last to the first. None where edges are
        known by their JVPs and VJPs: there the pure modes of the chain are those of the graph.
    lower_bound : int or float
        The least that any order of vertex elimination can cost; 0 where nothing is known.
    gain_bound : float, optional
        The most times that any order can be cheaper than the better pure mode.
    is_path : bool
        Whether the graph is a path that is cut at every variable: the bracketings of the chain are all that there is.
    objective : str
        What is counted.
    is_claimed : bool, optional
        Whether this was read from a file, without the graph to compute it from.
    """

    pure: tuple[Cost, Cost] | None
    lower_bound: Cost
    gain_bound: float | None
    is_path: bool
    objective: str
    is_claimed: bool = False


def costs_dict(costs: GraphCosts) -> PlainDict:
    """Return the costs of a graph as a dict that JSON can hold."""
    known = costs._asdict()
    known.pop("is_claimed")
    return {name: list(value) if isinstance(value, tuple) else value for name, value in known.items() if value is not None}


def read_costs(data: object, *, may_be_path: bool) -> GraphCosts:
    """Read what `costs_dict` wrote, which nobody can check without the graph.

    Parameters
    ----------
    data : object
        What is read.
    may_be_path : bool
        Whether each stage of the chain computes one variable.

    Raises
    ------
    ChainError
        If it is not such a dict, or claims that the graph is a path where it cannot be one.
    """
    place = 'data["graph_costs"]'
    if not isinstance(data, dict):
        msg = f"{place} is {shown(data)}: it must be a dict"
        raise ChainError(msg)
    check_keys(data, GraphCosts._fields[:-1], place)
    pure, is_path, objective = data.get("pure"), data.get("is_path"), data.get("objective")
    if not (isinstance(is_path, bool) and isinstance(objective, str)) or (pure is not None and not isinstance(pure, list)):
        msg = f'{place} must say "is_path" (true or false), "objective" (a string), and may say "pure" (a list of two costs)'
        raise ChainError(msg)
    if pure is not None and len(pure) != 2:
        msg = f'{place}["pure"] must be a list of two costs, of forward and reverse mode'
        raise ChainError(msg)
    if is_path and not may_be_path:
        msg = f'{place} says "is_path", but the stages of the chain are not of one variable each'
        raise ChainError(msg)
    least = checked_cost(data.get("lower_bound"), f'{place}["lower_bound"]')
    gain = data.get("gain_bound")
    gain_bound = None if gain is None else float(checked_cost(gain, f'{place}["gain_bound"]'))
    modes = None if pure is None else tuple(checked_cost(cost, f'{place}["pure"]') for cost in pure)
    return GraphCosts(modes, least, gain_bound, is_path, objective, is_claimed=True)  # type: ignore[arg-type]
