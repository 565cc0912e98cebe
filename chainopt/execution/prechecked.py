"""The quick way for sparse factors that were found to fit before: nothing but what may have changed since is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.execution.backends.numpy import NUMBERS
from chainopt.execution.checked_patterns import CHECKED
from chainopt.execution.forms import goes_with_matmul

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.typing import Array


def prechecked(chain: JacobianChain, factors: Sequence[Array]) -> list[Array] | None:
    """Return factors of which ``@`` is all that a product needs, in a new list; None where more has to be asked.

    Those are NumPy's arrays, and what SciPy stores by rows or columns, once `prepared` has found it inside of its structure.
    Between products of large matrices caches are cold, and each question of Python takes several times as long as elsewhere.
    """
    details = chain.details
    if details is None or details.structures is None or details.batches is not None or type(factors) not in {list, tuple}:
        return None
    sizes = chain.sizes.tolist()
    if len(factors) != len(sizes) - 1 or len(factors) == 1 or not all(map(goes_with_matmul, map(type, factors))):
        return None
    rows, previous, same = sizes[0], None, None
    for matrix, structure, columns in zip(factors, details.structures, sizes[1:], strict=True):
        if matrix is previous and structure is same and columns == rows:
            continue
        if matrix.shape != (rows, columns) or matrix.dtype not in NUMBERS:
            return None
        fits = isinstance(matrix, np.ndarray) if structure is None or structure.is_dense else CHECKED.holds(matrix, structure)
        if not fits:
            return None
        previous, same, rows = matrix, structure, columns
    return [*factors]
