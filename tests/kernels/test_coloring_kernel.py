"""The kernel that colors columns one by one, as plain Python: rows with many colors are kept as bits."""

import numpy as np
import pytest

from chainopt.kernels import coloring

sparse = pytest.importorskip("scipy.sparse")


@pytest.mark.parametrize("seed", range(6))
def test_wide_rows_make_no_difference(seed):
    rng = np.random.default_rng(seed)
    rows, columns = 7, 90
    pattern = sparse.csr_array(rng.random((rows, columns)) < rng.choice([0.1, 0.5, 0.95]))
    by_column = sparse.csc_array(pattern)
    order = rng.permutation(columns).tolist()
    places = [part.tolist() for part in (pattern.indptr, pattern.indices, by_column.indptr, by_column.indices)]

    def colored(wide):
        colors = [-1] * columns
        taken = [[0] * (columns // coloring.BITS + 1) for _ in range(rows)]
        stamps = [-1] * (columns + coloring.BITS)
        return coloring.color(order, *places, wide, taken, stamps, colors), colors

    narrow = colored([-1] * rows)
    count, colors = narrow
    assert colored(list(range(rows))) == narrow
    assert colored([row if row % 2 else -1 for row in range(rows)]) == narrow
    assert count == max(colors) + 1
    for row in pattern.toarray():
        found = np.array(colors)[row]
        assert len(found) == len(set(found.tolist()))
