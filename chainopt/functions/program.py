"""A traced function cut into stages: which equations each of them evaluates, and what is known of its Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

from chainopt.functions.computation_graph import carrying, description_of
from chainopt.functions.constants import without_skips
from chainopt.functions.elementals import Elemental
from chainopt.functions.trace import COMPLEX
from chainopt.graphs.code_search import cut_code
from chainopt.graphs.computation_graph import graph_between
from chainopt.graphs.scaled_matrix import known_runs
from chainopt.graphs.whole_stages import WholeStages
from chainopt.plan.graph_chain import GraphChain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Equation, Trace
    from chainopt.graphs.cut_search import Candidate
    from chainopt.graphs.scaled_matrix import ScaledMatrix


class Section(NamedTuple):
    """Equations between two cuts, the variables that are live at both, and their Jacobian where it is known."""

    equations: tuple[Equation, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    known: Elemental | None
    parts: tuple[Section, ...] = ()  # those with known Jacobians, and what is between them


@dataclass(frozen=True)
class Program:
    """A function whose derivative is a chain of sections.

    Attributes
    ----------
    trace : Trace
        The function; what only adds an input to the rest reads that as a constant.
    fixed : tuple of Equation
        Those that do not depend on the input.
    sections : tuple of Section
        All others, in evaluation order.
    inputs, results : tuple of int
        The variables of the columns and of the rows of the Jacobian.
    chain, traced_chain : GraphChain
        The chain of the sections, and as the libraries' own modes see it, which push identities through matrices.
    """

    trace: Trace
    fixed: tuple[Equation, ...]
    sections: tuple[Section, ...]
    inputs: tuple[int, ...]
    results: tuple[int, ...]
    chain: GraphChain
    traced_chain: GraphChain

    @property
    def skips(self) -> list[tuple[int, int]]:
        """From which input to which result identities are added to what the sections compute."""
        return _skips(self.chain)


def _skips(chain: GraphChain) -> list[tuple[int, int]]:
    return cast("list[tuple[int, int]]", [(skip.tail, skip.head) for skip in chain.skips])


def cut(trace: Trace, outputs: int, *, low_rank: bool = False) -> Program | None:
    """Cut a function into a chain that is cheap to accumulate.

    Parameters
    ----------
    trace : Trace
    outputs : int
        How many of its results are differentiated, the first ones.
    low_rank : bool
        Whether one of the cuts is where least is live, and nothing is added to the product.

    Returns
    -------
    Program or None
        None where there is nothing to cut, a cut is empty, or a complex number is live.
    """
    variables = carrying(trace)
    results = tuple(variable for variable in dict.fromkeys(trace.outputs[:outputs]) if variable in variables)
    description = description_of(trace, results)
    variables_by_number = cast("list[int]", description.names)
    numbers = {variable: number for number, variable in enumerate(variables_by_number)}
    ends = ([numbers[variable] for variable in nodes] for nodes in (dict.fromkeys(trace.inputs), results))
    graph = graph_between(description, *ends, is_peeled=not low_rank)
    is_complex = any(trace.variables[variables_by_number[node]].kind == COMPLEX for node in graph.flow.tails)
    if not results or not graph.operations or not graph.operations.listed or is_complex:
        return None
    best = cut_code(graph, at_narrowest=low_rank)
    if 0 in best.chain.dims:
        return None
    peeled, constants, constant_of = without_skips(trace, _skips(best.chain))
    sections = _Sections(peeled, best, constant_of)
    opaque = [WholeStages(graph).opaque(stage) for stage in best.stages]
    traced_chain = GraphChain(opaque, best.chain.stages, best.chain.notes, best.chain.skips)
    fixed = (*constants, *sections.fixed)
    return Program(peeled, fixed, sections.cut(), tuple(dict.fromkeys(trace.inputs)), results, best.chain, traced_chain)


class _Sections:
    """Puts each equation in the section that needs it first."""

    def __init__(self, trace: Trace, best: Candidate, constant_of: dict[int, int]) -> None:
        self.trace, self.line, self.cuts, self.constant_of = trace, best.line, best.cuts, constant_of
        self.variables = cast("list[int]", best.line.graph.names)
        depending = set(trace.inputs)
        self.fixed: list[Equation] = []
        self.waiting: dict[int, Equation] = {}  # those that have not been evaluated yet, by their position
        for position, equation in enumerate(trace.equations):
            if depending.isdisjoint(equation.inputs):
                self.fixed.append(equation)
            else:
                depending.update(equation.outputs)
                self.waiting[position] = equation
        self.writer = {variable: position for position, equation in self.waiting.items() for variable in equation.outputs}

    def cut(self) -> tuple[Section, ...]:
        """Return the sections, in evaluation order; what nobody reads is evaluated at last."""
        spans = list(pairwise((0, *self.cuts, len(self.line.order))))
        return tuple(self._section(begin, end, is_last=end == spans[-1][1]) for begin, end in spans)

    def _section(self, begin: int, end: int, *, is_last: bool) -> Section:
        runs = list(known_runs(self.line, begin, end))
        parts = []
        for first, last, known in runs:
            equations = self._equations(self.line.order[first:last])
            if is_last and last == end:
                equations += self.waiting.values()
            parts.append(self._part(equations, first, last, known))
        (_, _, known), *others = runs
        whole = parts[0].known if known is not None and not others else None
        evaluated = tuple(equation for part in parts for equation in part.equations)
        return Section(evaluated, parts[0].before, parts[-1].after, whole, tuple(parts))

    def _part(self, equations: Sequence[Equation], begin: int, end: int, known: ScaledMatrix | None) -> Section:
        before, after = self._state(begin), self._state(end)
        elemental = None if known is None else self._elemental(known, before[0], after[0])
        return Section(tuple(equations), before, after, elemental)

    def _state(self, position: int) -> tuple[int, ...]:
        graph = self.line.graph
        if position == len(self.line.order):
            only_added = {skip.head for skip in graph.skips if skip.tail == skip.head}
            results = [self.variables[node] for node in graph.targets]
            return tuple(self.constant_of[result] if result in only_added else result for result in results)
        nodes = graph.sources if position == 0 else self.line.states([position])[1]
        return tuple(self.variables[node] for node in nodes)

    def _equations(self, nodes: Sequence[int]) -> list[Equation]:
        """Return the equations that compute some variables, before each what it needs besides and has not been evaluated."""
        equations = []
        for position in self._positions(nodes):
            equation = self.trace.equations[position]
            equations += [self.waiting.pop(needed) for needed in sorted(self._needed(equation))]
            equations.append(equation)
            self.waiting.pop(position, None)
        return equations

    def _needed(self, equation: Equation) -> set[int]:
        """Return the positions of the equations that have not been evaluated yet, and that one depends on."""
        needed: set[int] = set()
        read = list(equation.inputs)
        while read:
            position = self.writer.get(read.pop())
            if position in self.waiting and position not in needed:
                needed.add(position)
                read += self.waiting[position].inputs
        return needed

    def _positions(self, nodes: Sequence[int]) -> list[int]:
        """Return the equations that compute some variables, by their positions."""
        operations = self.line.graph.operations
        assert operations is not None
        return list(dict.fromkeys(operations.listed[operations.of[node]].equation for node in nodes))

    def _elemental(self, known: ScaledMatrix, source: int, result: int) -> Elemental:
        first, last = (
            tuple([self.trace.equations[position] for position in self._positions(nodes)]) for nodes in (known.first, known.last)
        )
        if known.product is None:
            return Elemental(first, None, result, (), source, result)
        tail, head = known.product
        (position,) = self._positions([head])
        operand = self.variables[tail]
        return Elemental(first, self.trace.equations[position], operand, last, source, result)
