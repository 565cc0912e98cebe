"""What is known of a graph itself, beyond the chain that was cut from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chainopt.typing import Cost


class GraphCosts(NamedTuple):
    """What the classic orders of elimination cost in a graph, and what all of them cost at least.

    Attributes
    ----------
    pure : tuple of two costs, optional
        What it costs to eliminate the variables as they are computed, and from the last to the first. None where edges are
        known by their JVPs and VJPs: there the pure modes of the chain are those of the graph.
    lower_bound : int or float
        What any order of vertex elimination costs at least; 0 where nothing is known.
    gain_bound : float, optional
        How many times cheaper than the better of the pure modes any order is at most.
    is_path : bool
        Whether the graph is a path that is cut at every variable: the bracketings of the chain are all that there is.
    objective : str
        What is counted.
    """

    pure: tuple[Cost, Cost] | None
    lower_bound: Cost
    gain_bound: float | None
    is_path: bool
    objective: str
