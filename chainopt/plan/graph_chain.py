"""A chain that knows which variables of a graph its stages compute, and what its product lacks."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self, cast

import numpy as np

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import checked_size
from chainopt.errors import ChainError
from chainopt.numbers import counted, shape_text, shown
from chainopt.plan.graph_costs import costs_dict, read_costs

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from chainopt.chain.factor_data import Details
    from chainopt.chain.jacobian import Jacobian
    from chainopt.chain.parsing import Reading
    from chainopt.plan.graph_costs import GraphCosts
    from chainopt.typing import Cost, Graph, NumpyArray, PlainDict, SizeArray


class Skip(NamedTuple):
    """An identity from an input straight to an output, which is added to the product.

    Attributes
    ----------
    tail, head : node
        The input and the output.
    row, column : int
        Where its block begins in the Jacobian.
    size : int
        Its rows and columns.

    Examples
    --------
    >>> import chainopt, networkx
    >>> graph = networkx.DiGraph([("x", "u"), ("u", "y")])
    >>> graph.add_edge("x", "y", structure=chainopt.Identity())
    >>> chainopt.linearize(graph).skips
    (Skip(tail='x', head='y', row=0, column=0, size=1),)
    """

    tail: Hashable
    head: Hashable
    row: int
    column: int
    size: int


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class GraphChain(JacobianChain):
    """A `JacobianChain` made from a graph, as `linearize` returns it; every function accepts it as one.

    Parameters
    ----------
    jacobians : sequence of Jacobian
        In product order: the last stage first.
    stages : sequence of sequence of nodes
        The nodes that each stage computes, in product order too.
    notes : sequence of str
        Notes about the graph: what was ignored, and why.
    skips : sequence of Skip
        Identities that the product of the factors lacks: the Jacobian is ``chain.add_skips(product)``.

    Raises
    ------
    ChainError
        As for `JacobianChain`, and if there is not a stage for each factor, or a skip does not fit.

    Examples
    --------
    >>> from chainopt import Jacobian
    >>> chain = GraphChain([Jacobian((1, 5)), Jacobian((5, 9))], [["y"], ["u", "v"]])
    >>> chain
    GraphChain(J2: 1x5, J1: 5x9)
    >>> chain.stages
    (('y',), ('u', 'v'))
    """

    stages: tuple[tuple[Hashable, ...], ...]
    notes: tuple[str, ...]
    skips: tuple[Skip, ...]
    graph_costs: GraphCosts | None

    def __init__(
        self,
        jacobians: Sequence[Jacobian],
        stages: Sequence[Sequence[Hashable]] | None = None,
        notes: Sequence[str] = (),
        skips: Sequence[Skip] = (),
    ) -> None:
        JacobianChain.__init__(self, jacobians)
        self._add(stages, notes, skips)

    def _add(self, stages: Sequence[Sequence[Hashable]] | None, notes: Sequence[str], skips: Sequence[object]) -> None:
        if stages is not None:
            if len(stages) != len(self):
                msg = (
                    f"stages names the nodes of {counted(len(stages), 'stage')}, and the chain has {counted(len(self), 'factor')}"
                )
                raise ChainError(msg)
            object.__setattr__(self, "stages", tuple(map(tuple, stages)))
        for position, skip in enumerate(skips):
            if not isinstance(skip, Skip):
                msg = f"skips[{position}] is {shown(skip)}: give a Skip of tail, head, row, column and size"
                raise ChainError(msg)
            if skip.row + skip.size > self.sizes[0] or skip.column + skip.size > self.sizes[-1]:
                msg = f"skips has {skip}, which does not fit into a Jacobian of {shape_text(self.sizes[0], self.sizes[-1])}"
                raise ChainError(msg)
        object.__setattr__(self, "notes", tuple(notes))
        object.__setattr__(self, "skips", tuple(skips))
        object.__setattr__(self, "graph_costs", None)

    def _hold(self, reading: Reading) -> None:
        JacobianChain._hold(self, reading)  # noqa: SLF001 -- its own; super() is lost where slots make a new class
        object.__setattr__(self, "stages", ((),) * len(self))
        object.__setattr__(self, "notes", ())
        object.__setattr__(self, "skips", ())
        object.__setattr__(self, "graph_costs", None)

    def with_costs(self, costs: GraphCosts | None) -> Self:
        """Return this chain, with what is known of the graph itself."""
        object.__setattr__(self, "graph_costs", costs)
        return self

    def proves(self, cost: Cost, objective: str) -> bool:
        """Whether the best bracketing of the chain is the best plan for the graph, too."""
        costs = self.graph_costs
        if costs is None or costs.is_path:
            return costs is not None
        return not costs.is_claimed and objective == costs.objective and cost <= costs.lower_bound

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes on the chain: those of the graph, and what the product lacks."""
        added = [f"the identity from {skip.tail!r} to {skip.head!r} is added to the product" for skip in self.skips]
        return *added, *self.notes

    def add_skips(self, product: ArrayLike) -> NumpyArray:
        """Return the Jacobian: the product of the factors, itself left unchanged, with the skips added.

        Examples
        --------
        >>> from chainopt import Jacobian
        >>> GraphChain([Jacobian((2, 2))], skips=[Skip("x", "y", 0, 0, 2)]).add_skips([[1, 2], [3, 4]])
        array([[2, 2],
               [3, 5]])
        """
        if not self.skips:
            return np.asarray(product)
        jacobian = np.array(product)
        for _, _, row, column, size in self.skips:
            places = np.arange(size)
            jacobian[row + places, column + places] += 1
        return jacobian

    def plot(self, graph: Graph, ax: Axes | None = None) -> Axes:
        """Draw the graph from which the chain was made, with its cuts and their sizes, and return the axes.

        Inputs are blue, outputs orange; a skip that the product lacks is green and dashed. It needs the extra ``plot``.

        Raises
        ------
        ChainError
            If the graph lacks a variable of the chain, or is too large to look at.
        """
        from chainopt.report.graph_figure import plot_cuts

        lacking = [node for stage in self.stages for node in stage if node not in graph]
        if lacking:
            msg = f"graph has no node {shown(lacking[0])}, which the chain computes: give the graph that was linearized"
            raise ChainError(msg)
        skips = [(skip.tail, skip.head) for skip in self.skips]
        return plot_cuts(graph, self.stages[::-1], self.dims[::-1], skips, ax)

    def to_dict(self) -> PlainDict:
        """Return the chain as plain lists, numbers and strings, with a format version; see `from_dict`.

        Raises
        ------
        ChainError
            If a node is not a string, a number or a tuple of these: JSON has no other names.
        """
        data = JacobianChain.to_dict(self)
        data["stages"] = [[plain_node(node) for node in stage] for stage in self.stages]
        data["notes"] = list(self.notes)
        data["skips"] = [[plain_node(skip.tail), plain_node(skip.head), *skip[2:]] for skip in self.skips]
        if self.graph_costs is not None:
            data["graph_costs"] = costs_dict(self.graph_costs)
        return data

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the chain that `to_dict` wrote; that of a `JacobianChain` has no nodes.

        Whether the graph is a path follows from the chain; other stored costs of the graph are shown, but prove nothing.

        Raises
        ------
        ChainError
            If it is not such a dict, or of an unknown version.

        Examples
        --------
        >>> import chainopt, networkx
        >>> chain = chainopt.linearize(networkx.DiGraph([("x", "u"), ("u", "y")]))
        >>> GraphChain.from_dict(chain.to_dict()) == chain
        True
        """
        chain = cls.from_reading(_reading_of(JacobianChain.from_dict(data)))
        lists = {key: data.get(key, []) for key in ("stages", "notes", "skips")}
        for key, entries in lists.items():
            wanted = str if key == "notes" else list
            if not isinstance(entries, list) or not all(isinstance(entry, wanted) for entry in entries):
                msg = f'data["{key}"] must be a list of {"strings" if key == "notes" else "lists"}'
                raise ChainError(msg)
        skips = []
        for index, entry in enumerate(lists["skips"]):
            if len(entry) != 5:
                msg = f'data["skips"][{index}] must be a list of tail, head, row, column and size'
                raise ChainError(msg)
            tail, head = map(read_node, entry[:2])
            skips.append(Skip(tail, head, *(checked_size(number, f'data["skips"][{index}]') for number in entry[2:])))
        stages = [[read_node(node) for node in stage] for stage in lists["stages"]] if "stages" in data else None
        chain._add(stages, lists["notes"], skips)  # noqa: SLF001 -- its own
        if data.get("graph_costs") is None:
            return chain
        # Skips cost nothing, whatever the order; and where an input is the output, nothing is computed at all.
        is_path = all(len(stage) == 1 for stage in chain.stages) or chain.stages == ((),)
        return chain.with_costs(read_costs(data["graph_costs"], may_be_path=is_path))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GraphChain):
            return False
        return JacobianChain.__eq__(self, other) and self._nodes() == other._nodes()

    def __hash__(self) -> int:
        return hash((JacobianChain.__hash__(self), self._nodes()))

    def _nodes(self) -> tuple[tuple[tuple[Hashable, ...], ...], tuple[str, ...], tuple[Skip, ...]]:
        return self.stages, self.notes, self.skips

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.sizes, self.largest, self.details, *self._nodes(), self.graph_costs)

    def __repr__(self) -> str:
        text = "Graph" + JacobianChain.__repr__(self).removeprefix("Jacobian")
        return text + "".join([f" + I: {skip.tail!r} -> {skip.head!r}" for skip in self.skips])


def read_chain_dict(data: object) -> JacobianChain:
    """Make the chain that a ``to_dict`` wrote, a `GraphChain` where it names nodes.

    Raises
    ------
    ChainError
        If it is not such a dict, or of an unknown version.
    """
    kind = GraphChain if isinstance(data, dict) and "stages" in data else JacobianChain
    return kind.from_dict(cast("PlainDict", data))  # which refuses what is no dict


def plain_node(node: Hashable) -> object:
    """Return a node as JSON holds it: a tuple becomes a list."""
    if isinstance(node, tuple):
        return [plain_node(part) for part in node]
    if isinstance(node, np.generic):
        node = node.item()
    if node is None or isinstance(node, str | float | bool):
        return node
    try:
        return operator.index(node)  # type: ignore[arg-type]
    except TypeError:
        msg = f"node {shown(node)} is a {type(node).__name__}, which JSON cannot hold: see networkx.relabel_nodes"
        raise ChainError(msg) from None


def read_node(stored: object) -> Hashable:
    """Return the node that `plain_node` wrote."""
    if isinstance(stored, list):
        return tuple(map(read_node, stored))
    if stored is None or isinstance(stored, str | int | float):
        return stored
    msg = f"data names a node {shown(stored)}: a node is a string, a number or a list of these"
    raise ChainError(msg)


def _reading_of(chain: JacobianChain) -> Reading:
    return chain.sizes, chain.largest, chain.details


def _restore(
    sizes: SizeArray,
    largest: int,
    details: Details | None,
    stages: Sequence[Sequence[Hashable]],
    notes: Sequence[str],
    skips: Sequence[Skip],
    costs: GraphCosts | None,
) -> GraphChain:
    sizes.setflags(write=False)
    chain = GraphChain.from_reading((sizes, largest, details))
    chain._add(stages, notes, skips)  # noqa: SLF001 -- its own
    return chain.with_costs(costs)
