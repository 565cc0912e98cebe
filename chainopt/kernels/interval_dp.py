"""The O(n^3) interval program over all bracketings of a chain.

``table[i][j]`` is the least cost of the product of the factors ``i..j-1``.  Its last product joins ``i..k-1`` and ``k..j-1``
for some ``k``, and the two sides can be bracketed independently, so that

    table[i][j] = min over k of table[i][k] + table[k][j] + weights[i][j] * sizes[i] * sizes[k] * sizes[j]

is exact.  ``weights`` (or None, for ones) is what a product that spans ``i..j-1`` counts for, the size of its stack.

Where stages have JVPs and VJPs, there are two more choices: a matrix can be pushed forward through stages without their
matrices, one JVP a column, or pulled back, one VJP a row.  Pushing through several stages costs what pushing through one
after the other costs, so single stages suffice, and a cell is O(1) beyond its products:

    table[i][j] <= table[i+1][j] + sizes[j] * push[i],    table[i][j] <= table[i][j-1] + sizes[i] * pull[j-1],

with ``table[i][i+1] = leaves[i]``, what the matrix of a stage costs.  The last thing done to make a matrix is one of the
three, and what it is applied to is made independently and as cheaply as can be: so the recurrence is exact.  A stage
that may not be pulled back under a limit on the tape has ``pull[k] = -1``, one without a JVP ``push[k] = -1``; runs are
pulled back stage by stage, one tape alive at a time, so that the limit concerns single stages and changes nothing else.

Compiled on int64 arrays, every value that is formed is at most ``p1 * p2 * p3 + p2 * sum(sizes[i] * sizes[i + 1])``
times the largest weight, with the largest sizes ``p1 >= p2 >= p3``: a product has three different sizes; and a fan
from the lighter end of ``i..k``, which weighs at most ``p2``, costs at most ``p2`` times the sum over its border, as does
one of ``k..j``, so that what is left of a candidate, two optima of neighbors, is at most ``p2`` times the whole sum.

The rows are filled from the last to the first, and a row from left to right: as soon as ``table[i][k]`` is final it is
offered to every ``j > k`` at once, with row ``k``, which is final too. The inner loop thus runs along two contiguous rows
without a reduction, which compilers vectorize for integers too; no transposed copy of the table and no table of splits
is needed. A tile takes its candidates from the pairs of tiles between first, while they are in cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence


PRODUCT, PUSHED, PULLED = 0, 1, 2


def relax(
    row: MutableSequence[int],
    through: int,
    other: Sequence[int],
    factor: int,
    scale: Sequence[int],
    begin: int,
    end: int,
) -> None:
    """Offer to ``row[begin:end]`` the split whose left side costs ``through`` and whose right sides cost ``other``."""
    j = max(begin, 0)  # with `while`, this is what lets the compiler drop the wrap-around of negative indices, and vectorize
    while j < end:
        candidate = through + other[j] + factor * scale[j]
        if candidate < row[j]:
            row[j] = candidate
        j += 1


def relax_twice(
    row: MutableSequence[int],
    through: int,
    other: Sequence[int],
    factor: int,
    through2: int,
    other2: Sequence[int],
    factor2: int,
    scale: Sequence[int],
    begin: int,
    end: int,
) -> None:
    """Offer two splits at once: the row is read and written half as often."""
    j = max(begin, 0)
    while j < end:
        candidate = through + other[j] + factor * scale[j]
        candidate2 = through2 + other2[j] + factor2 * scale[j]
        if candidate2 < candidate:
            candidate = candidate2
        if candidate < row[j]:
            row[j] = candidate
        j += 1


def fill_tile(
    table: Sequence[MutableSequence[int]],
    sizes: Sequence[int],
    weights: Sequence[Sequence[int]] | None,
    leaves: Sequence[int] | None,
    push: Sequence[int] | None,
    pull: Sequence[int] | None,
    scale: MutableSequence[int],
    row_begin: int,
    row_end: int,
    column_begin: int,
    column_end: int,
    tile: int,
) -> None:
    """Finish ``table[row_begin:row_end][column_begin:column_end]`` above its diagonal.

    The tiles to its left and below must be finished. Entries above the diagonal start at more than any cost.
    ``scale`` is scratch: as many entries as ``sizes``.
    """
    for block in range(row_end, column_begin, tile):
        block_end = min(block + tile, column_begin)
        for i in range(row_begin, row_end):
            row = table[i]
            for j in range(column_begin, column_end):
                scale[j] = sizes[i] * sizes[j]
                if weights is not None:
                    scale[j] *= weights[i][j]
            for k in range(block, block_end - 1, 2):
                relax_twice(
                    row,
                    row[k],
                    table[k],
                    sizes[k],
                    row[k + 1],
                    table[k + 1],
                    sizes[k + 1],
                    scale,
                    column_begin,
                    column_end,
                )
            if (block_end - block) % 2 == 1:
                k = block_end - 1
                relax(row, row[k], table[k], sizes[k], scale, column_begin, column_end)
    for i in range(row_end - 1, row_begin - 1, -1):
        row = table[i]
        if column_begin <= i + 1 < column_end:
            row[i + 1] = 0 * sizes[i] if leaves is None else leaves[i]
        begin = max(column_begin, i + 2)
        if push is not None and begin < column_end and push[i] >= 0:
            relax(row, 0 * push[i], table[i + 1], push[i], sizes, begin, column_end)
        for j in range(begin, column_end):
            scale[j] = sizes[i] * sizes[j]
            if weights is not None:
                scale[j] *= weights[i][j]
        stop = min(row_end, column_begin)
        for k in range(i + 1, stop - 1, 2):
            relax_twice(row, row[k], table[k], sizes[k], row[k + 1], table[k + 1], sizes[k + 1], scale, column_begin, column_end)
        if stop > i + 1 and (stop - i) % 2 == 0:
            k = stop - 1
            relax(row, row[k], table[k], sizes[k], scale, column_begin, column_end)
        k = max(i + 1, column_begin)
        while k < column_end:
            if pull is not None and k > i + 1 and pull[k - 1] >= 0:
                row[k] = min(row[k], row[k - 1] + sizes[i] * pull[k - 1])
            after = k + 1
            if after < column_end:
                row[after] = min(row[after], row[k] + table[k][after] + sizes[k] * scale[after])
                if pull is not None and pull[k] >= 0:
                    row[after] = min(row[after], row[k] + sizes[i] * pull[k])
                relax_twice(row, row[k], table[k], sizes[k], row[after], table[after], sizes[after], scale, k + 2, column_end)
            k += 2


def trace(
    table: Sequence[Sequence[int]],
    sizes: Sequence[int],
    weights: Sequence[Sequence[int]] | None,
    push: Sequence[int] | None,
    pull: Sequence[int] | None,
    pending: MutableSequence[int],
    spans: Sequence[MutableSequence[int]],
    kinds: MutableSequence[int],
) -> None:
    """Write the bracketing that the finished table stands for to ``spans`` and ``kinds``.

    ``spans[0][g]`` and ``spans[1][g]`` become the factors that the product split after factor g spans, and ``kinds[g]``
    PRODUCT, PUSHED (through the stage to its left) or PULLED (to its right). A choice is found again as the first one of
    least cost. ``pending`` is scratch: as many entries as ``sizes``, twice.
    """
    first, last = spans[0], spans[1]
    pending[0] = 0
    pending[1] = len(sizes) - 1
    depth = 2
    while depth > 0:
        depth -= 2
        i, j = pending[depth], pending[depth + 1]
        if j - i < 2:
            continue
        scale = sizes[i] * sizes[j]
        if weights is not None:
            scale *= weights[i][j]
        row = table[i]
        split = i + 1
        least = row[split] + table[split][j] + sizes[split] * scale
        for k in range(i + 2, j):
            candidate = row[k] + table[k][j] + sizes[k] * scale
            if candidate < least:
                least = candidate
                split = k
        kind = PRODUCT
        if push is not None and push[i] >= 0:
            candidate = table[i + 1][j] + sizes[j] * push[i]
            if candidate < least:
                least = candidate
                split = i + 1
                kind = PUSHED
        if pull is not None and pull[j - 1] >= 0:
            candidate = row[j - 1] + sizes[i] * pull[j - 1]
            if candidate < least:
                least = candidate
                split = j - 1
                kind = PULLED
        first[split - 1] = i
        last[split - 1] = j - 1
        kinds[split - 1] = kind
        pending[depth] = i
        pending[depth + 1] = split
        pending[depth + 2] = split
        pending[depth + 3] = j
        depth += 4


def solve_many(
    chains: Sequence[Sequence[int]],
    leaves: Sequence[Sequence[int]],
    push: Sequence[Sequence[int]],
    pull: Sequence[Sequence[int]],
    table: Sequence[MutableSequence[int]],
    scratch: Sequence[MutableSequence[int]],
    spans: Sequence[Sequence[MutableSequence[int]]],
    kinds: Sequence[MutableSequence[int]],
    costs: MutableSequence[int],
) -> None:
    """Solve every chain of a list; all have the same number of factors, and ``table`` is filled anew for each.

    ``scratch``: one row of n + 1 entries and one of 2 n + 2. Entries of ``table`` above the diagonal start at more than
    any cost, which ``table[n][n]`` holds.
    """
    more_than_any = table[len(table) - 1][len(table) - 1]
    for chain in range(len(chains)):
        sizes = chains[chain]
        width = len(sizes)
        for i in range(width - 1):
            row = table[i]
            for j in range(i + 1, width):
                row[j] = more_than_any
        fill_tile(table, sizes, None, leaves[chain], push[chain], pull[chain], scratch[0], 0, width, 0, width, width)
        trace(table, sizes, None, push[chain], pull[chain], scratch[1], spans[chain], kinds[chain])
        costs[chain] = table[0][width - 1]
