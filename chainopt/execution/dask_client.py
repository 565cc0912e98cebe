"""A client of a Dask cluster that can be used at once, or an error that says why not."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chainopt.errors import ChainError, install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client


def check_client(client: Client) -> None:
    """Refuse what is not a client of a Dask cluster, or one that cannot be waited for."""
    distributed = sys.modules.get("distributed")  # whoever holds a client has imported it
    if distributed is None or not isinstance(client, distributed.Client):
        msg = f"client is of type {type(client).__name__}: give a distributed.Client ({install('dask')})"
        raise ChainError(msg)
    if client.asynchronous:
        msg = "client is asynchronous: give one that waits, distributed.Client(address)"
        raise ChainError(msg)
    if client.status in {"closing", "closed", "newly-created"}:
        msg = f"client is {client.status}: give one that is connected to its cluster"
        raise ChainError(msg)


@contextmanager
def losses_named(client: Client) -> Iterator[None]:
    """Say in one sentence that a cluster has lost its scheduler, or that a task kills every worker that runs it.

    Raises
    ------
    ChainError
        Instead of Dask's own error; errors of the tasks themselves, and cancellations by others, pass through.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        yield
    except KilledWorker as error:
        losses = error.allowed_failures + 1
        msg = f"client lost {losses} workers with the same task, {error.task}: see their logs, the cause is often memory"
        raise ChainError(msg) from error
    except (OSError, CancelledError) as error:
        if client.status == "running" and not isinstance(error, CommClosedError):
            raise
        msg = f"client has lost its scheduler, {_address(client)}: connect to a cluster again, with a new Client"
        raise ChainError(msg) from error


def _address(client: Client) -> str:
    return str(getattr(client.scheduler, "address", None) or "whose address is no longer known")
