"""Greedy colorings of the columns of a sparse matrix: columns that share a row get different colors.

The graph in which such columns are neighbors is never formed: it is walked over the rows, column by column. A row that is wide
keeps the set of its colors in bits, so that a column with many wide rows joins sets in the place of looking at all neighbors.

References: A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl. Math. 13
(1974). A. H. Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian? Graph coloring for computing derivatives", SIAM
Review 47 (2005).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

BITS = 62  # in a word, whose sign is left alone


def color(
    order: Sequence[int],
    row_begins: Sequence[int],
    row_columns: Sequence[int],
    column_begins: Sequence[int],
    column_rows: Sequence[int],
    wide: Sequence[int],
    taken: Sequence[MutableSequence[int]],
    stamps: MutableSequence[int],
    colors: MutableSequence[int],
) -> int:
    """Give each column, in an order, the first color that no column has which shares a row; return how many colors there are.

    Parameters
    ----------
    order : (count,)
        Columns; those that are not among them keep the color -1.
    row_begins, row_columns, column_begins, column_rows
        The places by rows and by columns, as `scipy.sparse.csr_array` and `csc_array` hold them.
    wide : (rows,)
        Of a wide row where its colors are in ``taken``; else -1.
    taken : (wide rows, words)
        Zeros.
    stamps : (columns + 1,)
        Scratch, all -1.
    colors : (columns,)
        All -1; the colors are left there.
    """
    count = 0
    for column in order:
        begin, end = column_begins[column], column_begins[column + 1]
        is_wide = False
        for place in range(begin, end):
            row = column_rows[place]
            if wide[row] >= 0:
                is_wide = True
                continue
            for other in range(row_begins[row], row_begins[row + 1]):
                found = colors[row_columns[other]]
                if found >= 0:
                    stamps[found] = column
        free = 0
        if is_wide:
            word = 0
            while True:
                joined = 0
                for place in range(begin, end):
                    row = column_rows[place]
                    if wide[row] >= 0:
                        joined |= taken[wide[row]][word]
                bit = 0
                while bit < BITS and (joined >> bit & 1 or stamps[word * BITS + bit] == column):
                    bit += 1
                free = word * BITS + bit
                if bit < BITS:
                    break
                word += 1
            word, bit = free // BITS, free % BITS
            for place in range(begin, end):
                row = column_rows[place]
                if wide[row] >= 0:
                    taken[wide[row]][word] |= 1 << bit
        else:
            while stamps[free] == column:
                free += 1
        colors[column] = free
        if free >= count:
            count = free + 1
    return count


def color_in_words(
    order: Sequence[int],
    column_begins: Sequence[int],
    column_rows: Sequence[int],
    words: MutableSequence[int],
    colors: MutableSequence[int],
) -> int:
    """Do as `color`, with the colors of each row in the bits of a word; return -1 where there are more than a word has.

    So each row of a column is looked at once, and not each of its columns.

    Parameters
    ----------
    order, column_begins, column_rows
        As for `color`.
    words : (rows,)
        Zeros.
    colors : (columns,)
        All -1; the colors are left there.
    """
    count = 0
    for column in order:
        joined = 0
        for place in range(column_begins[column], column_begins[column + 1]):
            joined |= words[column_rows[place]]
        free = 0
        while joined >> free & 1:
            free += 1
        if free >= BITS:
            return -1
        for place in range(column_begins[column], column_begins[column + 1]):
            words[column_rows[place]] |= 1 << free
        colors[column] = free
        if free >= count:
            count = free + 1
    return count


def degrees(
    row_begins: Sequence[int],
    row_columns: Sequence[int],
    column_begins: Sequence[int],
    column_rows: Sequence[int],
    wide: Sequence[int],
    stamps: MutableSequence[int],
    counts: MutableSequence[int],
) -> None:
    """Count the neighbors of each column: of wide rows all columns, some of them twice, of others each once.

    The arguments are those of `color`; ``counts`` has an entry a column.
    """
    for column in range(len(counts)):
        stamps[column] = column
        degree = 0
        for place in range(column_begins[column], column_begins[column + 1]):
            row = column_rows[place]
            if wide[row] >= 0:
                degree += row_begins[row + 1] - row_begins[row]
                continue
            for other in range(row_begins[row], row_begins[row + 1]):
                if stamps[row_columns[other]] != column:
                    stamps[row_columns[other]] = column
                    degree += 1
        counts[column] = degree


def smallest_last(
    row_begins: Sequence[int],
    row_columns: Sequence[int],
    column_begins: Sequence[int],
    column_rows: Sequence[int],
    wide: Sequence[int],
    stamps: MutableSequence[int],
    counts: MutableSequence[int],
    heads: MutableSequence[int],
    following: MutableSequence[int],
    preceding: MutableSequence[int],
    order: MutableSequence[int],
) -> None:
    """Write the order in which each column has the fewest neighbors among those before it.

    From the end: of the columns that are left one of the fewest neighbors comes last. Wide rows count as in `degrees`, and stay.

    Parameters
    ----------
    row_begins, row_columns, column_begins, column_rows, wide, stamps
        As for `color`.
    counts : (columns,)
        Those of `degrees`; used up.
    heads : (largest count + 1,)
        Scratch, all -1: the first column of so many neighbors.
    following, preceding : (columns,)
        Scratch: the columns of as many neighbors as a doubly linked list.
    order : (columns,)
        Where the order is left.
    """
    columns = len(counts)
    for column in range(columns):
        head = heads[counts[column]]
        following[column], preceding[column] = head, -1
        if head >= 0:
            preceding[head] = column
        heads[counts[column]] = column
    least = 0
    for last in range(columns - 1, -1, -1):
        while heads[least] < 0:
            least += 1
        column = heads[least]
        heads[least] = following[column]
        if following[column] >= 0:
            preceding[following[column]] = -1
        counts[column] = -1
        order[last] = column
        stamps[column] = column
        for place in range(column_begins[column], column_begins[column + 1]):
            row = column_rows[place]
            if wide[row] >= 0:
                continue
            for other in range(row_begins[row], row_begins[row + 1]):
                neighbor = row_columns[other]
                degree = counts[neighbor]
                if degree < 0 or stamps[neighbor] == column:
                    continue
                stamps[neighbor] = column
                before, after = preceding[neighbor], following[neighbor]
                if before >= 0:
                    following[before] = after
                else:
                    heads[degree] = after
                if after >= 0:
                    preceding[after] = before
                degree -= 1
                counts[neighbor] = degree
                head = heads[degree]
                following[neighbor], preceding[neighbor] = head, -1
                if head >= 0:
                    preceding[head] = neighbor
                heads[degree] = neighbor
                if degree < least:
                    least = degree


def least_modulus(
    least: int,
    most: int,
    row_begins: Sequence[int],
    row_columns: Sequence[int],
    stamps: MutableSequence[int],
) -> int:
    """Return the least number, below ``most``, for which no row has two columns of one remainder; ``most`` if there is none.

    Stencils on grids repeat so. ``stamps`` is scratch of at least ``most`` entries, all -1.
    """
    rows = len(row_begins) - 1
    for modulus in range(least, most):
        fits = True
        for begin in range(rows):
            row = begin + rows * (modulus - least)  # a stamp that no other row and modulus has
            for place in range(row_begins[begin], row_begins[begin + 1]):
                remainder = row_columns[place] % modulus
                if stamps[remainder] == row:
                    fits = False
                    break
                stamps[remainder] = row
            if not fits:
                break
        if fits:
            return modulus
    return most
