"""Compiled on first need, kept where that is possible, and not before it pays."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import chainopt
from chainopt.solvers import warmth

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
    from chainopt.kernels.compiling import compiled

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


def test_warmth_adds_up(monkeypatch):
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr(warmth, "_spent", 0.0)
    assert not warmth.compiled_pays(warmth.UNCOMPILED_SECONDS * 0.6)
    assert warmth.compiled_pays(warmth.UNCOMPILED_SECONDS * 0.6)
    monkeypatch.setitem(sys.modules, "numba", object())
    assert warmth.compiled_pays(0)
