"""A product by the workers of a Dask cluster."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from chainopt.errors import ChainError
from chainopt.execution import serial
from chainopt.execution.backends.dispatch import OTHER, backend_of
from chainopt.execution.backends.remote import Remote
from chainopt.execution.backends.seeds import seed_sample
from chainopt.execution.checks import checked_factors
from chainopt.execution.dask_client import check_client, losses_named
from chainopt.execution.dask_tasks import Tasks
from chainopt.execution.dependencies import needs
from chainopt.execution.perform import Performer
from chainopt.execution.structured import prepared
from chainopt.numbers import shown
from chainopt.report.progress import progress_over

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Client

    from chainopt.execution.compiled_plans import Planned
    from chainopt.typing import Array

_METHODS = ("matmat", "rmatmat", "matvec")


def described(client: Client, factors: list[Array]) -> list[Array]:
    """Replace every future by what is known of its matrix.

    Raises
    ------
    ChainError
        If a future is not of a matrix, or failed.
    """
    from distributed import Future

    futures = {position: factor for position, factor in enumerate(factors) if isinstance(factor, Future)}
    answers = [client.submit(_describe, future, pure=False) for future in futures.values()]
    known = list(factors)
    for (position, future), answer in zip(futures.items(), answers, strict=True):
        try:
            backend, type_name, shape, dtype, device, methods = answer.result()
        except Exception as error:  # whatever the task raised that the future stands for
            msg = f"factors[{position}] is a future that failed, or was lost: {type(error).__name__}: {error}"
            raise ChainError(msg) from error
        if shape is None or not (methods or dtype is not None):
            msg = f"factors[{position}] is a future of a {type_name}: give futures of matrices, or of operators"
            raise ChainError(msg)
        known[position] = Remote(future, backend, type_name, shape, dtype, device, methods)
    return known


def _describe(factor: Array) -> tuple[Array, ...]:
    backend, shape = backend_of(factor), getattr(factor, "shape", None)
    methods = [name for name in _METHODS if hasattr(factor, name)] if backend is OTHER else []
    dtype = getattr(factor, "dtype", None)
    device = factor.device if backend.stands_alone and hasattr(factor, "device") else None
    return backend, type(factor).__name__, None if shape is None else tuple(shape), dtype, device, methods


class Options(NamedTuple):
    """The options of a product, as `Plan.execute` takes them."""

    workers: object
    chunk_size: int | None
    out: Array
    gather: bool
    progress: bool


def execute(client: Client, plan: Planned, factors: Iterable[Array], options: Options) -> Array:
    """Do a plan's operations on a cluster.

    Factors that are Dask arrays are multiplied chunk by chunk. Others are sent once, intermediates stay on the workers until
    they are used, and what is lost with a worker is computed again.

    Parameters
    ----------
    client : distributed.Client
    plan : Planned
    factors : sequence
        As the user gave them.
    options : Options
    """
    check_client(client)
    with losses_named(client):
        return _product(client, plan, factors, options)


def _product(client: Client, plan: Planned, factors: Iterable[Array], options: Options) -> Array:
    if options.workers is not None:
        msg = f"workers is {shown(options.workers)}, but the workers are those of client: leave one of them out"
        raise ChainError(msg)
    if options.out is not None and not options.gather:
        msg = "out needs the product here, and gather is False: leave one of them out"
        raise ChainError(msg)
    chain, operations = plan.chain, tuple(plan.operations)
    given = described(client, list(factors)) if hasattr(factors, "__iter__") else factors
    matrices = checked_factors(chain, given, options.out, needs(len(chain), operations))
    structures, finish = chain.structures, None
    if structures is not None:
        matrices, finish = prepared(chain, structures, matrices)
    sample = seed_sample(matrices)
    if any(backend_of(matrix).in_chunks for matrix in matrices):
        perform = Performer(operations, sample, structures, options.chunk_size)
        result = serial.execute(perform, matrices) if operations else matrices[0]
        return client.persist(result if finish is None else finish(result))
    tasks = Tasks(client, chain, operations, matrices, sample, plan.workers, options.chunk_size, finish)
    costs = [operation.cost for operation in operations]
    with progress_over("multiplying", costs) if options.progress else nullcontext() as done:
        result = tasks.product(done, gather=options.gather)
    return result if options.out is None else backend_of(options.out).copy_into(options.out, result)
