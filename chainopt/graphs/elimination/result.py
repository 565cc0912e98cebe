"""An order in which a graph's vertices are eliminated: what `optimal_elimination` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from chainopt.errors import ChainError
from chainopt.graphs.elimination.execution import executed
from chainopt.graphs.elimination.greedy import forward, reverse
from chainopt.graphs.elimination.replay import cost_of
from chainopt.graphs.elimination.search import why_unproved
from chainopt.numbers import amount, as_much, count, counted, ratio, shown
from chainopt.report.tables import facts_html, facts_text

if TYPE_CHECKING:
    from collections.abc import Hashable

    from matplotlib.axes import Axes

    from chainopt.graphs.edges import Edge
    from chainopt.graphs.elimination.problem import EliminationProblem
    from chainopt.graphs.elimination.search import Found
    from chainopt.typing import Array, Cost, PlainDict

MOST_NAMES = 30  # of an order, that are printed


@dataclass(frozen=True, eq=False, repr=False)
class Elimination:
    """An order of vertex elimination, with what it costs; `optimal_elimination` makes it.

    Attributes
    ----------
    order : tuple of nodes
        The intermediate vertices, as they are eliminated. An output that is used further on, or an input that depends on
        another, is among them: as an end it remains, after an identity.
    cost : int or float
        Multiplications, or seconds where the edges' costs are seconds.
    lower_bound : int or float
        The least that any order of *vertex* elimination can cost. Edge and face elimination may be cheaper still.
    is_optimal : bool
        Whether the cost equals that bound: no order of vertex elimination is cheaper.
    method : str
        Which algorithm found the order.

    Examples
    --------
    >>> import networkx
    >>> from chainopt import optimal_elimination
    >>> elimination = optimal_elimination(networkx.DiGraph([("x", "u"), ("u", "v"), ("v", "y"), ("u", "y")]))
    >>> elimination.order, elimination.cost, elimination.is_optimal
    (('v', 'u'), 2, True)
    """

    problem: EliminationProblem
    found: Found

    @cached_property
    def order(self) -> tuple[Hashable, ...]:
        """The intermediate vertices, as they are eliminated."""
        names = self.problem.names
        return (*self.problem.beside, *(names[vertex] for vertex in self.found.order))

    @property
    def cost(self) -> Cost:
        """What all products cost together."""
        return self.found.cost

    @property
    def lower_bound(self) -> Cost:
        """The least that any order of vertex elimination can cost."""
        return self.found.lower_bound

    @property
    def claimed_bound(self) -> Cost:
        """A lower bound that was read and takes long to check, if it is above `lower_bound`; else 0."""
        return self.found.claimed_bound

    @property
    def is_optimal(self) -> bool:
        """Whether no order of vertex elimination is cheaper."""
        return self.found.cost == self.found.lower_bound

    @property
    def method(self) -> str:
        """Which algorithm found the order."""
        return self.found.method

    @cached_property
    def forward_cost(self) -> Cost:
        """What it costs to eliminate the vertices as they are computed."""
        return self._cost_of(forward(self.problem))

    @cached_property
    def reverse_cost(self) -> Cost:
        """What it costs to eliminate them from the last to the first."""
        return self._cost_of(reverse(self.problem))

    def _cost_of(self, order: list[int]) -> Cost:
        cost = cost_of(self.problem, order)
        assert cost is not None
        return cost

    def execute(self, jacobians: Mapping[tuple[Hashable, Hashable], Array] | None = None) -> Array:
        """Eliminate the vertices, and return the Jacobian.

        Parameters
        ----------
        jacobians : dict from (tail, head) to matrices, optional
            In place of the edges' ``jacobian``; of shape (size of the head, size of the tail), or stacks of these,
            which broadcast; of NumPy, JAX, PyTorch, or another library. An identity needs none.

        Returns
        -------
        array
            The sum over all paths from inputs to outputs of the products along each, a row for each entry of the outputs, of
            the library that the matrices are of.

        Raises
        ------
        ChainError
            If an edge has no matrix, or one does not fit.

        Examples
        --------
        >>> import networkx, numpy
        >>> from chainopt import optimal_elimination
        >>> graph = networkx.DiGraph([("x", "v"), ("v", "y")])
        >>> optimal_elimination(graph).execute({("x", "v"): numpy.array([[2.0]]), ("v", "y"): numpy.array([[3.0]])})
        array([[6.]])
        """
        given = {} if jacobians is None else self._by_position(jacobians)
        return executed(self.problem, self.found.order, given, [] if jacobians is None else [*jacobians.values()])

    def _by_position(self, jacobians: Array) -> dict[Edge, Array]:
        if not isinstance(jacobians, Mapping):
            msg = f"jacobians is a {type(jacobians).__name__}: give a dict from (tail, head) to matrices, or None"
            raise ChainError(msg)
        names, edges = self.problem.names, self.problem.edges
        known = {(names[tail], names[head]): (tail, head) for tail, head in edges if names[tail] != names[head]}
        given = {}
        for pair, matrix in jacobians.items():
            if pair in known:
                given[known[pair]] = matrix
            elif pair not in self.problem.ignored:
                msg = f"jacobians has {shown(pair)}, which is not an edge of the graph: name them (tail, head)"
                raise ChainError(msg)
        return given

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the graph, with the place of each vertex in the order, and return the axes (needs the extra ``plot``).

        Raises
        ------
        ChainError
            If the graph is too large to look at.
        """
        from chainopt.report.elimination_figure import plot_elimination

        problem = self.problem
        places = {vertex: place for place, vertex in enumerate(self.found.order, len(problem.beside) + 1)}
        return plot_elimination(problem.names, problem.columns(), list(problem.edges), places, self.title, ax)

    @property
    def title(self) -> str:
        """The title of the figure."""
        return f"vertex elimination: {amount(self.cost, self.problem.model.unit)}{', optimal' if self.is_optimal else ''}"

    def to_dict(self) -> PlainDict:
        """Return the elimination as plain lists, ints and strings, with a format version; see `from_dict`."""
        from chainopt.graphs.elimination.serialization import elimination_dict

        return elimination_dict(self.problem, self.found)

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the elimination that `to_dict` wrote; its claims are counted and bounded again.

        Raises
        ------
        ChainError
            If it is not such a dict, is of an unknown version, or contradicts itself.
        """
        from chainopt.graphs.elimination.serialization import read_elimination

        return cls(*read_elimination(data))

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        from chainopt.plan.serialization import to_json

        return to_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Make the elimination that `to_json` wrote.

        Raises
        ------
        ChainError
            If it is not such a text.
        """
        from chainopt.plan.serialization import from_json

        return cls.from_dict(from_json(text))

    def _facts(self) -> list[tuple[str, str]]:
        """Return the lines that `print` shows: each a name and a string."""
        problem, unit = self.problem, self.problem.model.unit
        names = [str(node) for node in self.order]
        if len(names) > MOST_NAMES:
            names = [*names[: MOST_NAMES // 2], f"... ({len(names) - MOST_NAMES} more)", *names[-MOST_NAMES // 2 :]]
        ends = f"{counted(problem.inputs, 'input')}, {counted(len(problem.outputs), 'output')}"
        inner = counted(len(self.order), "intermediate vertex", "intermediate vertices")
        lines = [
            ("graph", f"{inner} between {ends}, {counted(len(problem.edges), 'edge')}"),
            ("order", " ".join(names) or "nothing to eliminate"),
            ("cost", f"{amount(self.cost, unit)}{', optimal' if self.is_optimal else ''}, by {self.method}"),
        ]
        if not self.is_optimal:
            claimed = f"; {count(self.claimed_bound)} is claimed" if self.claimed_bound else ""
            lines.append(("lower bound", f"{count(self.lower_bound)}, for vertex elimination{claimed}"))
            lines.append(("no proof", why_unproved(problem, self.method)))
        for name, cost in (("forward", self.forward_cost), ("reverse", self.reverse_cost)):
            lines.append((name, f"{count(cost)}, {as_much(ratio(cost, self.cost))}"))
        return lines

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Elimination):
            return NotImplemented
        return self.order == other.order and self.method == other.method and self.problem.key == other.problem.key

    def __hash__(self) -> int:
        return hash((self.order, self.problem.key))

    def __str__(self) -> str:
        return facts_text(self._facts())

    def _repr_html_(self) -> str:
        return facts_html(self._facts())

    def __repr__(self) -> str:
        proof = "optimal" if self.is_optimal else f"at least {count(self.lower_bound)}"
        return (
            f"<Elimination of {counted(len(self.order), 'vertex', 'vertices')}: cost {count(self.cost)}, {proof}, {self.method}>"
        )
