"""A product by several threads of this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from chainopt.execution.crew import Assigned, Crew, Shared
from chainopt.execution.dependencies import consumers, critical_path, in_order_of_schedule, sources
from chainopt.execution.perform import performer
from chainopt.execution.thread_limits import one_thread_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from chainopt.bracketing.operations import Operation
    from chainopt.execution.perform import Product
    from chainopt.structure.structure import Structure


def execute(
    operations: Sequence[Operation],
    factors: list[Any],
    workers: int,
    planned: float,
    chunk_size: int | None = None,
    last_product: Product | None = None,
    done: Callable[[int], None] | None = None,
    structures: Sequence[Structure] | None = None,
) -> Any:
    """Do the operations by several threads with one BLAS thread each; ``done`` is called after each, with its position.

    A schedule for as many workers is followed; else whoever is free takes what holds up the product most.
    """
    takes = sources(operations)
    taken_by = consumers(takes)
    order = in_order_of_schedule(operations, takes, workers) if workers == planned else None
    pool = Shared(critical_path(operations, taken_by)) if order is None else Assigned(operations, order)
    perform = performer(operations, factors, chunk_size, last_product, structures)

    def do(at: int, taken: list[Any]) -> Any:
        result = perform(at, taken)
        if done is not None:
            done(at)
        return result

    crew = Crew(takes, taken_by, factors, do, pool)
    take_along = torch_modes()
    with one_thread_each() as pinned:

        def begin(stack: ExitStack) -> None:
            pinned()
            take_along(stack)

        # No more operations are ever done at once than can begin at once: each result is taken by one operation.
        threads = len(pool.queues) if isinstance(pool, Assigned) else min(workers, len(pool.ready))
        return crew.run(threads, begin)


def torch_modes() -> Callable[[ExitStack], None]:
    """Note what PyTorch keeps for this thread alone; what is returned brings it to another one."""
    torch = sys.modules.get("torch")
    if torch is None:
        return lambda _: None
    is_inference, with_gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    automatic = [
        torch.autocast(device, dtype=torch.get_autocast_dtype(device))
        for device in ("cpu", "cuda")
        if hasattr(torch, "get_autocast_dtype") and torch.is_autocast_enabled(device)
    ]

    def enter(stack: ExitStack) -> None:
        stack.enter_context(torch.inference_mode(is_inference))
        stack.enter_context(torch.set_grad_enabled(with_gradients))
        for context in automatic:
            stack.enter_context(context)

    return enter
