"""Searches for several workers end when the time is over or the user says so, with the best plan so far."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from schedule_oracle import check_schedule

import chainopt
from chainopt import ChainError, JacobianChain, Plan
from chainopt.plan.plan_data import known_bound
from chainopt.testing import random_scheduled_chain

DIMS_PAIRS = [(30, 40), (40, 10), (10, 30)]


def some_chain(factors=9, seed=0):
    return random_scheduled_chain(np.random.default_rng(seed), factors)


def test_time_is_kept():
    chain = some_chain(60)
    for method in ("auto", "heuristic", "exact"):
        plan = chainopt.optimal_order(chain, workers=8, method=method, time_limit=0)
        check_schedule(plan)
        assert 0 < plan.lower_bound < plan.makespan
        assert known_bound(plan) == plan.lower_bound
    assert not plan.is_optimal
    assert plan.method == "exact"


def test_time_is_kept_while_tables_are_filled():
    chain = some_chain(300)
    begin = time.monotonic()
    plan = chainopt.optimal_order(chain, workers=8, time_limit=0)
    assert time.monotonic() - begin < 5
    check_schedule(plan)
    assert not plan.is_optimal
    assert 0 < chainopt.optimal_order(chain).cost / 8 * 0.99 < plan.lower_bound < plan.makespan
    assert "lower bound" in str(plan)
    assert Plan.from_json(plan.to_json()) == plan


def test_a_proof_of_a_chain_that_is_too_long_for_one_is_not_begun():
    plan = chainopt.optimal_order(some_chain(210), workers=8, method="exact", time_limit=20)
    check_schedule(plan)
    assert plan.method == ("exact" if plan.is_optimal else "heuristic")


@pytest.mark.parametrize("method", ["auto", "exact"])
def test_ints_that_no_machine_number_holds_end(method):
    rng = np.random.default_rng(0)
    dims = [10**29 * int(size) + int(rest) for size, rest in rng.integers(1, 50, (61, 2))]
    begin = time.monotonic()
    plan = chainopt.optimal_order(JacobianChain.from_dims(dims), workers=3, method=method)
    assert time.monotonic() - begin < 60
    check_schedule(plan)
    assert plan.lower_bound < plan.makespan < chainopt.optimal_order(JacobianChain.from_dims(dims)).cost
    assert plan.method == "heuristic"


def test_without_time_for_tables_dense_chains_still_get_the_least_work():
    chain = JacobianChain.from_dims(np.random.default_rng(0).integers(1, 50, 301))
    plan = chainopt.optimal_order(chain, workers=4, time_limit=0)
    check_schedule(plan)
    least = chainopt.optimal_order(chain).cost
    assert plan.makespan <= least
    assert plan.lower_bound == -(-least // 4)


def test_progress(capsys, monkeypatch):
    monkeypatch.setattr("chainopt.report.progress.SECONDS", 0.0)
    chainopt.optimal_order(some_chain(60), workers=8, progress=True, method="exact", time_limit=0.5)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "makespan" in shown.err.splitlines()[0]
    assert "gap" in shown.err


@pytest.mark.parametrize("after", [1, 2, 5])
@pytest.mark.parametrize("room", ["heuristic", "proof"])
def test_an_interrupt_ends_the_search_with_the_best_plan_so_far(monkeypatch, after, room):
    from chainopt.schedules import incumbent

    calls = 0
    keep = incumbent.Incumbent.goes_on

    def interrupted(self):
        nonlocal calls
        calls += 1
        if calls > after:
            raise KeyboardInterrupt
        return keep(self)

    monkeypatch.setattr(incumbent.Incumbent, "goes_on", interrupted)
    if room == "proof":
        monkeypatch.setattr("chainopt.schedules.heuristic.RESTARTS", 0)
    plan = chainopt.optimal_order(some_chain(60), workers=8, method="exact")
    check_schedule(plan)
    assert not plan.is_optimal
    assert 0 < plan.lower_bound < plan.makespan


def test_an_interrupt_before_there_is_a_plan(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainopt.schedules.search.instance_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        chainopt.optimal_order(DIMS_PAIRS, workers=2)


def test_or_tools_takes_over_where_the_own_search_has_found_no_proof(monkeypatch, capsys, ortools):
    assert ortools
    monkeypatch.setattr("chainopt.schedules.exact.OWN_SECONDS", 0.0)
    monkeypatch.setattr("chainopt.schedules.heuristic.FIRST_STEPS", 0)
    monkeypatch.setattr("chainopt.schedules.heuristic.LAST_STEPS", 0)
    monkeypatch.setattr("chainopt.schedules.branch_and_bound.STEPS", 1)
    monkeypatch.setattr("chainopt.report.progress.SECONDS", 0.0)
    chain = some_chain(8)
    plan = chainopt.optimal_order(chain, workers=2, method="exact", progress=True)
    assert plan.is_optimal
    check_schedule(plan)
    monkeypatch.undo()
    assert plan.makespan == chainopt.optimal_order(chain, workers=2, method="exact").makespan
    assert "makespan" in capsys.readouterr().err


@pytest.mark.parametrize(("factors", "seconds", "is_cold"), [(60, 0.5, True), (150, 2.5, False)])
def test_ctrl_c(factors, seconds, is_cold, tmp_path):
    code = f"""
import sys, numpy, chainopt
from chainopt.testing import random_scheduled_chain
chain = random_scheduled_chain(numpy.random.default_rng(0), {factors})
chainopt.optimal_order(random_scheduled_chain(numpy.random.default_rng(0), 12), workers=2, method="heuristic")
print("ready", flush=True)
plan = chainopt.optimal_order(chain, workers=8, method="exact")
print(plan.makespan, plan.lower_bound, plan.is_optimal, flush=True)
"""
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)} if is_cold else {}  # half a second later the search is still being compiled
    environment = os.environ | cache
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        answer = process.stdout.read().split()
    assert 0 < int(answer[1]) < int(answer[0])
    assert answer[2] == "False"


@pytest.mark.parametrize("thread", ["main", "other"])
def test_ctrl_c_is_pythons_again_after_or_tools(thread, ortools):
    assert ortools
    code = f"""
import os, signal, threading, time, numpy, chainopt
from chainopt.testing import random_scheduled_chain
chain = random_scheduled_chain(numpy.random.default_rng(0), 50)
def solve():
    plan = chainopt.optimal_order(chain, workers=4, method="cp-sat", time_limit={30 if thread == "main" else 2})
    print(0 < plan.lower_bound < plan.makespan, flush=True)
chainopt.optimal_order(random_scheduled_chain(numpy.random.default_rng(0), 12), workers=2, method="cp-sat", time_limit=1)
print("ready", flush=True)
if {thread == "main"}:
    solve()
else:
    other = threading.Thread(target=solve)
    other.start()
    other.join()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        begin = time.monotonic()
        if thread == "main":
            time.sleep(4)
            process.send_signal(signal.SIGINT)
        assert process.stdout.read().split() == ["True", "interrupted"]
    assert time.monotonic() - begin < 100  # OR-Tools would go on for ever


def test_without_or_tools(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    chain = some_chain(6)
    assert chainopt.optimal_order(chain, workers=2, method="exact").is_optimal
    with pytest.raises(ChainError, match=r"needs OR-Tools: install it with .*\[schedule\]"):
        chainopt.optimal_order(chain, workers=2, method="cp-sat")
