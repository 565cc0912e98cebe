"""When stages with sparse Jacobians make a dense one cheaper, as far as that can be told from the function."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from chainopt.jax.flat_function import derivative_program
from chainopt.jax.mixed.cuts import cuts_of
from chainopt.jax.mixed.line import MixedLine
from chainopt.jax.mixed.operator import Operator
from chainopt.jax.mixed.stages import ENTRY, TURNED, Stage, joined, pattern_of, planned, pricing
from chainopt.jax.staged.segments import found_between, moving_work
from chainopt.structure.greedy_coloring import fewest_colors, greedy_colors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.trace import Trace
    from chainopt.typing import Array, IntArray

SHARE = 1.2  # of what stages cost, that they have to save: they were never slower then, in some fifty random functions
LEAST_SAVED = 5_000_000


def mixed_line(trace: Trace, outputs: int) -> MixedLine | None:
    """Return the Jacobian by stages where that promises to be faster than the passes; None elsewhere."""
    program = derivative_program(trace, outputs)
    if program.closed.effects:
        return None
    cuts = cuts_of(program)
    if len(cuts) <= 3:
        return None
    sizes = [sum(map(_size, cut.alive)) for cut in cuts]
    stages = list[Stage]()
    for number, ((sets, work), (columns, rows)) in enumerate(
        zip(found_between(program, cuts, pricing(program, TURNED)), pairwise(sizes), strict=True)
    ):
        if sets is None:  # something else than tangents is alive there
            return None
        stages.append(Stage(number, number + 1, rows, columns, pattern_of(sets), work))
    passes = min(sizes[0], sizes[-1])
    stages = [stage.settled(passes) for stage in joined(stages, passes)]
    if all(stage.pattern is None for stage in stages):
        return None
    kind = jnp.result_type(*[variable.aval.dtype for cut in cuts for variable in cut.alive])
    pushed = passes * moving_work(program, pricing(program, ENTRY))
    may_pull = sizes[-1] < sizes[0] or min(sizes) < passes
    fewest = (stage.cost_of_colors(fewest_colors(stage.pattern)) for stage in stages if stage.pattern is not None)
    if not _pays(int(planned(stages, [may_pull] * len(stages)).cost) + sum(fewest), pushed):
        return None
    colors = _colors(stages)
    operators = [
        Operator(program, cuts[stage.first], cuts[stage.last], stage, its_colors, kind)
        for stage, its_colors in zip(stages, colors, strict=True)
    ]
    has_vjps = [may_pull and operator.has_vjps for operator in operators]
    plan = planned(stages, has_vjps)
    cost = int(plan.cost)
    cost += sum(stage.cost_of_colors(int(each.max(initial=-1)) + 1) for stage, each in zip(stages, colors, strict=True))
    dense = [stage._replace(pattern=None) for stage in stages]
    return MixedLine(program, operators, plan) if _pays(cost, min(int(planned(dense, has_vjps).cost), pushed)) else None


def _pays(cost: int, passes: int) -> bool:
    """Whether stages of this cost are worth it beside passes of that one."""
    return passes - cost >= max(SHARE * cost, LEAST_SAVED)


def _colors(stages: Sequence[Stage]) -> list[IntArray]:
    """Color the columns of each stage; those of equal patterns once."""
    known: dict[tuple[bytes, bytes], IntArray] = {}
    colors = []
    for stage in stages:
        pattern = stage.pattern
        if pattern is None:
            colors.append(np.zeros(0, np.int64))
            continue
        key = pattern.indptr.tobytes(), pattern.indices.tobytes()
        if key not in known:
            known[key] = greedy_colors(pattern)
        colors.append(known[key])
    return colors


def _size(variable: Array) -> int:
    return int(np.prod(variable.aval.shape, dtype=int))
