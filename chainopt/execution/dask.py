"""A product by the workers of a Dask cluster: one task for each operation."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from functools import partial
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, NamedTuple

from chainopt.errors import ChainError
from chainopt.execution import perform
from chainopt.execution.backends.dispatch import Remote, is_operator, library_of, samples
from chainopt.execution.checks import checked_factors
from chainopt.execution.clients import check_client
from chainopt.execution.dependencies import consumers, critical_path, in_order_of_schedule, sources
from chainopt.execution.forms import finisher, in_form, prepared
from chainopt.execution.remote import described
from chainopt.execution.serial import copy_into
from chainopt.numbers import shown
from chainopt.report.progress import progress_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain
    from chainopt.structure.structure import Structure

ATTEMPTS = 10  # each costs a worker that died


class Options(NamedTuple):
    """How a product is asked for, as `Plan.execute` takes it."""

    workers: object
    chunk_size: int | None
    out: Any
    progress: bool
    gather: bool


def execute(
    client: Any, chain: JacobianChain, operations: Sequence[Operation], planned: float, factors: Sequence[Any], options: Options
) -> Any:
    """Do a plan's operations on a cluster.

    Factors that are Dask arrays are multiplied chunk by chunk. Others are sent once, intermediates stay on the workers until
    they are used, and what is lost with a worker is made again.
    """
    check_client(client)
    if options.workers is not None:
        msg = f"workers is {shown(options.workers)}, but the workers are those of client: leave one of them out"
        raise ChainError(msg)
    if options.out is not None and not options.gather:
        msg = "out needs the product here, and gather is False: leave one of them out"
        raise ChainError(msg)
    given = described(client, list(factors)) if hasattr(factors, "__iter__") else factors
    matrices = checked_factors(chain, given, options.out, perform.needs(len(chain), operations))
    structures, finish = chain.structures, None
    if structures is not None:
        formed = prepared(chain, matrices)
        if len(matrices) > 1 or is_operator(matrices[0]):
            finish, matrices = finisher(matrices), formed
    if any(library_of(matrix) == "dask" for matrix in matrices):
        result = perform.execute(operations, matrices, options.chunk_size, None, None, structures) if operations else matrices[0]
        return client.persist(result if finish is None else finish(result))
    work = Work(client, chain, operations, matrices, planned, options.chunk_size, finish)
    costs = [operation.cost for operation in operations]
    with progress_over("multiplying", costs) if options.progress else nullcontext() as done:
        result = work.product(done, gather=options.gather)
    return result if options.out is None else copy_into(options.out, result)


class Work:
    """The tasks of one product, and the factors on the cluster that they begin with."""

    def __init__(
        self,
        client: Any,
        chain: JacobianChain,
        operations: Sequence[Operation],
        matrices: list[Any],
        planned: float,
        chunk_size: int | None,
        finish: Callable[[Any], Any] | None,
    ) -> None:
        self.client, self.chain, self.operations, self.matrices = client, chain, operations, matrices
        self.chunk_size, self.finish, self.others = chunk_size, finish, samples(matrices)
        self.takes = sources(operations)
        self.priorities = _priorities(operations, self.takes, planned)
        self.factors: list[Any] = [None] * len(matrices)
        self.followed: set[int] = set()

    def product(self, done: Callable[[int], None] | None, *, gather: bool) -> Any:
        """Return the product, or its future; made anew as far as a worker took with it what only it had."""
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
        msg = f"client lost {ATTEMPTS} workers with factors of this product: see what ends them in their logs"
        raise ChainError(msg)

    def _send(self) -> None:
        """Bring the factors to the cluster that are not there, each once."""
        missing = [at for at, factor in enumerate(self.factors) if factor is None]
        local = {id(self.matrices[at]): self.matrices[at] for at in missing if not isinstance(self.matrices[at], Remote)}
        try:
            futures = self.client.scatter([*local.values()], hash=False) if local else []
        except (AttributeError, TypeError, PicklingError) as error:
            msg = f"factors cannot be sent to the cluster: {error}"
            raise ChainError(msg) from error
        sent = dict(zip(local, futures, strict=True))
        structures = self.chain.structures
        for at in missing:
            matrix = self.matrices[at]
            if not isinstance(matrix, Remote):
                self.factors[at] = sent[id(matrix)]
            elif structures is None or structures[at].is_dense or is_operator(matrix):
                self.factors[at] = matrix.future
            else:
                place = f"factors[{at}] ({self.chain.label(at)})"
                formed = self.client.submit(in_form, matrix.future, structures[at], place, pure=False)
                self.factors[at] = formed if self.operations else _finished(formed, gather=False) and matrix.future

    def _submitted(self, *, keep: bool) -> list[Any]:
        """Begin all operations, as one graph; without ``keep`` only the last result is held once it has been used."""
        from dask import annotate

        if not self.operations:
            return self.factors[:1]
        token = uuid.uuid4().hex
        keys = [f"{type(operation).__name__}-{operation.first}-{operation.last}-{token}" for operation in self.operations]
        structures, graph = self.chain.structures, {}
        for at, operation in enumerate(self.operations):
            structure = None if structures is None else structures[operation.first]
            finish = self.finish if at == len(keys) - 1 else None
            task = partial(_do, at, operation, self.others, self.chunk_size, structure, finish)
            graph[keys[at]] = (task, *[keys[place] if place >= 0 else self.factors[~place] for place in self.takes[at]])
        with annotate(priority=dict(zip(keys, self.priorities, strict=True)).get):
            held: list[Any] = self.client.get(graph, keys if keep else keys[-1:], sync=False)
        return held

    def _follow(self, futures: list[Any], done: Callable[[int], None]) -> None:
        """Say of every operation that it is done, and let its future go."""
        from distributed import as_completed

        places = {future.key: at for at, future in enumerate(futures)}
        waiting = as_completed(futures)
        futures.clear()
        for future in waiting:
            at = places[future.key]
            if future.status == "finished" and at not in self.followed and self.operations:
                self.followed.add(at)
                done(at)

    def _is_anything_lost(self) -> bool:
        """Forget the factors that went with a worker; those that were given as futures cannot be sent again."""
        for at, factor in enumerate(self.factors):
            if factor.status == "finished":
                continue
            if isinstance(self.matrices[at], Remote) and self.matrices[at].future.status != "finished":
                msg = f"factors[{at}] ({self.chain.label(at)}) is a future, and was lost with its worker: make it again"
                raise ChainError(msg)
            self.factors[at] = None
        return None in self.factors

    def _release(self, final: Any) -> None:
        theirs = {id(matrix.future) for matrix in self.matrices if isinstance(matrix, Remote)}
        for future in {id(future): future for future in (final, *self.factors)}.values():
            if id(future) not in theirs:
                future.release()


def _finished(future: Any, *, gather: bool) -> Any:
    """Wait for a future; return what it stands for, or the future itself."""
    from distributed import wait

    wait(future)
    return future.result() if gather or future.status != "finished" else future


def _priorities(operations: Sequence[Operation], takes: Sequence[Sequence[int]], planned: float) -> list[int]:
    """Rank the operations, the higher the sooner: as a schedule begins them, else what holds up the product most first."""
    order = in_order_of_schedule(operations, takes, planned)
    if order is None:
        left = critical_path(operations, consumers(takes))
        order = sorted(range(len(operations)), key=lambda at: (-left[at], at))
    rank = {at: -place for place, at in enumerate(order)}
    return [rank[at] for at in range(len(operations))]


def _do(
    at: int,
    operation: Operation,
    others: list[Any],
    chunk_size: int | None,
    structure: Structure | None,
    finish: Callable[[Any], Any] | None,
    *taken: Any,
) -> Any:
    try:
        result = perform.perform(operation, list(taken), others, chunk_size, structure)
    except Exception as error:
        error.add_note(f"at operations[{at}]")
        raise
    return result if finish is None else finish(result)
