"""One group of benchmarks a question; after the run a table for each, every number beside those of its peers."""

import importlib.metadata
import os
import platform
from collections import defaultdict

import pytest

PEERS = ("numpy", "numba", "scipy", "networkx", "jax", "torch", "opt_einsum", "cotengra", "ortools")


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


def seconds_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio_text(ratio):
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def table(title, cells):
    """Lay one group out: the first column's own time, then each peer's time and how many times as long that is."""
    cases = list(dict.fromkeys(case for case, _ in cells))
    peers = list(dict.fromkeys(who for _, who in cells))
    first, *others = peers
    lines = [f"**{title}**", "", f"| | {' | '.join(peers)} |", "|---|" + "---:|" * len(peers)]
    for case in cases:
        own = cells.get((case, first))
        texts = [seconds_text(own) if own else "–"]
        for who in others:
            time = cells.get((case, who))
            texts.append("–" if not time else f"{seconds_text(time)} ({ratio_text(time / own)} ×)" if own else seconds_text(time))
        lines.append(f"| {case} | {' | '.join(texts)} |")
    return "\n".join(lines)


def version_of(name):
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} missing"


def pytest_terminal_summary(terminalreporter, config):
    groups = defaultdict(dict)
    notes = []
    for entry in config._benchmarksession.benchmarks:
        if entry.group and "case" in entry.extra_info:
            groups[entry.group][entry.extra_info["case"], entry.extra_info["who"]] = entry.stats.median
            notes += entry.extra_info.get("notes", [])
    versions = ", ".join(map(version_of, PEERS))
    terminalreporter.write_line(
        f"\n{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {versions}\n"
    )
    for title, cells in groups.items():
        terminalreporter.write_line(table(title, cells) + "\n")
    for note in notes:
        terminalreporter.write_line(note)
