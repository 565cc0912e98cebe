"""The pattern of a function's Jacobian, and what made it dense."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from chainopt.errors import ChainError
from chainopt.numbers import counted

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from chainopt.functions.sparsity.index_sets import IndexSets

MOST_NONZEROS = 200_000_000  # of a pattern that is listed: a gigabyte


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found: which inputs each entry of the results depends on, flattened results by flattened inputs.

    Parameters
    ----------
    sets : IndexSets
        The columns of each row.
    """

    sets: IndexSets

    @property
    def shape(self) -> tuple[int, int]:
        """How many entries the results have, and the inputs."""
        return self.sets.size, self.sets.columns

    @cached_property
    def dense_by(self) -> str | None:
        """The name of what made most of the pattern dense, if it is: a primitive, and the function that it is in."""
        weights: dict[str, int] = {}
        for part in self.sets.parts:
            origin = part.groups.origin if part.groups else None
            if origin:
                weights[origin] = weights.get(origin, 0) + int(part.counts().sum())
        return max(weights, key=weights.__getitem__, default=None)

    @cached_property
    def pattern(self) -> csr_array:
        """The pattern as a SciPy array of bools in row order, sorted, each place once.

        Raises
        ------
        ChainError
            If it has too many places to list them.
        """
        from scipy.sparse import csr_array

        at_most = int(self.sets.counts().sum())
        if at_most > MOST_NONZEROS:
            msg = f"the Jacobian has some {at_most:,} nonzeros: it was made dense by {self.dense_by or 'many steps'}"
            raise ChainError(msg)
        indptr, indices = self.sets.listed()
        return csr_array((np.ones(indices.size, dtype=bool), indices, indptr), shape=self.shape)

    def __str__(self) -> str:
        """Tell in a line how much there is."""
        rows, columns = self.shape
        cause = f", dense by {self.dense_by}" if self.dense_by else ""
        return f"{counted(self.pattern.nnz, 'nonzero')} of {rows} × {columns}{cause}"
