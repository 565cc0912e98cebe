"""Ctrl-C at any moment of a process's first call: the next call answers, and handlers are as before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MOMENTS = range(40) if os.environ.get("CHAINOPT_NIGHTLY") else (13,)  # of as many parts of the call
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
