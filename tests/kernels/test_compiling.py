"""Compiled on first need, kept where that is possible, and not before it pays."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import chainopt
from chainopt.kernels import policy
from chainopt.kernels.interrupts import interrupts_held
from chainopt.kernels.policy import compiled

SOURCE = Path(chainopt.__file__).parents[1]
SOLVE = """
import sys
sys.path.insert(0, {source!r})
import chainopt
from chainopt.testing import chain_dims
plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims(chain_dims("random", 2000)))
assert plan.cost == chainopt.optimal_order(plan.chain, method="interval").cost
print("numba" in sys.modules)
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
    ).stdout.split()


def test_importing_chainopt_imports_nothing_large():
    large = ["numba", "networkx", "scipy", "pandas", "matplotlib", "rich", "jax", "torch"]
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import chainopt; print(*[m for m in {large} if m in sys.modules])"
    assert run(code) == []


def test_a_short_chain_does_not_pay_for_numba():
    code = f"""
import sys
sys.path.insert(0, {str(SOURCE)!r})
import chainopt
chainopt.optimal_order(chainopt.JacobianChain.from_dims(range(1, 12))).bracketing
print("numba" in sys.modules)
for _ in range(200):
    chainopt.optimal_order(chainopt.JacobianChain.from_dims(range(1, 12)))
print("numba" in sys.modules)
"""
    assert run(code) == ["False", "True"]


def test_a_cold_cache(tmp_path):
    assert run(SOLVE.format(source=str(SOURCE)), NUMBA_CACHE_DIR=str(tmp_path)) == ["True"]
    assert list(tmp_path.rglob("*.nbi"))
    assert run(SOLVE.format(source=str(SOURCE)), NUMBA_CACHE_DIR=str(tmp_path)) == ["True"]


DAMAGED = """
import sys
from pathlib import Path
sys.path.insert(0, {source!r})
from chainopt.kernels.policy import compiled

pattern, how = {damaged!r}
source, cache = Path({folder!r}, "doubling.py"), Path({folder!r}, "cache")
source.write_text("def double(value):\\n    return 2 * value\\n")

def fresh():  # as another process finds it
    space = {{}}
    exec(compile(source.read_text(), str(source), "exec"), space)
    return compiled(space["double"])

print(fresh()(21))
files = [*cache.rglob(pattern)]
for path in files:
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.unlink()
    if how == "replaced":
        path.mkdir()
    else:
        path.write_bytes(half if how == "cut" else b"")
again = fresh()
print(again(21), len(again.stats.cache_hits))
mended = fresh()
print(mended(21), len(mended.stats.cache_hits), bool(files))
"""


@pytest.mark.parametrize("damaged", [("*.nbi", "cut"), ("*.nbc", "cut"), ("*.nbc", "replaced"), ("*.nb?", "emptied")])
def test_damaged_caches(tmp_path, damaged):
    code = DAMAGED.format(source=str(SOURCE), folder=str(tmp_path), damaged=damaged)
    found = run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    is_kept_again = damaged[1] != "replaced"
    assert found == ["42", "42", "0", "42", str(int(is_kept_again)), "True"]


def test_a_helper_in_another_file_changes(tmp_path):
    (tmp_path / "doubling.py").write_text("from scaling import scale\n\ndef double(value):\n    return scale(value)\n")
    code = f"""
import sys
sys.path[:0] = [{str(SOURCE)!r}, {str(tmp_path)!r}]
sys.dont_write_bytecode = True
from chainopt.kernels.policy import compiled
import doubling, scaling
kernel = compiled(doubling.double, scaling.scale)
print(kernel(21), len(kernel.stats.cache_hits))
"""
    found = []
    for factor in (2, 2, 10):
        (tmp_path / "scaling.py").write_text(f"def scale(value):\n    return {factor} * value\n")
        os.utime(tmp_path / "scaling.py", (factor, factor))
        found.append(run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache")))
    assert found == [["42", "0"], ["42", "1"], ["210", "0"]]


def test_a_full_disk(tmp_path):
    (tmp_path / "doubling.py").write_text("def double(value):\n    return 2 * value\n")
    code = f"""
import resource, sys
sys.path[:0] = [{str(SOURCE)!r}, {str(tmp_path)!r}]
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from chainopt.kernels.policy import compiled
from doubling import double
print(compiled(double)(21))
"""
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == ["42"]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_no_interrupt_falls_into_the_import_of_numba():
    # Of every module that Numba consists of: an import that is broken off there leaves it unusable.
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(SOURCE)!r})
import chainopt
class Interrupts:
    sent = 0
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("numba", "llvmlite")) and Interrupts.sent < 40:
            Interrupts.sent += 1
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
dims = chainopt.testing.chain_dims("random", 2000)
handler = signal.getsignal(signal.SIGINT)
try:
    chainopt.optimal_order(chainopt.JacobianChain.from_dims(dims))
except KeyboardInterrupt:
    print("interrupted", Interrupts.sent)
plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims(dims), method="interval")
assert plan.cost == chainopt.optimal_order(chainopt.JacobianChain.from_dims(dims)).cost
assert signal.getsignal(signal.SIGINT) is handler
"""
    assert run(code) == ["interrupted", "40"]


def test_where_no_cache_can_be_written(monkeypatch):
    # As on a read-only installation without a home directory: Numba finds no place for its cache.
    import numba

    kept = numba.njit

    def njit(*functions, cache=False, **options):
        if cache:
            msg = "cannot cache function: no locator available"
            raise RuntimeError(msg)
        return kept(*functions, **options)

    monkeypatch.setattr(numba, "njit", njit)

    def double(value):
        return 2 * value

    assert compiled(double)(21) == 42
    assert compiled(double) is compiled(double)


# Who may write everywhere cannot see a read-only directory; Numba is told there that no place is left.
NOWHERE = "from numba.core.caching import CacheImpl; CacheImpl._locator_classes = []" if os.geteuid() == 0 else ""


def test_a_read_only_installation(tmp_path):
    copy = tmp_path / "installed"
    shutil.copytree(SOURCE / "chainopt", copy / "chainopt", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [copy, *copy.rglob("*")]:
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    try:
        code = NOWHERE + SOLVE.format(source=str(copy))
        assert run(code, HOME=str(copy), XDG_CACHE_HOME=str(copy / "no")) == ["True"]
    finally:
        for path in [copy, *copy.rglob("*")]:
            path.chmod(stat.S_IRWXU)


def test_uncompiled_seconds_add_up(monkeypatch):
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr(policy, "_spent", 0.0)
    assert not policy.compiled_pays(policy.UNCOMPILED_SECONDS * 0.6)
    assert policy.compiled_pays(policy.UNCOMPILED_SECONDS * 0.6)
    monkeypatch.setitem(sys.modules, "numba", object())
    assert policy.compiled_pays(0)


def test_no_interrupt_falls_into_a_compilation(monkeypatch):
    import numba
    from numba.core.dispatcher import Dispatcher

    held = []
    compile_for = Dispatcher.compile

    def compile_interrupted(self, signature):
        os.kill(os.getpid(), signal.SIGINT)
        held.append(signature)
        return compile_for(self, signature)

    monkeypatch.setattr(Dispatcher, "compile", compile_interrupted)

    def triple(value):
        return 3 * value

    with pytest.raises(KeyboardInterrupt):
        compiled(triple)(7)
    assert held == [(numba.int64,)]
    assert compiled(triple)(7) == 21
    assert held == [(numba.int64,)]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_held_interrupts_come_afterwards(handler):
    before = signal.signal(signal.SIGINT, handler)
    steps = []

    def work():
        with interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("done")

    try:
        if handler is signal.SIG_IGN:
            work()
        else:
            with pytest.raises(KeyboardInterrupt):
                work()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == ["done"]


def test_other_threads_hold_nothing():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with interrupts_held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
