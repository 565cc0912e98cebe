"""Threads that share the operations of one product, and follow what depends on what."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import ExitStack
from contextvars import copy_context
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.bracketing.operations import Operation
    from chainopt.typing import Array, Cost


class Shared:
    """A free worker takes the ready operation that holds up the product most."""

    def __init__(self, urgency: Sequence[Cost]) -> None:
        self.urgency = urgency
        self.ready: list[tuple[Cost, int]] = []

    def add(self, position: int) -> None:
        """Note that an operation can begin."""
        heappush(self.ready, (-self.urgency[position], position))

    def pick(self, _: int) -> int | None:
        """Return what a worker does next; None if it has to wait."""
        return heappop(self.ready)[1] if self.ready else None


class Assigned:
    """Each worker does what a schedule says, in its order; those with nothing to do are not called."""

    def __init__(self, operations: Sequence[Operation], order: Sequence[int]) -> None:
        by_worker: dict[int, deque[int]] = {}
        for position in order:
            by_worker.setdefault(operations[position].worker or 0, deque()).append(position)
        self.queues = [queue for _, queue in sorted(by_worker.items())]
        self.ready: set[int] = set()

    def add(self, position: int) -> None:
        """Note that an operation can begin."""
        self.ready.add(position)

    def pick(self, worker: int) -> int | None:
        """Return what a worker does next; None if it has to wait."""
        queue = self.queues[worker]
        return queue.popleft() if queue and queue[0] in self.ready else None


class ThreadTeam:
    """Threads that share the operations of one product. All that they share is accessed under one lock, ``turn``.

    Parameters
    ----------
    takes : sequence of sequences of int
        Where the operands of each operation come from: an operation's position, or ~k for factor k.
    taken_by : sequence of int or None
        Which operation takes the result of each.
    factors : list
        Emptied on the way.
    do : callable
        Does the operation at a position with its operands, whose list it empties.
    pool : Shared or Assigned
        Says who does what next.
    """

    def __init__(
        self,
        takes: Sequence[Sequence[int]],
        taken_by: Sequence[int | None],
        factors: list[Array],
        do: Callable[[int, list[Array]], Array],
        pool: Shared | Assigned,
    ) -> None:
        self.takes, self.taken_by, self.factors, self.do, self.pool = takes, taken_by, factors, do, pool
        self.results: dict[int, Array] = {}
        self.missing = [sum(origin >= 0 for origin in origins) for origins in takes]
        self.to_begin = len(takes)
        self.error: BaseException | None = None
        self.is_interrupted = False
        self.turn = threading.Condition()
        for position, missing in enumerate(self.missing):
            if not missing:
                pool.add(position)

    def run(self, workers: int, begin: Callable[[ExitStack], None]) -> Array:
        """Return the product; the first error, in a thread or here, ends all threads and is raised once.

        Every thread begins with ``begin(stack)``, and leaves the stack when it ends.
        """
        threads = [
            threading.Thread(target=copy_context().run, args=(self._work, worker, begin), name=f"chainopt worker {worker}")
            for worker in range(workers)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException as error:  # no thread could be had, or somebody interrupts for the second time
            self.stop(error)
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        self.raise_error()
        return self.results.popitem()[1]

    def raise_error(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.error is not None:
            failure, self.error = self.error, None
            try:
                raise failure
            finally:
                del failure  # which holds this frame

    def interrupt(self, error: BaseException) -> None:
        """Let all threads finish their current operation; a second interrupt does not wait for that."""
        is_again, self.is_interrupted = self.is_interrupted, True
        self.stop(error)
        if is_again:
            raise error

    def _work(self, worker: int, begin: Callable[[ExitStack], None]) -> None:
        position = None
        try:
            with ExitStack() as stack:
                begin(stack)
                result = None
                while True:
                    with self.turn:
                        if position is not None:
                            self._keep(position, result)
                        result = None
                        position = self._next(worker)
                        if position is None:
                            return
                        taken = [self._take(origin) for origin in self.takes[position]]
                    result = self.do(position, taken)
        except BaseException as error:  # noqa: BLE001 -- raised again where the product was asked for
            if position is not None:
                error.add_note(f"worker {worker} was at operations[{position}]")
            self.stop(error)

    def _next(self, worker: int) -> int | None:
        while self.to_begin and self.error is None:
            position = self.pool.pick(worker)
            if position is not None:
                self.to_begin -= 1
                return position
            self.turn.wait()
        self.turn.notify_all()
        return None

    def _take(self, origin: int) -> Array:
        if origin >= 0:
            return self.results.pop(origin)
        factor, self.factors[~origin] = self.factors[~origin], None
        return factor

    def _keep(self, position: int, result: Array) -> None:
        self.results[position] = result
        consumer = self.taken_by[position]
        if consumer is not None:
            self.missing[consumer] -= 1
            if not self.missing[consumer]:
                self.pool.add(consumer)
                self.turn.notify_all()

    def stop(self, error: BaseException) -> None:
        """Let no thread begin anything more."""
        with self.turn:
            if self.error is None:
                self.error = error
            self.turn.notify_all()
