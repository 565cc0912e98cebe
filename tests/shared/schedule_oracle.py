"""Schedules checked and found by the definition alone: nothing here is chainopt's, and nothing is clever.

Costs may be ints or floats: they are compared and added as fractions, exactly.
"""

import heapq
import itertools
import math
from fractions import Fraction
from functools import cache

from chainopt import Accumulation, Multiplication, Pullback, Pushforward


def has_matrix(jacobian):
    return jacobian.jvp_cost is jacobian.vjp_cost is jacobian.accumulation_cost is None


def product_of_sizes(m, k, n):
    return m * k * n


def check_schedule(plan, tape_limit=math.inf, *, is_time=False, price=product_of_sizes):
    """Every cost is that of the contract, nothing starts before its operands are done, and no worker does two things at once.

    Products cost ``price(m, k, n)``; where ``is_time``, costs are seconds, and not checked.
    """
    chain, dims = plan.chain, plan.chain.dims
    is_float = isinstance(plan.makespan, float)
    slack = 1e-9 * plan.makespan if is_float else 0
    ends = {(position, position): 0 for position, jacobian in enumerate(chain) if has_matrix(jacobian)}
    lines, work, last_start = {}, 0, 0
    for operation in plan.operations:
        first, last, operands = operation.first, operation.last, []
        match operation:
            case Accumulation(mode=None):
                cost = chain[first].accumulation_cost
            case Accumulation(mode="forward"):
                cost = dims[first + 1] * chain[first].jvp_cost
            case Accumulation(mode="reverse"):
                cost = dims[first] * chain[first].vjp_cost
                assert chain[first].tape <= tape_limit
            case Multiplication(split=split):
                operands = [(first, split), (split + 1, last)]
                cost = price(dims[first], dims[split + 1], dims[last + 1])
            case Pushforward(split=split):
                operands = [(split + 1, last)]
                cost = sum(dims[last + 1] * chain[stage].jvp_cost for stage in range(first, split + 1))
            case Pullback(split=split):
                operands = [(first, split)]
                cost = sum(dims[first] * chain[stage].vjp_cost for stage in range(split + 1, last + 1))
                assert all(chain[stage].tape <= tape_limit for stage in range(split + 1, last + 1))
        assert is_time or operation.cost == cost or (is_float and math.isclose(operation.cost, cost))
        assert type(operation.worker) is int
        assert 0 <= operation.worker < plan.workers
        assert operation.start >= last_start >= 0, "the order is that of the starts"
        assert all(ends.pop(operand) <= operation.start + slack for operand in operands)
        last_start = operation.start
        ends[first, last] = operation.start + operation.cost
        work += operation.cost
        lines.setdefault(operation.worker, []).append((operation.start, ends[first, last]))
    assert (0, len(chain) - 1) in ends
    for line in lines.values():
        for (_, end), (start, _) in itertools.pairwise(sorted(line)):
            assert start >= end - slack
    last_end = max((end for line in lines.values() for _, end in line), default=0)
    if is_float:
        assert type(plan.cost) is type(plan.lower_bound) is float
        assert math.isclose(plan.makespan, last_end)
        assert math.isclose(plan.cost, work)
    else:
        assert (plan.makespan, plan.cost) == (last_end, work)
        assert type(plan.makespan) is type(plan.cost) is type(plan.lower_bound) is int
    assert plan.lower_bound <= plan.makespan
    assert not plan.is_optimal or plan.lower_bound == plan.makespan


def all_plans(jacobians, tape_limit, i, j, price=product_of_sizes):
    """Yield, for the factors ``i..j-1``, the costs of the operations of every plan as a tree: (cost, the trees before it)."""
    dims = [jacobian.shape[0] for jacobian in jacobians] + [jacobians[-1].shape[1]]
    jacobian = jacobians[i]
    if j == i + 1:
        if has_matrix(jacobian):
            yield None
        elif jacobian.accumulation_cost is not None:
            yield jacobian.accumulation_cost, ()
        else:
            if jacobian.jvp_cost is not None:
                yield jacobian.shape[1] * jacobian.jvp_cost, ()
            if jacobian.vjp_cost is not None and jacobian.tape <= tape_limit:
                yield jacobian.shape[0] * jacobian.vjp_cost, ()
        return
    for k in range(i + 1, j):
        for left in all_plans(jacobians, tape_limit, i, k, price):
            for right in all_plans(jacobians, tape_limit, k, j, price):
                yield price(dims[i], dims[k], dims[j]), tuple(side for side in (left, right) if side is not None)
    if jacobian.jvp_cost is not None:
        for right in all_plans(jacobians, tape_limit, i + 1, j, price):
            yield dims[j] * jacobian.jvp_cost, () if right is None else (right,)
    last = jacobians[j - 1]
    if last.vjp_cost is not None and last.tape <= tape_limit:
        for left in all_plans(jacobians, tape_limit, i, j - 1, price):
            yield dims[i] * last.vjp_cost, () if left is None else (left,)


@cache
def least_makespan_of(tree, workers):
    """Try all orders in which tasks can start, each as soon as it can: all semi-active schedules."""
    costs, needs = [], []

    def number(node):
        operands = [number(side) for side in node[1]]
        costs.append(node[0] if isinstance(node[0], int) else Fraction(node[0]))
        needs.append(operands)
        return len(costs) - 1

    if tree is None:
        return 0
    number(tree)
    workers = min(workers, len(costs))
    best = math.inf

    def go_on(ends, free, latest):
        nonlocal best
        if latest >= best:
            return
        if len(ends) == len(costs):
            best = latest
            return
        for task, operands in enumerate(needs):
            if task in ends or any(operand not in ends for operand in operands):
                continue
            rest = list(free)
            start = max([heapq.heappop(rest), *(ends[operand] for operand in operands)])
            end = start + costs[task]
            heapq.heappush(rest, end)
            go_on(ends | {task: end}, rest, max(latest, end))

    go_on({}, [0] * workers, 0)
    return best


def least_makespan(jacobians, workers, tape_limit=math.inf, price=product_of_sizes):
    """Try all plans, each with all schedules; infinite where there is none. With as many workers as one likes, one a factor."""
    workers = min(workers, len(jacobians))
    trees = set(all_plans(jacobians, tape_limit, 0, len(jacobians), price))
    return min((least_makespan_of(tree, workers) for tree in trees), default=math.inf)
