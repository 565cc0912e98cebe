"""The interval program with workers: what a bracketing takes if its operations share several workers.

The kernel of the method "interval" for as many workers as one likes, and the start of "heuristic" and "exact".

The cheapest plan of an interval is described by two numbers, its work and its makespan; of the two sides of a join both may
run at once, and all their work together needs its share of the workers.  With q workers, and all times held q-fold, so that
no division rounds,

    times[i][j] = min over what is done last of  q * cost + max(times[left], times[right], work[left] + work[right]).

With ``work`` the least work of every interval, found beforehand, this is a lower bound on q times the makespan of every plan: no
schedule ends before either side does, nor before the work of both has been shared out evenly.  With the work of the plan that
was chosen it is a plan, whose makespan is about that, and which is the start of the search for better ones.  One worker (q = 1)
makes it the program of `chainopt.kernels.interval_dp`; a share of 0, where work does not count, is for as many workers as one
likes, and exact: the longest path is then all there is.

Where all workers share all work evenly, much of it is done for the sake of parallelism in intervals that are too short to need
it.  So intervals whose least work is at most ``most`` can be left to one worker each: to the cheapest plan, known from the
program for one.

Only single stages are pushed and pulled through: a run through several is as many of them one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

PRODUCT, PUSHED, PULLED = 0, 1, 2
NONE = -1


def fill_row(
    i: int,
    factor: float,
    share: float,
    given_work: int,
    sizes: Sequence[float],
    prices: Sequence[Sequence[float]],
    leaf: float,
    push: float,
    pull: Sequence[float],
    most: float,
    least: Sequence[float],
    least_joins: Sequence[int],
    least_splits: Sequence[int],
    times: Sequence[MutableSequence[float]],
    work: Sequence[MutableSequence[float]],
    joins: MutableSequence[int],
    splits: MutableSequence[int],
) -> None:
    """Finish row i, whose rows below are finished: the intervals that begin with factor i.

    ``factor`` is q and ``share`` 1, or they are 1 and 0. ``work`` is only read where it is given, and filled otherwise. What is
    done last is left in ``joins[j]`` and ``splits[j]``. ``prices[k][j]`` is what joining ``i..k-1`` with ``k..j-1`` costs, where
    there are none the product of three ``sizes``; ``leaf`` and ``push`` are what the matrix and a JVP of factor i cost,
    ``pull`` what a VJP of each factor does, -1 where there is none. Intervals whose least work, of row i in ``least``, is at most
    ``most`` are joined as ``least_joins`` and ``least_splits`` say.
    """
    row, own = times[i], work[i]
    count = len(row)
    # The columns are finished one after the other: a column's pull needs the one before, and it is then offered to all after it.
    row[i + 1] = factor * leaf
    splits[i + 1] = i
    joins[i + 1] = PRODUCT
    if given_work == 0:
        own[i + 1] = leaf
    for j in range(i + 2, count):
        splits[j] = NONE
    if push >= 0:
        below, below_work = times[i + 1], work[i + 1]
        for j in range(i + 2, count):
            cost = sizes[j] * push
            row[j] = factor * cost + below[j]
            splits[j] = i + 1
            joins[j] = PUSHED
            if given_work == 0:
                own[j] = cost + below_work[j]
    for k in range(i + 1, count):
        if k > i + 1 and pull[k - 1] >= 0:
            cost = sizes[i] * pull[k - 1]
            candidate = factor * cost + row[k - 1]
            total = own[k] if given_work else cost + own[k - 1]
            if splits[k] < 0 or candidate < row[k] or (candidate == row[k] and total < own[k]):
                row[k] = candidate
                splits[k] = k - 1
                joins[k] = PULLED
                if given_work == 0:
                    own[k] = total
        if k > i + 1 and least[k] <= most:
            row[k] = factor * least[k]
            own[k] = least[k]
            joins[k] = least_joins[k]
            splits[k] = least_splits[k]
        below, below_work = times[k], work[k]
        through, through_work = row[k], own[k]
        scale = sizes[i] * sizes[k]
        for j in range(k + 1, count):
            cost = scale * sizes[j] if len(prices) == 0 else prices[k][j]
            both = through_work + below_work[j]
            longest = share * both
            if through > longest:
                longest = through
            if below[j] > longest:
                longest = below[j]
            candidate = factor * cost + longest
            if splits[j] < 0 or candidate < row[j]:
                row[j] = candidate
                splits[j] = k
                joins[j] = PRODUCT
                if given_work == 0:
                    own[j] = cost + both
            elif given_work == 0 and candidate == row[j] and cost + both < own[j]:
                splits[j] = k
                joins[j] = PRODUCT
                own[j] = cost + both
