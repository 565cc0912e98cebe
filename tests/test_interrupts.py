"""Ctrl-C at any moment: the next call answers, and handlers, threads, those of BLAS, and files are as before."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

NIGHTLY = os.environ.get("CHAINOPT_NIGHTLY")
MOMENTS = range(40) if NIGHTLY else (13,)  # of as many parts of the call
CALLS = {
    "a long chain": ('chainopt.JacobianChain.from_dims(chainopt.testing.chain_dims("random", 2000))', "", 2_000_000),
    "a search": ("chainopt.JacobianChain.from_dims([3, 9, 2, 8, 5, 7, 2, 6, 4, 9, 1])", ', workers=2, method="exact"', 60_000),
}
CODE = """
import os, signal, sys
sys.path.insert(0, {source!r})
import chainopt
calls = 0
def count(frame, event, arg):  # not by the clock: the moment is the same on every machine
    global calls
    calls += 1
    if calls == {moment}:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)
chain = {chain}
handler = signal.getsignal(signal.SIGINT)
try:
    sys.setprofile(count)
    chainopt.optimal_order(chain{options})
except KeyboardInterrupt:
    pass
finally:
    sys.setprofile(None)
assert signal.getsignal(signal.SIGINT) is handler
plan = chainopt.optimal_order(chain{options})
print(plan.makespan, plan.is_optimal)
"""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", CALLS)
def test_the_next_call_answers(call, moment):
    chain, options, calls = CALLS[call]
    code = CODE.format(source=str(Path(__file__).parents[1]), chain=chain, options=options, moment=1 + moment * calls // 40)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = {"a long chain": "525168683 True", "a search": None}[call]
    assert found.returncode == 0, found.stderr
    assert found.stdout.split()[1] == "True"
    assert expected is None or found.stdout.strip() == expected


LATER = """
import functools, operator, os, pathlib, signal, sys, tempfile, threading
sys.path.insert(0, {source!r})
import numpy as np
from threadpoolctl import threadpool_info
import chainopt
from chainopt.calibration import cache, products

keep = tempfile.TemporaryDirectory()
os.environ["XDG_CACHE_HOME"] = keep.name
rng = np.random.default_rng({seed})
factors = [rng.random(shape) for shape in ((40, 30), (30, 5), (5, 60), (60, 70), (70, 4), (4, 80))]
product = functools.reduce(operator.matmul, factors)
dims = rng.integers(1, 60, (64, 9))
costs = chainopt.optimal_orders(dims).costs.tolist()
small = chainopt.JacobianChain.from_dims([3, 9, 2, 8, 5, 7, 2, 6])
best = chainopt.optimal_order(small, workers=2, method="exact").makespan
plan, schedule = chainopt.optimal_order(factors), chainopt.optimal_order(factors, workers=2)

class Stage:
    shape = (3, 4)
    def matmat(self, V):
        return np.ones((3, 4)) @ V

def calibrate():
    model = products.measure((1, 8), sweeps=1, visit=1e-6)
    cache.keep(model)
    return model

calls = {{  # what is called, what is right about its answer
    "threads": (lambda: plan.execute(factors, workers=2), lambda J: np.allclose(J, product)),
    "schedule": (lambda: schedule.execute(factors), lambda J: np.allclose(J, product)),
    "many chains": (lambda: chainopt.optimal_orders(dims), lambda batch: batch.costs.tolist() == costs),
    "search": (
        lambda: chainopt.optimal_order(small, workers=2, method="exact"),
        lambda plan: plan.makespan == best if plan.is_optimal else plan.makespan >= best,
    ),
    "this machine": (calibrate, lambda model: model.unit == "seconds"),
    "stages": (lambda: chainopt.calibrate([np.ones((2, 3)), Stage()]), lambda chain: chain[1].jvp_cost > 0),
}}
passed = moment = 0

def press(frame, event, arg):  # where Python looks for signals: functions begin, and those in C have returned
    global passed
    passed += event in ("call", "c_return")
    if passed == moment:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)

def state():
    threads = sorted(thread.name for thread in threading.enumerate())
    return signal.getsignal(signal.SIGINT), threads, threadpool_info(), [*pathlib.Path(keep.name).rglob("*.part")]

def interrupted(call, at):
    global passed, moment
    passed, moment = 0, at
    try:
        sys.setprofile(press)
        return call()
    except KeyboardInterrupt:
        return None
    finally:
        sys.setprofile(None)

for name, (call, is_right) in calls.items():
    call()
    interrupted(call, -1)
    moments = range(1, passed + 1)
    if len(moments) > {most}:
        moments = sorted(map(int, rng.choice(moments, {most}, replace=False)))
    before = state()
    for at in moments:
        answer = interrupted(call, at)
        assert answer is None or is_right(answer), (name, at, answer)
        assert state() == before, (name, at, state(), before)
        assert is_right(call()), (name, at)
    print(name, len(moments))
"""


def test_calls_that_are_interrupted_later():
    seed = random.randrange(10**6) if NIGHTLY else 18
    code = LATER.format(source=str(Path(__file__).parents[1]), seed=seed, most=400 if NIGHTLY else 25)
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=None if NIGHTLY else 120
    )
    assert found.returncode == 0, f"seed {seed}: {found.stderr}"
    assert len(found.stdout.splitlines()) == 6
