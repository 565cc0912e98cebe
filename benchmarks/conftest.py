"""One group of benchmarks a question; after the run a table for each, every number beside those of its peers."""

import importlib.metadata
import os
import platform
import random
import statistics
import time
from collections import defaultdict

import pytest

PEERS = ("numpy", "numba", "scipy", "networkx", "jax", "torch", "opt_einsum", "cotengra", "dask", "ortools")

ROUND = 1e-2  # seconds for which a contender runs in a round at least: what runs before it leaves the caches to others


def pytest_addoption(parser):
    parser.addoption("--short", action="store_true", help="few rounds, and no case that takes seconds")
    parser.addoption("--figures", metavar="FOLDER", help="where to write the figures that go with the tables")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes seconds, and is left out with --short")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--short"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def short(request):
    return request.config.getoption("--short")


@pytest.fixture
def measure(benchmark, short):
    """Time a call for one line of a group's table: warmed up once, then the median of many rounds."""

    def run(group, case, who, call, *, rounds=21, iterations=1):
        benchmark.group = group
        benchmark.extra_info.update(case=case, who=who)
        if short:
            rounds, iterations = min(rounds, 3), max(1, iterations // 10)
        warm = 0 if rounds == 1 else 1
        return benchmark.pedantic(call, rounds=rounds, iterations=iterations, warmup_rounds=warm)

    return run


class Contest:
    """Contenders timed in turn, so that what else the machine does strikes them all alike; the medians go to the table."""

    def __init__(self, benchmark, *, short):
        self.benchmark, self.short = benchmark, short

    def __call__(self, group, case, calls, *, rounds=21):
        """Time the calls, by who they are of; return the medians. Quick ones run often in a round."""

        def seconds(call, repeats=1):
            begin = time.perf_counter()
            for _ in range(repeats):
                call()
            return (time.perf_counter() - begin) / repeats

        warm = {who: min(seconds(call) for _ in range(2)) for who, call in calls.items()}
        repeats = {who: max(1, min(1000, int(ROUND / warm[who]))) for who in calls}
        times = {who: [] for who in calls}
        order, shuffle = list(calls), random.Random(0).shuffle

        def one_round():
            for who in order:
                times[who].append(seconds(calls[who], repeats[who]))
            shuffle(order)

        self.benchmark.group = group
        self.benchmark.pedantic(one_round, rounds=min(rounds, 3) if self.short else rounds)
        medians = {who: statistics.median(found) for who, found in times.items()}
        self.cells(group, case, medians)
        return medians

    def cells(self, group, case, values, unit="s"):
        """Put figures into a line of a group's table."""
        cells = self.benchmark.extra_info.setdefault("cells", [])
        cells += [[group, case, who, value, unit] for who, value in values.items()]

    def note(self, text):
        """Print a line below the tables."""
        self.benchmark.extra_info.setdefault("notes", []).append(text)


@pytest.fixture
def contest(benchmark, short):
    return Contest(benchmark, short=short)


def bytes_text(size):
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"


def seconds_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio_text(ratio):
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def table(title, cells, text=seconds_text):
    """Lay one group out: the first column's own figure, then each peer's and how many times as much that is."""
    cases = list(dict.fromkeys(case for case, _ in cells))
    peers = list(dict.fromkeys(who for _, who in cells))
    first, *others = peers
    lines = [f"**{title}**", "", f"| | {' | '.join(peers)} |", "|---|" + "---:|" * len(peers)]
    for case in cases:
        own = cells.get((case, first))
        texts = [text(own) if own else "–"]
        for who in others:
            time = cells.get((case, who))
            texts.append("–" if not time else f"{text(time)} ({ratio_text(time / own)} ×)" if own else text(time))
        lines.append(f"| {case} | {' | '.join(texts)} |")
    return "\n".join(lines)


def version_of(name):
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} missing"


def pytest_terminal_summary(terminalreporter, config):
    groups = defaultdict(dict)
    notes, units = [], defaultdict(lambda: "s")
    for entry in config._benchmarksession.benchmarks:
        if entry.group and "case" in entry.extra_info:
            groups[entry.group][entry.extra_info["case"], entry.extra_info["who"]] = entry.stats.median
        for group, case, who, value, unit in entry.extra_info.get("cells", []):
            groups[group][case, who], units[group] = value, unit
        notes += entry.extra_info.get("notes", [])
    versions = ", ".join(map(version_of, PEERS))
    terminalreporter.write_line(
        f"\n{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {versions}\n"
    )
    for title, cells in groups.items():
        text = bytes_text if units[title] == "bytes" else seconds_text
        terminalreporter.write_line(table(title, cells, text) + "\n")
    for note in notes:
        terminalreporter.write_line(note)
