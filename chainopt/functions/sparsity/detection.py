"""The pattern of a function's Jacobian, and what made it dense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found: the pattern, flattened results by flattened inputs, and its cause where it is dense.

    The pattern is a SciPy array of bools in row order, sorted, each place once. ``dense_by`` names the primitive that first
    made a variable depend on nearly all inputs; it is None where there is none such.
    """

    pattern: csr_array
    dense_by: str | None = None

    def __str__(self) -> str:
        """Tell in a line how much there is."""
        rows, columns = self.pattern.shape
        cause = f", dense by {self.dense_by}" if self.dense_by else ""
        return f"{self.pattern.nnz} nonzeros of {rows} × {columns}{cause}"
