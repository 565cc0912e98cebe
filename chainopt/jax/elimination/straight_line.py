"""The Jacobian of a function of a few numbers as straight-line code, found by eliminating the vertices of its graph."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.graphs.optimal_elimination import optimal_elimination
from chainopt.jax.elimination.eliminate import Entries, State, eliminated, operations
from chainopt.jax.elimination.emit import kept_of, row, row_sizes, run, wall
from chainopt.jax.elimination.tangent_rules import OF_TANGENTS, tangents
from chainopt.jax.elimination.value_rules import OF_VALUES
from chainopt.jax.elimination.values import Cells, Slopes
from chainopt.jax.elimination.walk import Walk, check_size
from chainopt.jax.flat_function import flat_function
from chainopt.structure.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Trace
    from chainopt.graphs.elimination.result import Elimination
    from chainopt.jax.elimination.values import Graph
    from chainopt.typing import Array

DEEP = 60  # operations of a row, from which on rows are computed by themselves


@dataclass(frozen=True, eq=False)
class StraightLine:
    """Scalar code that computes a Jacobian.

    Attributes
    ----------
    walk : Walk
        The code, and what runs before it.
    entries : dict
        The nodes of the Jacobian's entries that are not zero, by row and column.
    rows : sequence of int
        The vertex of each row in the graph of partial derivatives, or -1.
    given : tuple of int
        The numbers of the arrays that it is given.
    inputs, outputs : sequence of (shape, dtype)
        Of the arrays that are differentiated by, and of those that are.
    """

    walk: Walk
    entries: Entries
    rows: Sequence[int]
    given: tuple[int, ...]
    inputs: Sequence[tuple[tuple[int, ...], Array]]
    outputs: Sequence[tuple[tuple[int, ...], Array]]

    def blocks(self, given: Sequence[Array]) -> list[Array]:
        """Return a block of the Jacobian for each array of the results and each of the inputs, in its type."""
        walk = self.walk
        arrays = walk.held | dict(zip(self.given, given, strict=True))
        for step in walk.before:
            arrays.update(zip(step.writes, step.run(*[arrays[number] for number in step.reads]), strict=True))
        kept = kept_of(walk.code, self.entries)
        values = run(walk.code, self.entries.values(), arrays, kept)
        rows = self._rows(values)
        if max(row_sizes(walk.code, self.entries, kept).values(), default=0) > DEEP:
            rows = wall(rows)
        return self._joined(rows)

    def plan(self) -> Elimination:
        """Return the best order of elimination that is found in a short time, of the graph without its simplest vertices."""
        return elimination_of(self.walk.graph, self.rows)

    def _rows(self, values: dict[int, Array]) -> list[Array]:
        """Return the rows of each block, those of the first block first."""
        columns, lines = _spans(self.inputs), _spans(self.outputs)
        rows = []
        for first, last in lines:
            for (begin, end), (_, dtype) in zip(columns, self.inputs, strict=True):
                for line in range(first, last):
                    found = {column: self.entries.get((line, column)) for column in range(begin, end)}
                    entries = {column - begin: values[node] for column, node in found.items() if node is not None}
                    rows.append(row(entries, end - begin, dtype))
        return rows

    def _joined(self, rows: list[Array]) -> list[Array]:
        blocks = []
        for axes, _ in self.outputs:
            for inner, dtype in self.inputs:
                count = int(np.prod(axes, dtype=int))
                own, rows = rows[:count], rows[count:]
                block = jnp.stack(own) if own else jnp.zeros((0, int(np.prod(inner, dtype=int))), dtype)
                blocks.append(block.reshape(*axes, *inner))
        return blocks


def straight_line(trace: Trace, outputs: int) -> StraightLine:
    """Write the Jacobian of the first results of a function as straight-line code.

    Parameters
    ----------
    trace : Trace
        Of arrays of real numbers, from JAX.
    outputs : int
        How many of its results are differentiated.

    Raises
    ------
    UnplannableError
        If a derivative passes what is not known to be an operation on single numbers, or the code would be too long for a
        compiler; the message says what.
    """
    function, arguments, others = flat_function(trace, outputs)

    def pushed(inputs: Sequence[Array], seeds: Sequence[Array], given: Sequence[Array]) -> list[Array]:
        tangents_of_results: list[Array] = jax.jvp(lambda *arrays: function(*arrays, *given), tuple(inputs), tuple(seeds))[1]
        return tangents_of_results

    with jax.numpy_dtype_promotion("standard"):
        both = jax.make_jaxpr(pushed)(arguments, arguments, others)
        walk = Walk(OF_VALUES, OF_TANGENTS)
        read = [walk.entries(each.shape, each.dtype) for each in arguments]
        seeds = [Slopes(np.array([walk.graph.source() for _ in range(ids.size)], np.int64).reshape(ids.shape)) for _, ids in read]
        kept = [walk.whole(each.shape, each.dtype) for each in others]
        found = walk.inline(both, [*(Cells(ids) for _, ids in read), *seeds, *kept])
    rows = [vertex for value in found for vertex in _vertices(walk, value)]
    inputs, results = (
        [(trace.variables[each].shape, trace.variables[each].dtype) for each in some]
        for some in (trace.inputs, trace.outputs[:outputs])
    )
    types = [dtype for axes, dtype in inputs for _ in range(int(np.prod(axes, dtype=int)))]
    partials = eliminated(walk.graph, rows)
    check_size(operations(walk.code, partials))  # of which there may be many more than the function has
    entries = {(line, column): walk.code.converted(node, types[column]) for (line, column), node in partials.items()}
    given = (*(array.number for array, _ in read), *(array.number for array in kept))
    return StraightLine(walk, entries, rows, given, inputs, results)


def _vertices(walk: Walk, value: Array) -> list[int]:
    ids = tangents(walk, value)
    if ids is None:
        msg = "one of its tangents is a nonzero constant"
        raise UnplannableError(msg)
    found: list[int] = ids.reshape(-1).tolist()
    return found


def _spans(arrays: Sequence[tuple[tuple[int, ...], Array]]) -> list[tuple[int, int]]:
    return list(pairwise([0, *accumulate(int(np.prod(axes, dtype=int)) for axes, _ in arrays)]))


SECONDS = 1.0


def elimination_of(graph: Graph, rows: Sequence[int]) -> Elimination:
    """Find a cheap order for a graph of partial derivatives, without the vertices that any order eliminates first.

    Parameters
    ----------
    graph : Graph
    rows : sequence of int
        The vertex of each row of the Jacobian, or -1.
    """
    import networkx as nx

    state = State(graph, rows)
    state.contract()
    described: nx.DiGraph[str] = nx.DiGraph()
    names = {vertex: _name(vertex, graph.sources) for vertex in (*range(graph.sources), *state.into)}
    described.add_nodes_from(names.values())
    for head, edges in state.into.items():
        for tail, partial in edges.items():
            kind = {"structure": Identity()} if graph.code.is_unit(partial) else {}
            described.add_edge(names[tail], names[head], **kind)
    inputs, outputs = [names[vertex] for vertex in range(graph.sources)], [names[row] for row in state.rows]
    if not outputs:  # the Jacobian is zero
        outputs = [_name(-2, graph.sources)]
        described.add_nodes_from(outputs)
    return optimal_elimination(described, inputs=inputs, outputs=outputs, time_limit=SECONDS)


def _name(vertex: int, sources: int) -> str:
    if vertex < 0:
        return f"y{-2 - vertex}"
    return f"x{vertex}" if vertex < sources else f"v{vertex}"
