"""Plans for several workers: how good, how fast, on published problems, on longer chains, and as chains and workers grow."""

import csv
import math
import time
from pathlib import Path
from statistics import mean, median

import numpy as np
import pytest

import chainopt
from chainopt.testing import random_scheduled_chain, scheduled_chain

REFERENCE = Path(__file__).parents[1] / "tests" / "reference"
GROUP = "planning for several workers, one call"
LIMIT = 10.0  # seconds a chain
GROWTH = [(factors, workers) for factors in (8, 16, 32, 64, 128, 256, 512, 1000) for workers in (2, 4, 8, 16, 64)]


def published(length):
    with (REFERENCE / f"scheduled_length_{length}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            sizes = [int(row[f"d{at}"]) for at in range(length + 1)]
            yield scheduled_chain(sizes, [int(row[f"edges{at}"]) for at in range(1, length + 1)]), row


def timed(call):
    begin = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begin


def warm_up():
    for method in ("heuristic", "exact"):
        chainopt.optimal_order(random_scheduled_chain(np.random.default_rng(0), 12), workers=2, method=method)


def percent(share):
    return "below 0.01 %" if 0 < share < 1e-4 else f"{100 * share:.3g} %"


def noted(benchmark, title, head, lines):
    table = [f"**{title}**", "", "| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    benchmark.extra_info["notes"] = ["\n".join([*table, *("| " + " | ".join(map(str, line)) + " |" for line in lines)]) + "\n"]


@pytest.mark.parametrize("length", [3, 5, 6])
def test_published_problems(benchmark, short, length):
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
            for found in (published_gaps, gaps):
                line += [percent(mean(gap == 0 for gap in found)), percent(mean(found)), percent(max(found))]
            lines.append([*line, f"{1e3 * median(times):.2f} ({1e3 * max(times):.1f})", f"{1e3 * median(exact_times):.2f}"])
        return lines

    benchmark.group = GROUP
    benchmark.extra_info.update(case=f"all published problems of {length} stages, both methods", who="chainopt")
    lines = benchmark.pedantic(run, rounds=1)
    head = ["published problems", "number", "open before", "published DP optimal", "mean gap", "worst"]
    head += ["heuristic optimal", "mean gap", "worst", "ms, median (worst)", "exact, ms"]
    noted(benchmark, f"published problems of {length} stages", head, lines)


@pytest.mark.parametrize("length", [8, 9, 10, 12, 16, pytest.param(24, marks=pytest.mark.long)])
def test_longer_chains(benchmark, short, length):
    count = 5 if short else 100 if length <= 10 else 30
    warm_up()

    def run():
        lines = []
        for workers in (2, 3, 4, 8):
            plans, times, found = [], [], []
            for seed in range(count):
                chain = random_scheduled_chain(np.random.default_rng(seed), length)
                heuristic = chainopt.optimal_order(chain, workers=workers, method="heuristic")
                plan, seconds = timed(
                    lambda c=chain, w=workers: chainopt.optimal_order(c, workers=w, method="exact", time_limit=LIMIT)
                )
                plans.append(plan)
                times.append(seconds)
                found.append(heuristic.makespan / plan.makespan - 1)
            open_gaps = [plan.makespan / plan.lower_bound - 1 for plan in plans if not plan.is_optimal]
            proved = f"{len(plans) - len(open_gaps)} of {len(plans)}"
            open_text = ", ".join(map(percent, open_gaps)) or "none"
            same = percent(mean(gap == 0 for gap in found))
            speed = f"{1e3 * median(times):.3g} ms", f"{max(times):.3g} s"
            lines.append([f"{length} stages, {workers} workers", proved, *speed, open_text, same, percent(mean(found))])
        return lines

    benchmark.group = GROUP
    benchmark.extra_info.update(case=f"{4 * count} chains of {length} stages, both methods", who="chainopt")
    lines = benchmark.pedantic(run, rounds=1)
    head = ["length", f"proved in {LIMIT:.0f} s", "median", "worst", "gaps left", "heuristic as good", "its mean gap"]
    noted(benchmark, f"random chains of {length} stages, as the published ones", head, lines)
    if length == 8:
        assert all(line[1] == f"{count} of {count}" for line in lines[:3])


def test_growth(benchmark, short, request):
    cases = [case for case in GROWTH if case[0] <= 32] if short else GROWTH
    warm_up()

    def run():
        found = {}
        for factors, workers in cases:
            gaps, times = [], []
            for seed in range(1 if short or factors > 256 else 5):
                chain = random_scheduled_chain(np.random.default_rng(seed), factors)
                plan, seconds = timed(lambda c=chain, w=workers: chainopt.optimal_order(c, workers=w, method="heuristic"))
                gaps.append(plan.makespan / plan.lower_bound - 1)
                times.append(seconds)
            found[factors, workers] = mean(gaps), mean(times)
        return found

    benchmark.group = GROUP
    benchmark.extra_info.update(case="heuristic, chains of 8 to 1,000 stages", who="chainopt")
    found = benchmark.pedantic(run, rounds=1)
    columns = sorted({workers for _, workers in found})
    lines = [
        [factors, *(f"{percent(found[factors, workers][0])}, {found[factors, workers][1]:.2g} s" for workers in columns)]
        for factors in sorted({factors for factors, _ in found})
    ]
    head = ["stages", *(f"{workers} workers" for workers in columns)]
    noted(benchmark, "heuristic: gap to its own lower bound, and time", head, lines)
    if folder := request.config.getoption("--figures"):
        plot_growth(found, Path(folder) / "growth.svg")


def plot_growth(found, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
    markers = "osv^D"
    for axes, at, label in zip(figure.subplots(1, 2), (0, 1), ("gap to the lower bound, %", "seconds"), strict=True):
        for workers, colour, marker in zip(sorted({workers for _, workers in found}), colours, markers, strict=True):
            lengths = [factors for factors, count in found if count == workers]
            values = [found[factors, workers][at] * (1 if at else 100) for factors in lengths]
            axes.plot(lengths, values, color=colour, marker=marker, markersize=4, label=f"{workers} workers")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log" if at else "linear")
        axes.set_xticks(lengths, map(str, lengths))
        axes.set_xlabel("stages")
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path)


@pytest.mark.parametrize("who", ["own search", "OR-Tools CP-SAT"])
@pytest.mark.parametrize(("length", "workers"), [(8, 2), (8, 4), (12, 2), (12, 4)])
def test_two_ways_to_a_proof(benchmark, short, length, workers, who):
    pytest.importorskip("ortools")
    method = "exact" if who == "own search" else "cp-sat"
    warm_up()

    def run():
        plans = [
            timed(
                lambda seed=seed: chainopt.optimal_order(
                    random_scheduled_chain(np.random.default_rng(seed), length), workers=workers, method=method, time_limit=LIMIT
                )
            )
            for seed in range(2 if short else 10)
        ]
        return sum(plan.is_optimal for plan, _ in plans), len(plans), mean(seconds for _, seconds in plans)

    benchmark.group = "proofs by two ways, ten chains each, at most 10 s a chain"
    benchmark.extra_info.update(case=f"{length} stages, {workers} workers", who=who)
    proved, count, seconds = benchmark.pedantic(run, rounds=1)
    note = f"{who}, {length} stages, {workers} workers: {proved} of {count} proved, {seconds:.3g} s in the mean"
    benchmark.extra_info["notes"] = [note]
    assert math.isfinite(seconds)
