"""Which way a product is formed: by this thread, by several, or by a cluster."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from chainopt.chain.jacobian import checked_size
from chainopt.errors import ChainError
from chainopt.execution import serial
from chainopt.execution.backends.dispatch import backend_of
from chainopt.execution.checked_patterns import prechecked
from chainopt.execution.checks import checked_factors, checked_workers
from chainopt.execution.compiling import is_compiling, untraced
from chainopt.execution.dependencies import needs
from chainopt.report.progress import progress_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client

    from chainopt.bracketing.operations import Operation
    from chainopt.execution.compiled_plans import Planned
    from chainopt.execution.perform import Product
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array


def run(
    plan: Planned,
    handed: list[Array],
    out: Array,
    workers: float | None,
    chunk_size: int | None,
    client: Client,
    *,
    gather: bool,
    progress: bool,
) -> Array:
    """Multiply factors as a plan says.

    Parameters
    ----------
    plan : Planned
    handed : list
        Of one entry, the factors; emptied, so that what the caller does not hold lives only as long as it is needed.
    out, workers, chunk_size, client, gather, progress
        As `Plan.execute` takes them.
    """
    if is_compiling():  # what is not traced as it is
        return untraced(run)(plan, handed, out, workers, chunk_size, client, gather=gather, progress=progress)
    if chunk_size is not None and checked_size(chunk_size, "chunk_size") == 0:
        msg = "chunk_size is 0: give at least 1, or None"
        raise ChainError(msg)
    if client is not None:
        from chainopt.execution import dask

        options = dask.Options(workers, chunk_size, out, gather=gather, progress=progress)
        return dask.execute(client, plan, handed.pop(), options)
    if not gather:
        msg = "gather is False, but there is no client with which the product could stay: give client="
        raise ChainError(msg)
    chain, bracketing = plan.chain, plan.association
    thread_count = 1 if workers is None and plan.schedule is None else checked_workers(workers, plan.workers)
    is_fold = thread_count == 1 and plan.schedule is None and bracketing.kinds is None and bracketing.order is None
    if is_fold and out is None and not progress and (matrices := prechecked(chain, handed[0])) is not None:
        handed.clear()
        return serial.multiply(bracketing, matrices)
    operations = () if is_fold else tuple(plan.operations)
    matrices = checked_factors(chain, handed.pop(), out, needs(len(chain), operations) if operations else None)
    structures, finish = chain.structures, None
    if structures is not None:
        from chainopt.execution.structured import prepared

        matrices, finish = prepared(chain, structures, matrices)
    last_product = None if out is None or structures is not None else backend_of(out).matmul_into(out)
    if progress:
        with progress_over("multiplying", [operation.cost for operation in operations or plan.operations]) as done:
            result = _product(plan, operations, matrices, structures, thread_count, chunk_size, last_product, done)
    else:
        result = _product(plan, operations, matrices, structures, thread_count, chunk_size, last_product, None)
    if finish is not None:
        result = finish(result)
    return result if out is None or result is out else backend_of(out).copy_into(out, result)


def _product(
    plan: Planned,
    operations: Sequence[Operation],
    factors: list[Array],
    structures: Sequence[Structure] | None,
    thread_count: int,
    chunk_size: int | None,
    last_product: Product | None,
    done: Callable[[int], None] | None,
) -> Array:
    """Multiply factors in their forms; the list is emptied on the way."""
    if not operations and structures is None:
        return serial.multiply(plan.association, factors, operator.matmul, last_product, done)
    if not operations:
        from chainopt.execution.forms import product_of

        return serial.multiply(plan.association, factors, product_of(factors), last_product, done)
    from chainopt.execution.backends.seeds import seed_sample
    from chainopt.execution.perform import Performer

    perform = Performer(operations, seed_sample(factors), structures, chunk_size, last_product, done)
    if thread_count > 1 and not any(backend_of(factor).is_lazy(factor) for factor in factors):
        from chainopt.execution import threads

        return threads.execute(perform, factors, thread_count, plan.workers)
    return serial.execute(perform, factors)
