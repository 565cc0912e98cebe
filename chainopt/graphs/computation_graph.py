"""A computation graph to be cut: what lies between its inputs and its outputs, with numbered variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.graphs.edge_reader import EdgeReader
from chainopt.graphs.edges import IDENTITY, EdgeName, Partial, added, in_seconds, written_out
from chainopt.graphs.flow import Flow
from chainopt.graphs.operations import Operations, operations_of
from chainopt.graphs.sizes import sizes_of
from chainopt.graphs.skips import peeled, placed
from chainopt.numbers import shown
from chainopt.solvers.objectives import model_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from chainopt.costs.model import CostModel
    from chainopt.graphs.description import Description
    from chainopt.graphs.edges import Edge
    from chainopt.plan.graph_chain import Skip

NAMED = 8  # nodes that a note or a message names


@dataclass(frozen=True)
class ComputationGraph:
    """What lies between the inputs and the outputs.

    Attributes
    ----------
    flow : Flow
        The variables that depend on an input and on which an output depends.
    partials : dict from (tail, head) to Partial
        What is known of each edge, parallel ones added up.
    names, sizes : list
        Of all variables. An input that another input reaches has two numbers: the seeded variable and, after an identity,
        the computed one.
    sources, targets : list of int
        The inputs and the outputs, in the order of columns and rows.
    notes : list of str
        What is ignored, and what is zero.
    skips : list of Skip
        Identities that were taken out.
    operations : Operations, optional
        What computes the variables of traced code; None where each edge stands for itself.
    model : CostModel
        What the costs are in.
    """

    flow: Flow
    partials: dict[Edge, Partial]
    names: list[Hashable]
    sizes: list[int]
    sources: list[int]
    targets: list[int]
    notes: list[str]
    skips: list[Skip]
    operations: Operations | None
    model: CostModel

    def edges_into(self, nodes: Sequence[int]) -> dict[Edge, Partial]:
        """Return the edges that lead to some variables."""
        tails = self.flow.tails
        return {(tail, head): self.partials[tail, head] for head in nodes for tail in tails[head]}

    def size(self, nodes: Sequence[int]) -> int:
        """Return the size of some variables together."""
        return sum([self.sizes[node] for node in nodes])


def named(nodes: Sequence[Hashable]) -> str:
    """Name some nodes, and say how many there are besides."""
    texts = [shown(node) for node in nodes[:NAMED]]
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return ", ".join(texts) + more


def graph_between(
    description: Description, inputs: Sequence[int], outputs: Sequence[int], *, is_peeled: bool = True
) -> ComputationGraph:
    """Read what lies between the inputs and the outputs of a graph without cycles.

    Parameters
    ----------
    description : Description
    inputs, outputs : sequence of int
        The nodes of the columns and the rows, by number.
    is_peeled : bool
        Whether identities from an input straight to an output are taken out, as skips.

    Raises
    ------
    ChainError
        If sizes, shapes or costs do not fit.
    """
    names, sources, targets = list(description.names), list(inputs), list(outputs)
    sizes = sizes_of(description)
    whole = Flow(range(len(names)), dict.fromkeys((tail, head) for tail, head, _ in description.edges))
    reached, reaching = whole.beyond(sources), whole.before(targets)
    notes = _notes(names, reached, reaching, sources, targets)
    flow = whole.restricted(reached & reaching)
    partials, identities = _read_edges(description, sizes, flow)
    gone = peeled(flow, identities, partials, sources, targets) if is_peeled else []
    skips = placed(gone, names, sizes, sources, targets)
    _write_identities(partials, identities, gone, sizes)
    flow = flow.without({edge for edge in gone if edge not in partials}, {node for edge in gone for node in edge})
    for row, target in enumerate(targets):
        if (target, target) in gone:  # its rows are those of the skip, so that nothing else is to arrive there
            targets[row] = _twin(target, names, sizes)
    reached_inputs = [source for source in sources if source in flow and flow.tails[source]]
    seeds = {source: _twin(source, names, sizes) for source in reached_inputs}
    if seeds:
        sources = [seeds.get(source, source) for source in sources]
        partials |= {(seed, source): IDENTITY for source, seed in seeds.items()}
        behind = [(seed, source) for source, seed in seeds.items()]
        flow = Flow((*flow.tails, *seeds.values()), (*flow.edges(), *behind))
    operations = operations_of(description, flow, partials) if description.is_traced else None
    model: CostModel = MULTIPLICATIONS
    if any(isinstance(cost, float) for partial in partials.values() for cost in partial.given):
        model = model_of("time")  # in which seconds and counts can be added
        partials = {edge: in_seconds(partial, model) for edge, partial in partials.items()}
    return ComputationGraph(flow, partials, names, sizes, sources, targets, notes, skips, operations, model)


def _read_edges(description: Description, sizes: Sequence[int], flow: Flow) -> tuple[dict[Edge, Partial], dict[Edge, int]]:
    """Return what is known of the edges, and how many identities are on each; those that are ignored are checked, too."""
    read = EdgeReader()
    partials: dict[Edge, Partial] = {}
    identities: dict[Edge, int] = {}
    for tail, head, attributes in description.edges:
        partial = read(attributes, (sizes[head], sizes[tail]), EdgeName(description.names[tail], description.names[head]))
        edge = tail, head
        if tail not in flow or head not in flow:
            continue
        if partial is IDENTITY:
            identities[edge] = identities.get(edge, 0) + 1
        else:
            partials[edge] = added(partials[edge], partial) if edge in partials else partial
    return partials, identities


def _write_identities(
    partials: dict[Edge, Partial], identities: Mapping[Edge, int], gone: Sequence[Edge], sizes: Sequence[int]
) -> None:
    """Put the identities that are left on their edges, as matrices where something is added to them."""
    taken = set(gone)
    for edge, count in identities.items():
        if edge in taken:
            continue
        for _ in range(count):
            if edge in partials or count > 1:
                unit = written_out(sizes[edge[0]])
                partials[edge] = added(partials[edge], unit) if edge in partials else unit
            else:
                partials[edge] = IDENTITY


def _twin(node: int, names: list[Hashable], sizes: list[int]) -> int:
    """Make another variable with the name and the size of one, and return its number."""
    names.append(names[node])
    sizes.append(sizes[node])
    return len(names) - 1


def _notes(
    names: Sequence[Hashable], reached: set[int], reaching: set[int], sources: Sequence[int], targets: Sequence[int]
) -> list[str]:
    """Say what is ignored, and what is zero."""
    inputs, outputs = set(sources), set(targets)
    nodes: dict[str, list[Hashable]] = {}
    for node, name in enumerate(names):
        if node in inputs and node not in reaching:
            nodes.setdefault("no output depends on these inputs, whose columns are zero", []).append(name)
        elif node in outputs and node not in reached:
            nodes.setdefault("these outputs depend on no input, and their rows are zero", []).append(name)
        elif node not in reached:
            nodes.setdefault("ignored, as they do not depend on the inputs", []).append(name)
        elif node not in reaching:
            nodes.setdefault("ignored, as no output depends on them", []).append(name)
    return [f"{why}: {named(those)}" for why, those in nodes.items()]
