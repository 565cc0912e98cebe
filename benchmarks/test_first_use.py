"""What does the first use cost? Fresh processes: imports, the command line, and the first call beside the second."""

import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

WHOLE = "a fresh process, beginning to end"
CALLS = "the first call in a process, and the second"
PROCESSES = {
    "chainopt order, 10 factors": ["-m", "chainopt", "order", *[f"{size}x{size + 1}" for size in range(1, 11)]],
    "import chainopt": ["-c", "import chainopt"],
    "import numpy": ["-c", "import numpy"],
    "import opt_einsum": ["-c", "import opt_einsum"],
    "import cotengra": ["-c", "import cotengra"],
    "import torch": ["-c", "import torch"],
}
TIMED = """
import time
{prepare}
begin = time.perf_counter()
{call}
between = time.perf_counter()
{call}
print(between - begin, time.perf_counter() - between)
"""
FIRST = {
    "10 factors, chainopt": (
        "import chainopt\nshapes = [(n, n + 1) for n in range(1, 11)]",
        "chainopt.optimal_order(shapes).cost",
    ),
    "10 factors, numpy.multi_dot": (
        "import numpy\nfactors = [numpy.ones((n, n + 1)) for n in range(1, 11)]",
        "numpy.linalg.multi_dot(factors)",
    ),
    "10 factors, opt_einsum": (
        "import opt_einsum\nshapes = [(n, n + 1) for n in range(1, 11)]",
        "opt_einsum.contract_path('ab,bc,cd,de,ef,fg,gh,hi,ij,jk->ak', *shapes, shapes=True, optimize='dp')",
    ),
    "10,000 factors, chainopt": (
        "import chainopt, numpy\nsizes = numpy.random.default_rng(0).integers(1, 1000, 10_001)",
        "chainopt.optimal_order(chainopt.JacobianChain.from_dims(sizes)).cost",
    ),
}


@pytest.fixture(scope="module")
def as_installed(tmp_path_factory):
    """Keep bytecode, as pip does when it installs."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}


def ended(arguments, environment):
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, env=environment)
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_whole_processes(contest, as_installed):
    there = {who: command for who, command in PROCESSES.items() if find_spec(command[1].split()[-1]) or command[0] == "-m"}
    calls = {who: lambda command=command: ended(command, as_installed) for who, command in there.items()}
    contest(WHOLE, "whole process", calls, rounds=15)
    contest.missing(WHOLE, "whole process", [who for who in PROCESSES if who not in there])
    assert "optimal" in calls["chainopt order, 10 factors"]()


@pytest.mark.parametrize("case", FIRST)
def test_first_call(contest, as_installed, case, short):
    prepare, call = FIRST[case]

    def run():
        text = TIMED.format(prepare=prepare, call=call)
        outputs = [ended(["-c", text], as_installed) for _ in range(1 if short else 9)]
        return None if None in outputs else [list(map(float, output.split())) for output in outputs]

    rounds = contest.once(CALLS, run)
    if rounds is None:
        contest.missing(CALLS, case, ["second", "first"])
        return
    first, second = (statistics.median(column) for column in zip(*rounds, strict=True))
    contest.cells(CALLS, case, {"second": second, "first": first})
    assert first > 0


@pytest.mark.long
def test_never_compiled(contest, as_installed, tmp_path):
    """The very first call of a long chain on a machine: Numba compiles, and keeps what it compiled."""
    prepare, call = FIRST["10,000 factors, chainopt"]
    text = TIMED.format(prepare=prepare, call=call)

    def run():
        begin = time.perf_counter()
        output = ended(["-c", text], as_installed | {"NUMBA_CACHE_DIR": str(tmp_path)})
        return list(map(float, output.split())), time.perf_counter() - begin

    (first, second), _ = contest.once(CALLS, run)
    contest.cells(CALLS, "10,000 factors, chainopt, the first time on a machine", {"second": second, "first": first})
    assert first > second
