"""Where a derivative program can be cut between steps that are wider than its ends."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from jax.extend import core

from chainopt.functions.trace import REAL
from chainopt.jax.jaxprs import dtype, size
from chainopt.jax.rules.registry import PRODUCTS
from chainopt.jax.staged.segments import Cut, work_of
from chainopt.jax.trace import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.linear_program import LinearProgram

SHARES = (
    1 / 2,
    1 / 4,
    1 / 8,
    1 / 16,
    1 / 32,
)  # of the work of a program, between two places at which less is alive than at a cut
FINE = 1 / 6  # of the work: no stage has to do less
MOST_CUTS = 200


def cuts_of(program: LinearProgram) -> list[Cut]:
    """List places at which less is alive than around them, with the first place and the last."""
    last = {variable: place for place, step in enumerate(program.steps) for variable in step.read}
    end = len(program.steps)
    last.update((atom, end) for atom in program.outputs if not isinstance(atom, core.Literal))
    alive = dict.fromkeys(program.tangents)
    cuts, sizes, works = [], [], []
    for place, step in enumerate(program.steps, 1):
        if not step.is_linear or place == end:
            continue
        alive.update(dict.fromkeys(step.written))
        alive = {variable: None for variable in alive if last.get(variable, -1) >= place}
        works.append(0 if str(step.equation.primitive) in PRODUCTS else work_of(step))
        sizes.append(sum(map(size, alive)))
        cuts.append(Cut(place, tuple(alive)))
    chosen = _chosen(sizes, works, [number for number, cut in enumerate(cuts) if sizes[number] and _is_real(cut)])
    first, behind = Cut(0, tuple(program.tangents)), Cut(end, tuple(program.outputs))
    return [first, *(cuts[number] for number in chosen), behind]


def _is_real(cut: Cut) -> bool:
    return all(kind_of(dtype(variable)) == REAL for variable in cut.alive)


def _chosen(sizes: Sequence[int], works: Sequence[int], real: Sequence[int]) -> list[int]:
    """Choose among the places those at which least is alive, until the stages between them are short."""
    done = [0, *accumulate(works)]
    before, behind = _less_before(sizes), _less_before(sizes[::-1])[::-1]
    count, chosen = len(sizes), list[int]()
    around = [done[count - 1 - right] - done[left + 1] for left, right in zip(before, behind, strict=True)]
    for share in SHARES:
        finer = [number for number in real if around[number] >= share * done[-1]]
        if len(finer) > MOST_CUTS:
            break
        chosen = finer
        ends = [0, *(number + 1 for number in chosen), count]
        if all(done[last] - done[first] <= FINE * done[-1] for first, last in pairwise(ends)):
            break
    return chosen


def _less_before(sizes: Sequence[int]) -> list[int]:
    """Return for each place the last one before it at which less is alive, -1 where there is none."""
    found: list[int] = []
    falling: list[int] = []
    for place, alive in enumerate(sizes):
        while falling and sizes[falling[-1]] >= alive:
            falling.pop()
        found.append(falling[-1] if falling else -1)
        falling.append(place)
    return found
