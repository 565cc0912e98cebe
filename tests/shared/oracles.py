"""Oracles: all bracketings, and the plain recurrence, as a student would write them down; independent of `chainopt.costs`."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from chainopt.bracketing.operations import PRODUCT, PULLED, PUSHED
from chainopt.chain.factor_data import broadcast_all
from chainopt.costs.multiplications import Multiplications
from chainopt.costs.structured import is_full
from chainopt.structure.patterns import multiplications, product


class Recurrence(NamedTuple):
    """The two tables of the recurrence."""

    cost: dict
    choice: dict


def all_trees(first, last):
    """Yield every bracketing of the factors ``first..last`` as nested tuples."""
    if first == last:
        yield first
    for split in range(first, last):
        for left in all_trees(first, split):
            for right in all_trees(split + 1, last):
                yield left, right


def tree_cost(tree, shapes):
    """Return what multiplying in this order costs, and the shape of the result."""
    if isinstance(tree, int):
        return 0, shapes[tree]
    left_cost, (rows, inner) = tree_cost(tree[0], shapes)
    right_cost, (_, columns) = tree_cost(tree[1], shapes)
    return left_cost + right_cost + rows * inner * columns, (rows, columns)


def brute_force(shapes):
    """Return the least cost over all bracketings: 429 for 8 factors, four times as many for each one more."""
    return min(tree_cost(tree, shapes)[0] for tree in all_trees(0, len(shapes) - 1))


def recurrence(dims, choices=None, price=None):
    """Fill the tables of the plain recurrence in O(n^3) steps of pure Python.

    ``cost[i, j]`` is the least cost of the product of the factors ``i..j-1``, and ``choice[i, j]`` what is done last: the
    kind of operation, and where it is split. ``price(i, k, j)`` is what joining ``i..k-1`` with ``k..j-1`` costs, where that
    is not the product of the three sizes.
    """

    def of_sizes(i, k, j):
        return dims[i] * dims[k] * dims[j]

    product_of = of_sizes if price is None else price
    factors = len(dims) - 1
    cost = {(i, i + 1): 0 if choices is None else choices.leaves[i] for i in range(factors)}
    choice = {}
    for width in range(2, factors + 1):
        for i in range(factors - width + 1):
            j = i + width
            options = [(cost[i, k] + cost[k, j] + product_of(i, k, j), PRODUCT, k) for k in range(i + 1, j)]
            if choices is not None and choices.push[i] >= 0:
                options.append((cost[i + 1, j] + dims[j] * choices.push[i], PUSHED, i + 1))
            if choices is not None and choices.pull[j - 1] >= 0:
                options.append((cost[i, j - 1] + dims[i] * choices.pull[j - 1], PULLED, j - 1))
            cost[i, j], *what = min(options)
            choice[i, j] = what[0], what[1]
    return Recurrence(cost, choice)


def prices(chain, model):
    """Return what joining ``i..k-1`` with ``k..j-1`` costs, one product at a time."""
    dims, leaves, batches = chain.dims, chain.patterns, chain.batches

    @cache
    def pattern(i, j):
        return leaves[i] if j == i + 1 else product(pattern(i, j - 1), leaves[j - 1])

    def price(i, k, j):
        stack = 1 if batches is None else math.prod(broadcast_all(batches[i:j]))
        count = multiplications(pattern(i, k), pattern(k, j))
        if isinstance(model, Multiplications):
            return count * stack
        if chain.structures is not None and not (is_full(pattern(i, k)) and is_full(pattern(k, j))):
            return model.structured(np.array([count], dtype=object)).item()
        sizes = (np.array([dims[position]], dtype=object) for position in (i, k, j))
        return model.products(*sizes).item() * stack

    return price
