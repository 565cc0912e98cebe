"""How good are the plans for several workers, and how fast are they found? Published problems, longer chains, and growth.

The published problems are those of Märtens and Naumann, "Scheduled Jacobian Chaining" (arXiv 2505.06056), 2,000 of each
length: sizes 5 to 50, costs 1,000 to 10,000. The peers are their dynamic program and their branch and bound, in the
published figures; times are chainopt's.
"""

import csv
import time
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
import pytest

import chainopt
from benchmarks.reporting.tables import seconds_text
from chainopt.testing import random_scheduled_chain, scheduled_chain

REFERENCE = Path(__file__).parents[1] / "tests" / "reference"
GROUP = "planning for several workers"
PUBLISHED = "the published problems; left open: not proved by the published branch and bound, and proved now"
HEAD = ["", "number", "left open", "published program: optimal", "mean gap", "worst"]
HEAD += ["heuristic: optimal", "mean gap", "worst", "median (worst) time", "with proof"]
LIMIT = 10.0  # seconds a chain
GROWTH = [(factors, workers) for factors in (8, 16, 32, 64, 128, 256, 512, 1000) for workers in (2, 4, 8, 16, 64)]


def published(length):
    with (REFERENCE / f"scheduled_length_{length}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            sizes = [int(row[f"d{position}"]) for position in range(length + 1)]
            yield scheduled_chain(sizes, [int(row[f"edges{stage}"]) for stage in range(1, length + 1)]), row


def timed(call):
    begin = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begin


def warm_up():
    for method in ("heuristic", "exact"):
        chainopt.optimal_order(random_scheduled_chain(np.random.default_rng(0), 12), workers=2, method=method)


def percent(share):
    return "below 0.01 %" if 0 < share < 1e-4 else f"{100 * share:.3g} %"


@pytest.mark.parametrize("length", [3, 5, 6])
def test_published_problems(contest, short, length):
    problems = list(published(length))[:: 50 if short else 1]
    warm_up()

    def run():
        lines = []
        for workers in range(2, length + 1):
            gaps, published_gaps, times, exact_times, missed = [], [], [], [], 0
            for chain, row in problems:
                heuristic, seconds = timed(lambda c=chain, w=workers: chainopt.optimal_order(c, workers=w, method="heuristic"))
                exact, exact_seconds = timed(lambda c=chain, w=workers: chainopt.optimal_order(c, workers=w, method="exact"))
                times.append(seconds)
                exact_times.append(exact_seconds)
                assert exact.is_optimal
                assert heuristic.makespan <= int(row[f"published_dp_{workers}"])
                if row[f"optimum_{workers}"]:
                    assert exact.makespan == int(row[f"optimum_{workers}"])
                else:
                    missed += 1
                gaps.append(heuristic.makespan / exact.makespan - 1)
                published_gaps.append(int(row[f"published_dp_{workers}"]) / exact.makespan - 1)
            line = [f"{length} stages, {workers} workers", len(gaps), missed]
            for program_gaps in (published_gaps, gaps):
                line += [percent(mean(gap == 0 for gap in program_gaps)), percent(mean(program_gaps)), percent(max(program_gaps))]
            lines.append(
                [*line, f"{seconds_text(median(times))} ({seconds_text(max(times))})", seconds_text(median(exact_times))]
            )
        return lines

    contest.lines(PUBLISHED, HEAD, contest.once(GROUP, run))


@pytest.mark.parametrize("length", [8, 9, 10, 12, 16, pytest.param(24, marks=pytest.mark.long)])
def test_longer_chains(contest, short, length):
    count = 5 if short else 100 if length <= 10 else 30 if length <= 16 else 15
    warm_up()

    def run():
        lines = []
        for workers in (2, 3, 4, 8):
            plans, times, gaps = [], [], []
            for seed in range(count):
                chain = random_scheduled_chain(np.random.default_rng(seed), length)
                heuristic = chainopt.optimal_order(chain, workers=workers, method="heuristic")
                plan, seconds = timed(
                    lambda c=chain, w=workers: chainopt.optimal_order(c, workers=w, method="exact", time_limit=LIMIT)
                )
                plans.append(plan)
                times.append(seconds)
                gaps.append(heuristic.makespan / plan.makespan - 1)
            open_gaps = [plan.makespan / plan.lower_bound - 1 for plan in plans if not plan.is_optimal]
            proved = f"{len(plans) - len(open_gaps)} of {len(plans)}"
            open_text = ", ".join(map(percent, open_gaps)) or "none"
            same = percent(mean(gap == 0 for gap in gaps))
            speed = seconds_text(median(times)), seconds_text(max(times))
            lines.append([f"{length} stages, {workers} workers", proved, *speed, open_text, same, percent(mean(gaps))])
        return lines

    head = ["", f"proved in {LIMIT:.0f} s each", "median", "worst", "gaps left", "heuristic as good", "its mean gap"]
    lines = contest.once(GROUP, run)
    contest.lines("proofs for random chains of the same kind", head, lines)
    if length == 8:
        assert all(line[1] == f"{count} of {count}" for line in lines[:3])


def test_growth(contest, short):
    cases = [case for case in GROWTH if case[0] <= 32] if short else GROWTH
    warm_up()

    def run():
        growth = {}
        for factors, workers in cases:
            gaps, times = [], []
            for seed in range(1 if short or factors > 64 else 5):
                chain = random_scheduled_chain(np.random.default_rng(seed), factors)
                plan, seconds = timed(lambda c=chain, w=workers: chainopt.optimal_order(c, workers=w, method="heuristic"))
                assert plan.makespan >= plan.lower_bound
                gaps.append(plan.makespan / plan.lower_bound - 1)
                times.append(seconds)
            growth[factors, workers] = mean(gaps), mean(times)
        return growth

    growth = contest.once(GROUP, run)
    columns, lengths = (sorted({key[index] for key in growth}) for index in (1, 0))
    lines = [
        [
            f"{factors} stages",
            *(f"{percent(growth[factors, workers][0])}, {seconds_text(growth[factors, workers][1])}" for workers in columns),
        ]
        for factors in lengths
    ]
    contest.lines("the heuristic: gap to its own lower bound, and time", ["", *(f"{count} workers" for count in columns)], lines)
    axes = {"xlabel": "stages", "xscale": "log"}
    for workers in columns:
        gaps, times = zip(*(growth[factors, workers] for factors in lengths), strict=True)
        who = f"{workers} workers"
        gap_axes = {"ylabel": "gap to the lower bound, %"}
        contest.curve(
            "gap of the heuristic to its own lower bound", who, lengths, [100 * gap for gap in gaps], **axes, **gap_axes
        )
        contest.curve("time of the heuristic", who, lengths, times, **axes, ylabel="time", yscale="log")


@pytest.mark.parametrize(("length", "workers"), [(8, 2), (8, 4), (12, 2), (12, 4)])
def test_two_searches_for_a_proof(contest, short, length, workers):
    pytest.importorskip("ortools")
    warm_up()

    def run():
        plans_by_solver = {"own search": [], "OR-Tools CP-SAT": []}
        for seed in range(1 if short else 10):
            chain = random_scheduled_chain(np.random.default_rng(seed), length)
            for who, method in zip(plans_by_solver, ("exact", "cp-sat"), strict=True):
                call = partial(chainopt.optimal_order, chain, workers=workers, method=method, time_limit=LIMIT)
                plans_by_solver[who].append(timed(call))
        return plans_by_solver

    plans_by_solver = contest.once("proofs by two searches", run)
    case = f"{length} stages, {workers} workers"
    for who, plans in plans_by_solver.items():
        proved = sum(plan.is_optimal for plan, _ in plans)
        if proved < len(plans):
            contest.note(f"{who}, {case}: {len(plans) - proved} of {len(plans)} not proved in {LIMIT:.0f} s")
    means = {who: mean(seconds for _, seconds in plans) for who, plans in plans_by_solver.items()}
    contest.cells("time to a proof, the mean of chains that both were given by turns", case, means)
    for (own, _), (other, _) in zip(*plans_by_solver.values(), strict=True):
        assert own.makespan == other.makespan or not (own.is_optimal and other.is_optimal)
