"""The O(n log n) bracketing of a dense chain, as the cheapest triangulation of a polygon.

A chain of ``n`` factors with the sizes ``d[0], ..., d[n]`` is a convex polygon whose vertices weigh ``d``;
a product of the factors ``i..k-1`` and ``k..j-1`` is the triangle ``(i, k, j)`` at the cost ``d[i] * d[k] * d[j]``,
and a bracketing is a triangulation [1]_.  The cheapest one is found in four steps [2]_:

1. *Sweep*.  Started at a lightest vertex, one pass with a stack names every arc that an optimum may hold besides
   the fan of its region: both ends weigh no more than anything between them.  These arcs nest.
2. *Weigh*.  An arc parts the region above it from the one below.  Its threshold is the weight of the lower vertex
   from which a fan across both regions costs as much as keeping the arc.  An arc goes where the lightest vertex
   below is at or under its threshold, and an arc whose threshold does not exceed that of one nested in it stands
   and falls with it.  The live arcs of a region wait in a heap, the highest threshold on top.
3. *Keep* the arcs that are still in the heap at the end, and what stands with them.
4. *Fan*: what remains are regions without inner arcs; each is cut from its lightest vertex.

Weights are integers, so that ``floor`` of a threshold decides as the threshold itself does: ``x >= w`` and
``floor(x) >= w`` are the same for an integer ``w``, and arcs with equal floors go at the same moment.
The lemma on which step 2 stands was repaired later [3]_.

Everything here runs as it stands on lists of Python ints of any magnitude, and compiled on int64 arrays. Every
value that is formed is then at most ``p2 * (sum(d[i] * d[i + 1]) + d[0] * d[n])``, with ``p2`` the second largest size:
a numerator is ``low * path``, where ``low`` is the lighter end of an arc (two vertices weigh at least as much) and ``path`` a
part of the polygon's border in which nested arcs, lighter than what they cut off, stand for pieces of it.

References
----------
.. [1] T. C. Hu and M. T. Shing, "Computation of matrix chain products, part I", SIAM J. Comput. 11 (1982).
.. [2] T. C. Hu and M. T. Shing, "Computation of matrix chain products, part II", SIAM J. Comput. 13 (1984).
.. [3] O. Schwartz and E. Weiss, "Revisiting 'Computation of matrix chain products'", SIAM J. Comput. 48 (2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

SCRATCH_ROWS = 15
FORWARD, REVERSE, HYBRID = 0, 1, 2
_NONE = -1
_GONE = -2


def meld(threshold: Sequence[int], lower: MutableSequence[int], upper: MutableSequence[int], one: int, other: int) -> int:
    """Join two skew heaps, the highest threshold on top, and return the root."""
    if one == _NONE:
        return other
    if other == _NONE:
        return one
    if threshold[one] < threshold[other]:
        one, other = other, one
    root = one
    while True:
        below = upper[one]
        upper[one] = lower[one]
        if below == _NONE:
            lower[one] = other
            return root
        if threshold[below] < threshold[other]:
            below, other = other, below
        lower[one] = below
        one = below


def bracket(
    sizes: Sequence[int],
    scratch: Sequence[MutableSequence[int]],
    spans: Sequence[MutableSequence[int]],
) -> tuple[int, int]:
    """Write the cheapest bracketing of a chain of n >= 2 factors to ``spans``; return its cost and its mode.

    Among equals forward mode goes first, then reverse, then a hybrid. ``sizes``: n + 1 non-negative ints.
    ``scratch``: SCRATCH_ROWS rows of n + 2 entries.  ``spans[0][g]`` and ``spans[1][g]``, for g in 0..n-2, become the
    first and the last factor of the product that is split after factor g.
    """
    first, last = spans[0], spans[1]
    corners = len(sizes)
    weight, border, area, price, threshold = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    left, right, lower, upper = scratch[5], scratch[6], scratch[7], scratch[8]
    at_left, at_right, inner_left, inner_right = scratch[9], scratch[10], scratch[11], scratch[12]
    fate, stack = scratch[13], scratch[14]

    start = 0
    for corner in range(1, corners):
        if sizes[corner] < sizes[start]:
            start = corner
    border[0] = 0 * sizes[0]
    for corner in range(corners + 1):
        weight[corner] = sizes[(start + corner) % corners]
        if corner > 0:
            border[corner] = border[corner - 1] + weight[corner - 1] * weight[corner]
        at_left[corner] = _NONE
        at_right[corner] = _NONE

    # Sweep and weigh: an arc is emitted after all that are nested in it, so it is weighed at once. The arcs that wait for the
    # one around them are a second stack; both share a row, corners from its low end, arcs from its high end.
    arcs = 0
    waiting = corners + 1
    depth = 0
    heap = _NONE
    sweep_end = corners if weight[0] > 0 else 0  # beside a vertex of weight 0 everything is free: no arcs, one fan
    for corner in range(sweep_end):
        while depth >= 2 and weight[stack[depth - 1]] > weight[corner]:
            depth -= 1
            begin = stack[depth - 1]
            if begin == 0:
                continue
            arc = arcs
            arcs += 1
            left[arc] = begin
            right[arc] = corner
            chord = weight[begin] * weight[corner]
            path = border[corner] - border[begin]
            extent = path - chord
            heap = _NONE
            while waiting <= corners and left[stack[waiting]] >= begin:
                nested = stack[waiting]
                waiting += 1
                extent -= border[right[nested]] - border[left[nested]] - weight[left[nested]] * weight[right[nested]]
                heap = meld(threshold, lower, upper, heap, nested)
            low = min(weight[begin], weight[corner])
            while heap != _NONE and threshold[heap] >= low:
                extent += area[heap]
                fate[heap] = _GONE
                at_left[left[heap]] = inner_left[heap]
                at_right[right[heap]] = inner_right[heap]
                heap = meld(threshold, lower, upper, lower[heap], upper[heap])
            if weight[begin] <= weight[corner]:
                nested = at_left[begin]
                side = weight[begin] * weight[begin + 1 if nested == _NONE else right[nested]]
            else:
                nested = at_right[corner]
                side = weight[corner] * weight[corner - 1 if nested == _NONE else left[nested]]
            total = low * (extent + chord - side)
            while heap != _NONE and threshold[heap] >= total // extent:
                extent += area[heap]
                total += price[heap]
                fate[heap] = arc
                at_left[left[heap]] = inner_left[heap]
                at_right[right[heap]] = inner_right[heap]
                heap = meld(threshold, lower, upper, lower[heap], upper[heap])
            area[arc] = extent
            price[arc] = total
            threshold[arc] = total // extent
            fate[arc] = arc
            lower[arc] = heap
            upper[arc] = _NONE
            inner_left[arc] = at_left[begin]
            inner_right[arc] = at_right[corner]
            at_left[begin] = arc
            at_right[corner] = arc
            waiting -= 1
            stack[waiting] = arc
        stack[depth] = corner
        depth += 1

    # Keep: an arc that is under its threshold from the lightest vertex of all goes; what was joined to an arc follows it.
    heap = _NONE
    while waiting <= corners:
        heap = meld(threshold, lower, upper, heap, stack[waiting])
        waiting += 1
    while heap != _NONE and threshold[heap] >= weight[0]:
        fate[heap] = _GONE
        heap = meld(threshold, lower, upper, lower[heap], upper[heap])
    for arc in range(arcs - 1, -1, -1):
        if fate[arc] != _GONE and fate[arc] != arc:
            fate[arc] = _GONE if fate[fate[arc]] == _GONE else arc

    # Fan: `following` walks the border of what is left; a region leaves it as soon as it is cut.
    following = at_left
    for corner in range(corners):
        following[corner] = corner + 1
    cost = 0 * sizes[0]
    for arc in range(arcs + 1):
        begin, end = 0, corners
        if arc < arcs:
            if fate[arc] == _GONE:
                continue
            begin, end = left[arc], right[arc]
        hub = begin if weight[begin] <= weight[end] else end
        here = following[begin] if hub == begin else begin
        barred = end if hub == end or arc == arcs else _NONE  # a side of the region, not a diagonal, joins it to the hub
        one = start + hub if start + hub < corners else start + hub - corners
        while here != end and following[here] != barred:
            there = following[here]
            cost += weight[hub] * weight[here] * weight[there]
            two = start + here if start + here < corners else start + here - corners
            three = start + there if start + there < corners else start + there - corners
            lowest = min(one, two, three)
            highest = max(one, two, three)
            gap = one + two + three - lowest - highest - 1
            first[gap] = lowest
            last[gap] = highest - 1
            here = there
        following[begin] = end

    # Prefer: right to left every product ends with the last size, left to right with the first. Divided, not multiplied:
    # the cost of a bad order may pass every bound.
    outputs, inputs = sizes[0], sizes[corners - 1]
    sides = border[corners] - outputs * inputs
    if inputs == 0 or sides - sizes[corners - 2] * inputs <= cost // inputs:
        for gap in range(corners - 2):
            first[gap] = gap
            last[gap] = corners - 2
        return cost, FORWARD
    if outputs == 0 or sides - outputs * sizes[1] <= cost // outputs:
        for gap in range(corners - 2):
            first[gap] = 0
            last[gap] = gap + 1
        return cost, REVERSE
    return cost, HYBRID


def bracket_many(
    chains: Sequence[Sequence[int]],
    scratch: Sequence[MutableSequence[int]],
    spans: Sequence[Sequence[MutableSequence[int]]],
    costs: MutableSequence[int],
    modes: MutableSequence[int],
) -> None:
    """`bracket` every chain of a list; all have the same number of factors."""
    for chain in range(len(chains)):
        costs[chain], modes[chain] = bracket(chains[chain], scratch, spans[chain])
