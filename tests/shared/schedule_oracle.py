"""Schedules checked and found by the definition alone: nothing here is chainopt's, and nothing is clever."""

import heapq
import itertools
import math

from chainopt import Accumulation, Multiplication, Pullback, Pushforward


def has_matrix(jacobian):
    return jacobian.jvp_cost is jacobian.vjp_cost is jacobian.accumulation_cost is None


def check_schedule(plan, tape_limit=math.inf, *, is_time=False):
    """Every cost is that of the contract, nothing starts before its operands are done, and no worker does two things at once."""
    chain, dims = plan.chain, plan.chain.dims
    slack = 1e-9 * plan.makespan if is_time else 0
    done = {(at, at): 0 for at, jacobian in enumerate(chain) if has_matrix(jacobian)}
    lines, work, last_start = {}, 0, 0
    for operation in plan.operations:
        first, last, needs = operation.first, operation.last, []
        match operation:
            case Accumulation(mode=None):
                cost = chain[first].accumulation_cost
            case Accumulation(mode="forward"):
                cost = dims[first + 1] * chain[first].jvp_cost
            case Accumulation(mode="reverse"):
                cost = dims[first] * chain[first].vjp_cost
                assert chain[first].tape <= tape_limit
            case Multiplication(split=split):
                needs = [(first, split), (split + 1, last)]
                cost = dims[first] * dims[split + 1] * dims[last + 1]
            case Pushforward(split=split):
                needs = [(split + 1, last)]
                cost = dims[last + 1] * sum(chain[at].jvp_cost for at in range(first, split + 1))
            case Pullback(split=split):
                needs = [(first, split)]
                cost = dims[first] * sum(chain[at].vjp_cost for at in range(split + 1, last + 1))
                assert all(chain[at].tape <= tape_limit for at in range(split + 1, last + 1))
        assert is_time or operation.cost == cost
        assert type(operation.worker) is int
        assert 0 <= operation.worker < plan.workers
        assert operation.start >= last_start >= 0, "the order is that of the starts"
        assert all(done.pop(need) <= operation.start + slack for need in needs)
        last_start = operation.start
        done[first, last] = operation.start + operation.cost
        work += operation.cost
        lines.setdefault(operation.worker, []).append((operation.start, done[first, last]))
    assert (0, len(chain) - 1) in done
    for line in lines.values():
        for (_, end), (start, _) in itertools.pairwise(sorted(line)):
            assert start >= end - slack
    last_end = max((end for line in lines.values() for _, end in line), default=0)
    if is_time:
        assert math.isclose(plan.makespan, last_end)
        assert math.isclose(plan.cost, work)
    else:
        assert (plan.makespan, plan.cost) == (last_end, work)
        assert type(plan.makespan) is type(plan.lower_bound) is int
    assert plan.lower_bound <= plan.makespan * (1 + 1e-12)
    assert not plan.is_optimal or plan.lower_bound == plan.makespan


def all_plans(jacobians, tape_limit, i, j):
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
        for left in all_plans(jacobians, tape_limit, i, k):
            for right in all_plans(jacobians, tape_limit, k, j):
                yield dims[i] * dims[k] * dims[j], tuple(side for side in (left, right) if side is not None)
    if jacobian.jvp_cost is not None:
        for right in all_plans(jacobians, tape_limit, i + 1, j):
            yield dims[j] * jacobian.jvp_cost, () if right is None else (right,)
    last = jacobians[j - 1]
    if last.vjp_cost is not None and last.tape <= tape_limit:
        for left in all_plans(jacobians, tape_limit, i, j - 1):
            yield dims[i] * last.vjp_cost, () if left is None else (left,)


def least_makespan_of(tree, workers):
    """Try all orders in which tasks can start, each as soon as it can: all semi-active schedules."""
    costs, needs = [], []

    def number(node):
        below = [number(side) for side in node[1]]
        costs.append(node[0])
        needs.append(below)
        return len(costs) - 1

    if tree is None:
        return 0
    number(tree)
    best = math.inf

    def go_on(done, free, latest):
        nonlocal best
        if latest >= best:
            return
        if len(done) == len(costs):
            best = latest
            return
        for task, below in enumerate(needs):
            if task in done or any(need not in done for need in below):
                continue
            rest = list(free)
            start = max([heapq.heappop(rest), *(done[need] for need in below)])
            end = start + costs[task]
            heapq.heappush(rest, end)
            go_on(done | {task: end}, rest, max(latest, end))

    go_on({}, [0] * workers, 0)
    return best


def least_makespan(jacobians, workers, tape_limit=math.inf):
    """Try all plans, each with all schedules; infinite where there is none."""
    trees = set(all_plans(jacobians, tape_limit, 0, len(jacobians)))
    return min((least_makespan_of(tree, workers) for tree in trees), default=math.inf)
