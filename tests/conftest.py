"""What all tests share: how Hypothesis searches, and which extras must be there."""

import importlib
import logging
import os
import signal
import sys
from contextlib import contextmanager
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

# What imports JAX as it is imported itself.
WITH_JAX = (
    "functions/test_graph",
    "jax/linearized/test_*",
    "jax/mixed/test_*",
    "jax/scattered/test_*",
    "jax/test_jaxprs",
    "jax/test_unrolling",
)
is_whole = find_spec("jax") is not None or "CHAINOPT_REQUIRE_EXTRAS" in os.environ
collect_ignore_glob = [] if is_whole else [f"{name}.py" for name in WITH_JAX]

# No database: the source tree may be read-only. No deadline: machines are shared, and the first call compiles.
settings.register_profile("chainopt", database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainopt")

# What compares whole programs with the libraries' own results. Other tests run the same lines of chainopt, and coverage, which
# sees every call inside the libraries, would take two fifths longer.
UNMEASURED = {"battery", "test_random_programs.py", "test_problems.py"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if UNMEASURED.isdisjoint(item.path.parts):
        return (yield)
    tracer = sys.gettrace()  # pytest-cov's own mark stops one of the two collectors that its workers have
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.fixture(scope="session", autouse=True)
def _interrupts():
    """Let Ctrl-C interrupt: in the background of a shell it is ignored from the start, and several tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def extra(name):
    """Import an optional library; where all extras are promised, in CI, its absence is an error."""
    if os.environ.get("CHAINOPT_REQUIRE_EXTRAS"):
        return importlib.import_module(name)
    return pytest.importorskip(name)


@pytest.fixture(scope="session")
def jax():
    return extra("jax")


@pytest.fixture
def quick_and_exact(jax):
    """Compile without optimizations, which takes half as long, and compute in float64."""
    names = ("jax_enable_x64", "jax_disable_most_optimizations")
    before = {name: jax.config.read(name) for name in names}
    for name in names:
        jax.config.update(name, True)
    yield
    for name in names:
        jax.config.update(name, before[name])


@pytest.fixture(scope="session")
def torch():
    return extra("torch")


@pytest.fixture(scope="session")
def pandas():
    return extra("pandas")


@pytest.fixture(scope="session")
def benchmark_plugin():
    return extra("pytest_benchmark")


@pytest.fixture(scope="session")
def distributed():
    return extra("distributed")


@pytest.fixture(scope="session")
def new_cluster(distributed):
    """A function that starts a Dask cluster of two processes on this machine, for a while, and gives its client."""

    @contextmanager
    def start():
        address = "127.0.0.1:0"  # any port that is free
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=address, silence_logs=logging.CRITICAL
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client

    return start


@pytest.fixture(scope="module")
def dask_client(new_cluster):
    """A client of a cluster that a module shares; it ends with it, because others measure memory and would see its scheduler."""
    with new_cluster() as client:
        yield client


@pytest.fixture
def client(dask_client):
    """The same, for a test that needs no other name for it."""
    return dask_client


@pytest.fixture(scope="session")
def nbclient():
    return extra("nbclient")


@pytest.fixture(scope="session")
def import_linter():
    return extra("importlinter")


@pytest.fixture(scope="session")
def ortools():
    return extra("ortools")


@pytest.fixture
def cold(monkeypatch):
    """A process in which uncompiled kernels pay, however much has run before."""
    monkeypatch.setattr("chainopt.kernels.policy.compiled_pays", lambda _: False)


@pytest.fixture
def warm(monkeypatch):
    """A process in which compiled kernels pay."""
    monkeypatch.setattr("chainopt.kernels.policy.compiled_pays", lambda _: True)


@pytest.fixture(scope="module", autouse=True)
def _compiled(request):
    """Let go what JAX has compiled for a module: a battery of programs fills gigabytes."""
    yield
    if "jax" in request.path.parts and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(autouse=True)
def _at_once(request, monkeypatch):
    """Plan functions at their first call, and know nothing from other tests: it is the programs that most tests are about."""
    if not {"jax", "torch", "functions"}.isdisjoint(request.path.parts):
        from chainopt.functions import strategies
        from chainopt.functions.strategy import Records

        monkeypatch.setattr(strategies, "first_mode", lambda *_: None)
        monkeypatch.setattr(strategies, "PROGRAMS", Records())


@pytest.fixture
def first_calls_left(monkeypatch):
    """Leave first calls to the library, as users have it; nothing is known from other tests, and no code is young."""
    from chainopt.functions import first_calls, strategies
    from chainopt.functions.strategy import Records

    monkeypatch.setattr(strategies, "first_mode", first_calls.first_mode)
    monkeypatch.setattr(strategies, "PROGRAMS", Records())
    monkeypatch.setattr(first_calls, "HINTS", Records())
    monkeypatch.setattr(first_calls, "YOUNG", 0.0)
    monkeypatch.setattr(first_calls, "LONG", float("inf"))


@pytest.fixture
def traced(monkeypatch):
    """The functions that were traced, one after the other."""
    from chainopt.functions import strategies

    functions, original = [], strategies.prepare

    def prepare(backend, function, *others):
        functions.append(function)
        return original(backend, function, *others)

    monkeypatch.setattr(strategies, "prepare", prepare)
    return functions
