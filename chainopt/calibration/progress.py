"""A bar for measurements that take seconds."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def bar(title: str, *, progress: bool) -> Any:
    """Return a context that gives a function to be told the share that is done, which shows it or not."""
    return _rich_bar(title) if progress else nullcontext(lambda _share: None)


@contextmanager
def _rich_bar(title: str) -> Iterator[Callable[[float], None]]:
    try:
        from rich.progress import Progress
    except ModuleNotFoundError:
        msg = 'progress needs rich: install it with python -m pip install "jacobian-chainopt[terminal]"'
        raise ChainError(msg) from None
    with Progress() as bars:
        task = bars.add_task(title, total=1.0)
        yield lambda share: bars.update(task, completed=share)
