"""A product by several threads of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.execution.backends.dispatch import imported_backends
from chainopt.execution.dependencies import consumers, critical_path, in_order_of_schedule, sources
from chainopt.execution.thread_limits import one_thread_each
from chainopt.execution.thread_team import Assigned, Shared, ThreadTeam
from chainopt.kernels.interrupts import interrupts_delivered

if TYPE_CHECKING:
    from contextlib import ExitStack

    from chainopt.execution.perform import Performer
    from chainopt.typing import Array


def execute(perform: Performer, factors: list[Array], workers: int, planned: float) -> Array:
    """Do the operations of a plan by several threads with one BLAS thread each.

    A schedule for that many workers is followed; else a free worker takes what holds up the product most.

    Parameters
    ----------
    perform : Performer
    factors : list
        Emptied on the way.
    workers : int
        How many threads share the operations, at most.
    planned : int or inf
        How many workers the plan is for.
    """
    operations = perform.operations
    takes = sources(operations)
    taken_by = consumers(takes)
    order = in_order_of_schedule(operations, takes, workers) if workers == planned else None
    pool = Shared(critical_path(operations, taken_by)) if order is None else Assigned(operations, order)
    team = ThreadTeam(takes, taken_by, factors, perform, pool)
    settings = [enter for backend in imported_backends() if (enter := backend.settings()) is not None]
    # No more operations are ever done at once than can begin at once: each result is taken by one operation.
    threads = len(pool.queues) if isinstance(pool, Assigned) else min(workers, len(pool.ready))
    with interrupts_delivered(team.interrupt), one_thread_each() as limit:

        def begin(stack: ExitStack) -> None:
            limit()
            for enter in settings:
                enter(stack)

        product = team.run(threads, begin)
    team.raise_error()  # of an interrupt that came when all was done
    return product
