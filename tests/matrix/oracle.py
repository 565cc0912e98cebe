"""The right answers for small chains of every kind, by the definitions alone: all plans, all orders, all schedules.

Nothing here is chainopt's own, nor in the search over schedules, which other tests share, but for the price of one product, or of
one stage, in seconds, which nobody else knows: that is asked of chains where there is nothing to choose.
"""

import itertools
import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import numpy as np
from schedule_oracle import least_makespan_of

import chainopt
from chainopt import Jacobian


@dataclass(frozen=True)
class Factor:
    """One factor of a chain, as the oracle sees it; ``pattern`` is an array of ones and zeros, as a tuple of tuples."""

    rows: int
    columns: int
    batch: tuple = ()
    pattern: tuple | None = None
    structure: object = field(default=None, compare=False)
    jvp: int | None = None
    vjp: int | None = None
    accumulation: int | None = None
    tape: int = 0

    @property
    def is_matrix(self):
        return self.jvp is self.vjp is self.accumulation is None

    def jacobian(self):
        options = {"jvp_cost": self.jvp, "vjp_cost": self.vjp, "accumulation_cost": self.accumulation, "tape": self.tape}
        if self.batch:
            options["batch"] = self.batch
        return Jacobian((self.rows, self.columns), structure=self.structure, **options)


@dataclass(frozen=True)
class Task:
    """An operation of a plan: its cost, the span of its result, the operations before it, and the entries of its seed."""

    cost: object
    span: tuple[int, int]
    before: tuple["Task", ...]
    seed: int = 0


class Prices:
    """What products and stages cost under an objective."""

    def __init__(self, objective):
        self.objective = objective

    def product(self, left, right, stack):
        """Price a product of two patterns, a stack of so many."""
        m, k, n = len(left), len(right), right.shape[1]
        count = int((left.astype(object).sum(axis=0) * right.astype(object).sum(axis=1)).sum()) if k else 0
        if self.objective == "multiplications":
            return count * stack
        is_full = bool(left.all()) and bool(right.all())
        if callable(self.objective):
            assert is_full, "the objective knows sizes only"
            return self.objective(m, k, n) * stack
        assert is_full, "not asked of the oracle"
        return seconds(m, k, n) * stack

    def sizes(self, m, k, n, stack):
        """Price a product of full matrices of any size."""
        if self.objective == "multiplications":
            return m * k * n * stack
        return (self.objective(m, k, n) if callable(self.objective) else seconds(m, k, n)) * stack

    def stage(self, vectors, cost):
        """Price so many JVPs or VJPs, or one accumulation."""
        return vectors * (stage_seconds(cost) if self.objective == "time" else cost)


@cache
def seconds(m, k, n):
    return chainopt.optimal_order([(m, k), (k, n)], objective="time").cost


@cache
def stage_seconds(cost):
    return chainopt.optimal_order([Jacobian((1, 1), jvp_cost=cost)], objective="time").cost


class Oracle:
    """All plans of a chain under an objective and a limit on the tape."""

    def __init__(self, factors, objective="multiplications", tape_limit=math.inf):
        self.factors, self.prices, self.tape_limit = factors, Prices(objective), tape_limit
        self.is_structured = any(factor.pattern is not None for factor in factors)

    @cache  # noqa: B019 -- an oracle lives as long as a test
    def pattern(self, first, last):
        factor = self.factors[first]
        leaf = (
            np.ones((factor.rows, factor.columns), dtype=bool) if factor.pattern is None else np.array(factor.pattern, dtype=bool)
        )
        leaf = leaf.reshape(factor.rows, factor.columns)
        return leaf if first == last else (leaf.astype(int) @ self.pattern(first + 1, last).astype(int)) > 0

    def stack(self, first, last):
        return math.prod(np.broadcast_shapes(*(factor.batch for factor in self.factors[first : last + 1])))

    def product(self, first, split, last):
        stack = self.stack(first, last)
        if self.is_structured:
            return self.prices.product(self.pattern(first, split), self.pattern(split + 1, last), stack)
        return self.prices.sizes(self.factors[first].rows, self.factors[split].columns, self.factors[last].columns, stack)

    def entries(self, first, last):
        return self.factors[first].rows * self.factors[last].columns * self.stack(first, last)

    def plans(self, first, last):
        """Yield every plan for the factors ``first..last`` as a tree of tasks; None for a matrix at hand."""
        factor = self.factors[first]
        if first == last:
            yield from self.leaves(first)
            return
        for split in range(first, last):
            for left, right in itertools.product(self.plans(first, split), self.plans(split + 1, last)):
                before = tuple(side for side in (left, right) if side is not None)
                yield Task(self.product(first, split, last), (first, last), before)
        if factor.jvp is not None:
            for right in self.plans(first + 1, last):
                cost = self.prices.stage(self.factors[last].columns, factor.jvp)
                yield Task(cost, (first, last), () if right is None else (right,))
        end = self.factors[last]
        if end.vjp is not None and end.tape <= self.tape_limit:
            for left in self.plans(first, last - 1):
                yield Task(self.prices.stage(factor.rows, end.vjp), (first, last), () if left is None else (left,))

    def leaves(self, position):
        factor = self.factors[position]
        span = (position, position)
        if factor.is_matrix:
            yield None
        elif factor.accumulation is not None:
            yield Task(self.prices.stage(1, factor.accumulation), span, ())
        else:
            if factor.jvp is not None:
                yield Task(self.prices.stage(factor.columns, factor.jvp), span, (), factor.columns**2)
            if factor.vjp is not None and factor.tape <= self.tape_limit:
                yield Task(self.prices.stage(factor.rows, factor.vjp), span, (), factor.rows**2)

    def least_cost(self):
        """Return the least cost of any plan; None where there is none."""
        return min((sum(task.cost for task in tasks_of(plan)) for plan in self.plans(0, len(self.factors) - 1)), default=None)

    def least_makespan(self, workers):
        """Return the earliest end of any schedule of any plan on so many workers."""
        shapes = {outline(plan) for plan in self.plans(0, len(self.factors) - 1)}
        best = min((least_makespan_of(shape, workers) for shape in shapes), default=None)
        return float(best) if isinstance(best, Fraction) else best

    def least_cost_within(self, memory_limit):
        """Return the least cost of a plan that has an order with at most so many entries alive; None where there is none."""
        costs = [
            sum(task.cost for task in tasks_of(plan))
            for plan in self.plans(0, len(self.factors) - 1)
            if self.least_peak(plan) <= memory_limit
        ]
        return min(costs, default=None)

    def least_limit(self):
        return min((self.least_peak(plan) for plan in self.plans(0, len(self.factors) - 1)), default=None)

    def least_peak(self, plan):
        """Try all orders of the tasks of a plan."""
        tasks = tasks_of(plan)
        best = math.inf

        def go_on(done, alive, peak):
            nonlocal best
            if peak >= best:
                return
            if len(done) == len(tasks):
                best = peak
                return
            for task in tasks:
                if task in done or any(before not in done for before in task.before):
                    continue
                held = alive + self.entries(*task.span) + task.seed
                left = held - task.seed - sum(self.entries(*before.span) for before in task.before)
                go_on(done | {task}, left, max(peak, held))

        go_on(frozenset(), 0, 0)
        return best

    def forward_cost(self):
        """Return the cost of the sweep from the right: push through what has no matrix, multiply with what has one."""
        last = len(self.factors) - 1
        end = self.factors[last]
        if end.is_matrix or end.accumulation is not None:
            cost = 0 if end.is_matrix else self.prices.stage(1, end.accumulation)
        elif end.jvp is None:
            return None
        else:
            cost = self.prices.stage(end.columns, end.jvp)
        for first in range(last - 1, -1, -1):
            factor = self.factors[first]
            if factor.is_matrix:
                cost += self.product(first, first, last)
            elif factor.jvp is not None:
                cost += self.prices.stage(end.columns, factor.jvp)
            elif factor.vjp is None:  # an analytic rule, and no mode at all
                cost += self.prices.stage(1, factor.accumulation) + self.product(first, first, last)
            else:
                return None
        return cost

    def reverse_cost(self):
        """Return the cost of the sweep from the left."""
        begin = self.factors[0]
        if begin.is_matrix or begin.accumulation is not None:
            cost = 0 if begin.is_matrix else self.prices.stage(1, begin.accumulation)
        elif begin.vjp is None or begin.tape > self.tape_limit:
            return None
        else:
            cost = self.prices.stage(begin.rows, begin.vjp)
        for last in range(1, len(self.factors)):
            factor = self.factors[last]
            if factor.is_matrix:
                cost += self.product(0, last - 1, last)
            elif factor.vjp is not None and factor.tape <= self.tape_limit:
                cost += self.prices.stage(begin.rows, factor.vjp)
            elif factor.vjp is None and factor.jvp is None:
                cost += self.prices.stage(1, factor.accumulation) + self.product(0, last - 1, last)
            else:
                return None
        return cost


def tasks_of(plan):
    """List the tasks of a plan."""
    return [] if plan is None else [*itertools.chain.from_iterable(map(tasks_of, plan.before)), plan]


def outline(plan):
    """Keep of a plan what its schedules depend on, so that equal ones are tried once."""
    return None if plan is None else (plan.cost, tuple(sorted((outline(task) for task in plan.before), key=repr)))
