"""A study of many chains, spread over a Dask cluster in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.dask_client import check_client, losses_named
from chainopt.solvers.base import ProblemBatch, Solutions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client

    from chainopt.solvers.base import Method

PIECES_PER_THREAD = 4  # so that nobody waits long for the slowest
FEWEST_CHAINS = 1_000  # which take about as long as sending them
MOST_BYTES = 4 * 2**20
BYTES_PER_JACOBIAN = 100  # of a chain that is written out stage by stage


def spread(client: Client, method: Method, batch: ProblemBatch) -> Solutions:
    """Solve the pieces of a batch on the cluster, and put their solutions together; the first error of a piece is raised.

    The pieces travel with their tasks, so that another worker solves those of a worker that dies.
    """
    check_client(client)
    chains = batch.chains
    if not len(chains):
        return method.solve_many(batch)
    with losses_named(client):
        size = chains_per_piece(chains, sum(client.nthreads().values()))
        starts = range(0, len(chains), size)
        pieces = [ProblemBatch(chains[start : start + size], batch.model, batch.tape_limit) for start in starts]
        futures = [client.submit(method.solve_many, piece, pure=False) for piece in pieces]
        try:
            return joined([future.result() for future in futures])
        except BaseException:  # Ctrl-C too: nobody waits for the others any more
            if client.status == "running":
                client.cancel(futures)
            raise


def chains_per_piece(chains: Any, threads: int) -> int:
    """Return how many chains go to the cluster as one task."""
    factors = len(chains[0])
    bytes_per_chain = 8 * factors if isinstance(chains, np.ndarray) else BYTES_PER_JACOBIAN * factors
    share = -(-len(chains) // (PIECES_PER_THREAD * max(threads, 1)))
    return max(1, min(max(share, FEWEST_CHAINS), MOST_BYTES // max(bytes_per_chain, 1)))


def joined(pieces: Sequence[Solutions]) -> Solutions:
    """Put the solutions of pieces into the arrays that one call would have filled."""
    solutions = Solutions(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    if any(piece.costs.dtype.kind == "f" for piece in pieces):
        solutions = solutions._replace(
            costs=solutions.costs.astype(np.float64), lower_bounds=solutions.lower_bounds.astype(np.float64)
        )
    return solutions
