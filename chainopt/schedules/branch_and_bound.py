"""The best plan for several workers, with a proof: see `chainopt.kernels.bnb_search`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from chainopt.kernels import bnb_search
from chainopt.kernels.policy import compiled
from chainopt.schedules.options import Options

if TYPE_CHECKING:
    from chainopt.schedules.incumbent import Incumbent
    from chainopt.schedules.instance import Instance

SLOTS = 4  # states that share a bucket of the memory
MEMORY = 2**28  # bytes for states seen, of which only those are touched that are used
MOST_BUCKETS, UNCOMPILED_BUCKETS = 2**18, 2**10
STEPS, UNCOMPILED_STEPS = 500_000, 2_000  # between two looks at the clock


def search(instance: Instance, incumbent: Incumbent, most_steps: float = math.inf, options: Options | None = None) -> None:
    """Look for better plans until there is none, or time or steps run out.

    Parameters
    ----------
    instance : Instance
        What is planned, of which `Options.can_hold` says that it is short enough.
    incumbent : Incumbent
        What better plans and bounds are offered to; it must have a plan.
    most_steps : float
        About how many operations are tried at most.
    options : Options, optional
        Those of the instance, where they are known already.
    """
    options = Options(instance) if options is None else options
    incumbent.raise_bound(options.bound)
    if incumbent.is_proved():
        return
    state, plan, arguments = _arrays(instance, options, most_steps)
    run: Any = bnb_search.search
    if instance.is_compiled:
        run = compiled(run, bnb_search.least_work, bnb_search.insert, bnb_search.seen)
    slice_steps = int(min(STEPS if instance.is_compiled else UNCOMPILED_STEPS, most_steps))

    def offer() -> None:
        length = int(state[bnb_search.LENGTH])
        if length:
            intervals, chosen = ([*map(int, column[:length])] for column in plan)
            incumbent.offer(options.timetable(intervals, chosen))
            state[bnb_search.LENGTH] = 0

    try:
        while state[bnb_search.DONE] == 0 and state[bnb_search.STEPS] < most_steps:
            run(instance.factors, instance.workers, incumbent.target, slice_steps, *arguments)
            offer()
            if state[bnb_search.DONE]:
                incumbent.close()
            else:
                incumbent.raise_bound(options.bound_of(int(state[bnb_search.ROOT_OPTION])))
            if incumbent.is_proved() or not incumbent.goes_on():
                return
    finally:  # a plan at which the search stopped when the user interrupted
        offer()


def _arrays(instance: Instance, options: Options, most_steps: float) -> tuple[Any, tuple[Any, Any], tuple[Any, ...]]:
    """Make the arrays of a search of at most ``most_steps`` steps: its state, its plan, and all that the kernel is given."""
    factors, workers = instance.factors, instance.workers
    depths = 2 * factors + 1
    buckets = _buckets(instance, most_steps)
    state, counts = instance.positions(bnb_search.STATE_SIZE), instance.positions(depths)
    intervals, positions = instance.positions(depths * factors), instance.positions(depths)
    plan = instance.positions(depths), instance.positions(depths)
    counts[0], intervals[0] = 1, factors
    arguments = (
        buckets,
        SLOTS,
        options.begins,
        options.ends,
        options.costs,
        options.lefts,
        options.rights,
        options.least,
        options.room,
        options.counts,
        options.times,
        options.works,
        state,
        counts,
        intervals,
        instance.times(depths * factors),
        instance.times(depths * factors),
        instance.times(depths * workers),
        positions,
        instance.positions(depths, fill=-1),
        *plan,
        instance.positions(buckets * SLOTS),
        instance.positions(buckets * SLOTS * factors),
        instance.times(buckets * SLOTS * (factors + workers)),
    )
    return state, plan, arguments


def _buckets(instance: Instance, most_steps: float) -> int:
    """Return how many buckets the memory of states has."""
    slot = 8 * (2 * instance.factors + instance.workers + 1)
    most: int = min(MOST_BUCKETS, 2 ** max(4, (MEMORY // (SLOTS * slot)).bit_length() - 1))
    buckets: int = min(most if instance.is_compiled else UNCOMPILED_BUCKETS, 2 ** min(40, instance.factors + 4))
    return min(buckets, 2 ** int(most_steps).bit_length()) if most_steps < MOST_BUCKETS else buckets
