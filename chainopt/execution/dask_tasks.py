"""The tasks of one product on a Dask cluster: one for each operation."""

from __future__ import annotations

import uuid
from functools import partial
from pickle import PicklingError
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.execution.backends.dispatch import is_operator
from chainopt.execution.backends.remote import Remote
from chainopt.execution.dependencies import consumers, critical_path, in_order_of_schedule, sources
from chainopt.execution.perform import perform
from chainopt.execution.structured import in_form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future

    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array

ATTEMPTS = 4  # each costs a worker that died; Dask itself ends a task that was with as many


class Tasks:
    """The tasks of one product, and the factors on the cluster that they begin with.

    Parameters
    ----------
    client : distributed.Client
    chain : JacobianChain
    operations : sequence of Operation
    matrices : list
        The checked factors, in their forms, or what is known of those that are on the cluster.
    sample : array or None
        Shows the library, dtype and device that seeds must have, as `seed_sample` returns it.
    planned : int or inf
        How many workers the plan is for.
    chunk_size : int or None
        How many columns or rows go through a stage at once; None for all of them.
    finish : callable or None
        What is done with the product at the end.
    """

    def __init__(
        self,
        client: Client,
        chain: JacobianChain,
        operations: Sequence[Operation],
        matrices: list[Array],
        sample: Array,
        planned: float,
        chunk_size: int | None,
        finish: Callable[[Array], Array] | None,
    ) -> None:
        self.client, self.chain, self.operations, self.matrices = client, chain, operations, matrices
        self.sample, self.chunk_size, self.finish = sample, chunk_size, finish
        self.takes = sources(operations)
        self.priorities = _priorities(operations, self.takes, planned)
        self.factors: list[Array] = [None] * len(matrices)
        self.followed: set[int] = set()

    def product(self, done: Callable[[int], None] | None, *, gather: bool) -> Array:
        """Return the product, or its future; what is lost with a worker is computed again."""
        if gather and not self.operations and not isinstance(self.matrices[0], Remote):
            return self.matrices[0]
        from concurrent.futures import CancelledError

        for _ in range(ATTEMPTS):
            self._send()
            futures = self._submitted(keep=done is not None)
            final = futures[-1]
            try:
                if done is not None:
                    self._follow(futures, done)
                return _finished(final, gather=gather)
            except CancelledError:
                if not self._is_anything_lost():
                    raise
            except BaseException:  # Ctrl-C too: a traceback that is kept keeps nothing on the cluster
                self._release(final)
                raise
        msg = f"client lost {ATTEMPTS} workers with factors of this product: their logs say what ends them"
        raise ChainError(msg)

    def _send(self) -> None:
        """Bring the factors to the cluster that are not there, each once."""
        missing = [position for position, factor in enumerate(self.factors) if factor is None]
        given = [self.matrices[position] for position in missing]
        local = {id(matrix): matrix for matrix in given if not isinstance(matrix, Remote)}
        try:
            futures = self.client.scatter([*local.values()], hash=False) if local else []
        except (AttributeError, TypeError, PicklingError) as error:
            msg = f"factors cannot be sent to the cluster: {error}"
            raise ChainError(msg) from error
        sent = dict(zip(local, futures, strict=True))
        structures = self.chain.structures
        for position, matrix in zip(missing, given, strict=True):
            if not isinstance(matrix, Remote):
                self.factors[position] = sent[id(matrix)]
            elif structures is None or structures[position].is_dense or is_operator(matrix):
                self.factors[position] = matrix.future
            else:
                place = f"factors[{position}] ({self.chain.label(position)})"
                form = self.client.submit(in_form, matrix.future, structures[position], place, pure=False)
                self.factors[position] = form if self.operations else _finished(form, gather=False) and matrix.future

    def _submitted(self, *, keep: bool) -> list[Array]:
        """Begin all operations, as one graph; without ``keep`` only the last result is kept after use."""
        from dask import annotate

        if not self.operations:
            return self.factors[:1]
        token = uuid.uuid4().hex
        keys = [f"{type(operation).__name__}-{operation.first}-{operation.last}-{token}" for operation in self.operations]
        structures, graph = self.chain.structures, {}
        for position, operation in enumerate(self.operations):
            structure = None if structures is None else structures[operation.first]
            finish = self.finish if position == len(keys) - 1 else None
            task = partial(_do, position, operation, self.sample, structure, self.chunk_size, finish)
            origins = [keys[origin] if origin >= 0 else self.factors[~origin] for origin in self.takes[position]]
            graph[keys[position]] = (task, *origins)
        with annotate(priority=dict(zip(keys, self.priorities, strict=True)).get):
            futures: list[Future] = self.client.get(graph, keys if keep else keys[-1:], sync=False)
        return futures

    def _follow(self, futures: list[Future], done: Callable[[int], None]) -> None:
        """Say of every operation that it is done, and let its future go."""
        from distributed import as_completed

        position_of = {future.key: position for position, future in enumerate(futures)}
        waiting = as_completed(futures)
        futures.clear()
        for future in waiting:
            position = position_of[future.key]
            if future.status == "finished" and position not in self.followed and self.operations:
                self.followed.add(position)
                done(position)

    def _is_anything_lost(self) -> bool:
        """Forget the factors that went with a worker; those that were given as futures cannot be sent again."""
        for position, (factor, matrix) in enumerate(zip(self.factors, self.matrices, strict=True)):
            if factor.status == "finished":
                continue
            if isinstance(matrix, Remote) and matrix.future.status != "finished":
                place = f"factors[{position}] ({self.chain.label(position)})"
                msg = f"{place} is a future, and was lost with its worker: create it again"
                raise ChainError(msg)
            self.factors[position] = None
        return None in self.factors

    def _release(self, final: Future) -> None:
        theirs = {id(matrix.future) for matrix in self.matrices if isinstance(matrix, Remote)}
        for future in {id(future): future for future in (final, *self.factors)}.values():
            if id(future) not in theirs:
                future.release()


def _finished(future: Future, *, gather: bool) -> Array:
    """Wait for a future; return what it stands for, or the future itself."""
    from distributed import wait

    wait(future)
    return future.result() if gather or future.status != "finished" else future


def _priorities(operations: Sequence[Operation], takes: Sequence[Sequence[int]], planned: float) -> list[int]:
    """Rank the operations, the higher the sooner: as a schedule begins them, else those first that hold up the product most."""
    order = in_order_of_schedule(operations, takes, planned)
    if order is None:
        left = critical_path(operations, consumers(takes))
        order = sorted(range(len(operations)), key=lambda position: (-left[position], position))
    rank = {position: -place for place, position in enumerate(order)}
    return [rank[position] for position in range(len(operations))]


def _do(
    position: int,
    operation: Operation,
    sample: Array,
    structure: Structure | None,
    chunk_size: int | None,
    finish: Callable[[Array], Array] | None,
    *taken: Array,
) -> Array:
    try:
        result = perform(operation, list(taken), sample, structure, chunk_size)
    except Exception as error:  # whatever a stage raises: it is raised again, and says where
        error.add_note(f"at operations[{position}]")
        raise
    return result if finish is None else finish(result)
