"""Which variables of a derivative program, held fixed, leave its Jacobian sparse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from chainopt.functions.sparse.derived import Derived, F
from chainopt.functions.sparse.given_pattern import tidy
from chainopt.functions.sparse.vertex_cut import narrowest
from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.index_sets import IndexSets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.functions.sparse.narrow.walkable import Walkable
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array

SHARES = (4, 64)  # a variable is wide of which an entry depends on more than one column in so many
NARROW = 4  # and narrow with at most one entry for so many rows, or columns, as there are
ROUNDS = 3  # of cuts, each of what the ones before have left wide


class Split(NamedTuple):
    """Variables that are held fixed, and the pattern that is left."""

    held: tuple[Array, ...]
    rank: int  # how many entries they have
    found: Detection


class _Walked:
    """A walk, in which variables that are held, and those that become wide, depend on nothing from there on.

    Parameters
    ----------
    program : Walkable
        What is gone through.
    held : frozenset of variables
        Which are held.
    width : float
        How many columns an entry of a narrow variable may depend on.
    most : int
        How many entries it may have.
    """

    def __init__(self, program: Walkable, held: frozenset[Array], width: float, most: int = 0) -> None:
        self.program, self.held, self.width, self.most = program, held, width, most
        self.variables: dict[Array, None] = {}  # that depend on the tangents
        self.edges: list[tuple[Array, Array]] = []
        origins: list[Array] = []

        def watch(variable: Array, sets: IndexSets, tails: Sequence[Array]) -> IndexSets:
            self.variables |= dict.fromkeys((*tails, variable))
            self.edges += [(tail, variable) for tail in tails]
            is_wide = variable not in held and self.is_narrow(variable) and sets.counts().max(initial=0) > width
            if is_wide:
                origins.append(variable)
            return IndexSets(sets.size, sets.columns, ()) if is_wide or variable in held else sets

        self.found = Detection(program.walk(watch))
        alive = set(program.results)
        for tail, head in reversed(self.edges):
            if head in alive:
                alive.add(tail)
        self.origins = [origin for origin in origins if origin in alive]

    def is_narrow(self, variable: Array) -> bool:
        return 0 < self.program.size(variable) <= self.most and self.program.is_real(variable)

    def cut(self) -> list[Array]:
        """Return the narrowest variables between those that become wide and the results."""
        listed = list(self.variables)
        numbers = {variable: number for number, variable in enumerate(listed)}
        unfit = _width(self.program, self.origins) + 1
        sizes = {number: self.program.size(one) if self.is_narrow(one) else unfit for one, number in numbers.items()}
        edges = [(numbers[tail], numbers[head]) for tail, head in self.edges]
        sinks = [numbers[result] for result in dict.fromkeys(self.program.results) if result in numbers]
        return [listed[number] for number in narrowest(sizes, edges, [numbers[origin] for origin in self.origins], sinks)]


def splits(program: Walkable) -> Iterator[Split]:
    """Yield sets of variables to hold, no variable first."""
    whole = _Walked(program, frozenset(), math.inf)
    yield Split((), 0, whole.found)
    most = min(whole.found.shape) // NARROW
    tried: set[frozenset[Array]] = {frozenset()}
    for share in SHARES:
        width = program.columns / share
        held: frozenset[Array] = frozenset()
        for _ in range(ROUNDS):
            walked = _Walked(program, held, width, most)
            if not walked.origins:
                break
            cut = frozenset(walked.cut())
            for one in (held | cut, held | set(walked.origins)):
                if one not in tried and _width(program, one) <= most:
                    tried.add(one)
                    yield _split(program, one)
            held = held | cut


def _split(program: Walkable, held: frozenset[Array]) -> Split:
    walked = _Walked(program, held, math.inf)
    ordered = tuple(variable for variable in walked.variables if variable in held)
    return Split(ordered, _width(program, ordered), walked.found)


def _width(program: Walkable, variables: Sequence[Array] | frozenset[Array]) -> int:
    return sum(map(program.size, variables))


class Fixed(Derived[F]):
    """A function of whose derivative program some narrow variables are held.

    Its Jacobian is ``S + L @ R``: what the results change by the inputs while these variables are held, what they change by them,
    and what they change by the inputs, through each other too.
    """

    def __init__(self, recorded: F, split: Split) -> None:
        super().__init__(recorded)
        self.split, self.rank = split, split.rank

    def detected(self) -> tuple[Entries, str | None]:
        """Return the pattern of the sparse part for all inputs, and what made it dense."""
        found = self.split.found
        self.recorded.check_before_listing(found)
        return tidy(found.pattern), found.dense_by
