"""One group of benchmarks a question; after the run a table for each, every number beside those of its peers."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reporting.contest import Contest
from benchmarks.reporting.machine import machine, versions
from benchmarks.reporting.markdown import report_text
from benchmarks.reporting.recorder import Recorder
from benchmarks.reporting.results import Results

RECORDER = pytest.StashKey[Recorder]()


def pytest_addoption(parser):
    parser.addoption("--short", action="store_true", help="few rounds, and no case that takes seconds")
    parser.addoption("--record", metavar="FILE", help="where to write what each benchmark reports, one JSON object a line")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes seconds, and is left out with --short")
    path = config.getoption("--record")
    config.stash[RECORDER] = Recorder(path and Path(path))
    config.pluginmanager.register(config.stash[RECORDER], "benchmark-recorder")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--short"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.config.stash[RECORDER].finished(item, report)
    return report


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--record"):
        return
    results = Results(machine=machine(), versions=versions())
    for event in config.stash[RECORDER].events:
        results.fold(event)
    terminalreporter.write_line("\n" + report_text(results))


@pytest.fixture
def short(request):
    return request.config.getoption("--short")


@pytest.fixture
def contest(benchmark, short):
    return Contest(benchmark, short=short)


@pytest.fixture
def one_blas_thread():
    """Let products have one thread: several wait for each other wherever the machine does something else too."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    np.ones((2, 2)) @ np.ones((2, 2))
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch")  # brings threads of its own
    with threadpoolctl.threadpool_limits(1):
        yield
