"""A client of a Dask cluster that can be used at once, or an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

import sys

from chainopt.errors import ChainError, install


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
