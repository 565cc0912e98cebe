"""The narrowest set of variables through which everything passes that comes from some and goes to others.

Reference: L. R. Ford and D. R. Fulkerson, "Flows in Networks", Princeton University Press, 1962: the least cut of a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def narrowest(
    sizes: Mapping[int, int], edges: Sequence[tuple[int, int]], sources: Sequence[int], sinks: Sequence[int]
) -> list[int]:
    """Return the variables of least size that lie on all paths between others, of equal ones the last on the way.

    Parameters
    ----------
    sizes : mapping of int to int
        How many entries each variable has; one that must not be chosen has more than the sources together.
    edges : sequence of (int, int)
        Of a variable, and one that is computed from it.
    sources, sinks : sequence of int
        Where paths begin and end; these may be chosen too.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    number = {variable: position for position, variable in enumerate(sizes)}
    count = len(number)
    begin, end = 2 * count, 2 * count + 1
    most = sum(sizes[source] for source in sources) + 1  # what no cut has to be as wide as
    tails = [*(2 * place for place in range(count)), *(2 * number[tail] + 1 for tail, _ in edges)]
    heads = [*(2 * place + 1 for place in range(count)), *(2 * number[head] for _, head in edges)]
    capacities = [*(min(size, most) for size in sizes.values()), *[most] * len(edges)]
    tails += [begin] * len(sources) + [2 * number[sink] + 1 for sink in sinks]
    heads += [2 * number[source] for source in sources] + [end] * len(sinks)
    capacities += [most] * (len(sources) + len(sinks))
    places = np.asarray(tails, dtype=np.int32), np.asarray(heads, dtype=np.int32)  # as SciPy before 1.15 wants them
    network = csr_array((np.asarray(capacities, dtype=np.int32), places), shape=(end + 1, end + 1))
    network.data = np.minimum(network.data, most).astype(np.int32)  # an edge that was given twice
    flow = maximum_flow(network, begin, end).flow
    left = csr_array(network - flow)
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    beyond = np.zeros(end + 1, dtype=bool)
    beyond[breadth_first_order(left.T.tocsr(), end, return_predecessors=False)] = True
    return [variable for variable, place in number.items() if beyond[2 * place + 1] and not beyond[2 * place]]
