"""A progress bar over the products of a plan, as long as each one's share of the cost."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.bracketing.operations import Operation


@contextmanager
def progress_bar(operations: Sequence[Operation]) -> Iterator[Callable[[int], None]]:
    """Show a bar; the function that it gives moves it on by the product at a position."""
    try:
        from rich.progress import Progress
    except ModuleNotFoundError:
        msg = 'progress needs rich: install it with python -m pip install "jacobian-chainopt[terminal]"'
        raise ChainError(msg) from None
    costs = [operation.cost for operation in operations]
    with Progress() as progress:
        task = progress.add_task("multiplying", total=sum(costs))
        yield lambda at: progress.advance(task, costs[at])
