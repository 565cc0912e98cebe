"""Sparse Jacobians and Hessians of JAX functions, compiled, beside those of asdex and sparsejac, where those are installed."""

import importlib
import time
import warnings
from functools import partial

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from jax.experimental.sparse import BCOO  # noqa: E402

from chainopt.jax import hessian, jacobian, sparsity  # noqa: E402 -- it needs JAX
from chainopt.structure.greedy_coloring import greedy_colors  # noqa: E402

OURS = "chainopt.jax"
JACOBIANS, HESSIANS = "sparse Jacobians of JAX functions", "sparse Hessians of JAX functions"
DETECTION = "finding patterns of JAX functions"
PREPARING = "finding pattern and colors of JAX functions, and compiling"


def stencil(u):
    return 0.1 * (jnp.roll(u, -1) - 2 * u + jnp.roll(u, 1)) - u * (jnp.roll(u, -1) - jnp.roll(u, 1))


def brusselator(points):
    def function(y):
        u, v = y.reshape(2, points, points)

        def spread(a):
            return sum(jnp.roll(a, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * a

        rates = 1 + u * u * v - 4.4 * u + 0.1 * spread(u), 3.4 * u - u * u * v + 0.1 * spread(v)
        return jnp.concatenate([rate.ravel() for rate in rates])

    return function, 2 * points**2


def convolution(points):
    kernel = np.random.default_rng(0).normal(size=(1, 1, 3, 3)).astype(np.float32)

    def function(x):
        return jnp.tanh(jax.lax.conv_general_dilated(x.reshape(1, 1, points, points), kernel, (1, 1), "SAME")).ravel()

    return function, points**2


def assembly(points):
    grid = np.arange(points**2).reshape(points, points)
    corners = [part.ravel() for part in (grid[:-1, :-1], grid[1:, :-1], grid[:-1, 1:], grid[1:, 1:])]
    triangles = np.r_[np.stack(corners[:3], 1), np.stack([corners[3], corners[2], corners[1]], 1)]

    def function(x):
        values = x[triangles]
        return jnp.zeros_like(x).at[triangles].add(values * jnp.sum(values**2, axis=1, keepdims=True))

    return function, points**2


def blocks(x):
    z = x.reshape(-1, 5)
    return (jnp.sin(z) * jnp.sum(z * z, 1, keepdims=True)).ravel()


def arrowhead(x):
    return (jnp.sin(x) * x[0]).at[0].set(jnp.sum(x**2))


CASES = {
    "Burgers 1,000": lambda: (stencil, 1000),
    "Burgers 100,000": lambda: (stencil, 100_000),
    "Brusselator 32 x 32": lambda: brusselator(32),
    "Brusselator 128 x 128": lambda: brusselator(128),
    "convolution 64 x 64": lambda: convolution(64),
    "assembly of triangles, 64 x 64": lambda: assembly(64),
    "2,000 blocks of 5": lambda: (blocks, 10_000),
    "arrowhead 10,000": lambda: (arrowhead, 10_000),
}
ENERGIES = {
    "Rosenbrock 10,000": (lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), 10_000),
    "2,000 products of 5": (lambda x: jnp.sum(jnp.prod(x.reshape(-1, 5), 1)), 10_000),
}
QUICK = {"Burgers 1,000", "Brusselator 32 x 32", "Rosenbrock 10,000"}


def chosen(cases):
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in cases]


def by_asdex(function, x, kind):
    asdex = importlib.import_module("asdex")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which it gives where colors do not help
        coloring = getattr(asdex, f"{kind}_coloring")(function, x)
    return getattr(asdex, f"{kind}_from_coloring")(function, coloring, output_format="bcoo")


def by_sparsejac(function, pattern):
    sparsejac = importlib.import_module("sparsejac")
    return sparsejac.jacfwd(function, BCOO.from_scipy_sparse(pattern.astype(float)))


def compiled(makers, x):
    """Make and call each once; return those that are there, the seconds that took, and who is missing."""
    calls, seconds, missing = {}, {}, []
    for who, make in makers.items():
        begin = time.perf_counter()
        try:
            call = jax.jit(make())
        except ModuleNotFoundError:
            missing.append(who)
            continue
        jax.block_until_ready(call(x).data)
        calls[who], seconds[who] = call, time.perf_counter() - begin
    return calls, seconds, missing


def compare(contest, group, name, makers, x):
    calls, seconds, missing = compiled(makers, x)
    reference = calls[OURS](x)
    for call in calls.values():
        other = call(x)
        vector = jnp.cos(jnp.arange(reference.shape[1], dtype=x.dtype))
        np.testing.assert_allclose(reference @ vector, other @ vector, rtol=1e-3, atol=1e-3)
    contest(group, name, {who: lambda call=call: jax.block_until_ready(call(x).data) for who, call in calls.items()}, rounds=51)
    contest.cells(PREPARING, name, seconds)
    contest.missing(group, name, missing)


@pytest.mark.parametrize("name", chosen(CASES))
def test_jacobians(contest, name):
    function, size = CASES[name]()
    x = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1.0, size), dtype=jnp.float32)
    prepared = jacobian(function, sparse=True).prepare(x)
    makers = {OURS: lambda: jacobian(function, sparse=True).prepare(x), "asdex": lambda: by_asdex(function, x, "jacobian")}
    if size < 5000:  # it colors for minutes
        makers["sparsejac"] = lambda: by_sparsejac(function, prepared.pattern)
    compare(contest, JACOBIANS, name, makers, x)
    contest.note(f"{name}: {prepared.pattern.nnz:,} nonzeros, {prepared.colors}")


@pytest.mark.parametrize("name", chosen(["Burgers 1,000", "Brusselator 32 x 32", "Brusselator 128 x 128"]))
def test_detection(contest, name):
    function, size = CASES[name]()
    x = jnp.ones(size)
    calls = {OURS: lambda: sparsity(partial(function), x)}  # a function of its own each time: nothing is known of it
    try:
        asdex = importlib.import_module("asdex")
    except ModuleNotFoundError:
        contest.missing(DETECTION, name, ["asdex"])
    else:
        calls["asdex"] = lambda: asdex.jacobian_sparsity(partial(function), x)
        assert calls["asdex"]().nnz == calls[OURS]().nnz
    contest(DETECTION, name, calls, rounds=5)


@pytest.mark.parametrize("name", chosen(ENERGIES))
def test_hessians(contest, name):
    function, size = ENERGIES[name]
    x = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1.0, size), dtype=jnp.float32)
    makers = {OURS: lambda: hessian(function, sparse=True).prepare(x), "asdex": lambda: by_asdex(function, x, "hessian")}
    compare(contest, HESSIANS, name, makers, x)


@pytest.mark.parametrize("name", ["Burgers 100,000", "Brusselator 128 x 128"])
def test_coloring(contest, name):
    function, size = CASES[name]()
    pattern = jacobian(function, sparse=True).prepare(jnp.ones(size)).pattern
    contest("coloring the columns of sparse patterns", name, {"chainopt": lambda: greedy_colors(pattern)}, rounds=11)
    contest.note(
        f"colors of {name}: {int(greedy_colors(pattern).max()) + 1}, the fullest row has {np.diff(pattern.indptr).max()}"
    )


def test_coloring_random_columns(contest):
    """Each row has five places at random: no column can be counted off."""
    scipy_sparse = pytest.importorskip("scipy.sparse")
    places = np.random.default_rng(0).integers(0, 100_000, 500_000)
    pattern = scipy_sparse.csr_array((np.ones(places.size, bool), (np.repeat(np.arange(100_000), 5), places)))
    pattern.sum_duplicates()
    from scipy.optimize._numdiff import group_columns

    calls = {"chainopt": lambda: greedy_colors(pattern), "scipy's group_columns": lambda: group_columns(pattern)}
    contest("coloring the columns of sparse patterns", "100,000 columns, five a row at random", calls, rounds=7)
    colors = {who: int(call().max()) + 1 for who, call in calls.items()}
    contest.note(f"five a row at random: {' and '.join(f'{count} colors by {who}' for who, count in colors.items())}")


GLOBAL = {
    "stencil and two global terms": lambda x: stencil(x) * jnp.exp(-jnp.mean(x**2)) + jax.nn.logsumexp(x),
    "softmax": jax.nn.softmax,
}


@pytest.mark.parametrize("name", GLOBAL)
def test_sparse_plus_low_rank(contest, name):
    function = GLOBAL[name]
    x = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1.0, 4000), dtype=jnp.float32)
    calls = {"chainopt.jax": jacobian(function, sparse="low-rank").prepare(x), "jax.jacfwd": jax.jacfwd(function)}
    calls = {who: jax.jit(call) for who, call in calls.items()}
    sparse, left, right = calls["chainopt.jax"](x)
    np.testing.assert_allclose(sparse.todense() + left @ right, calls["jax.jacfwd"](x), rtol=1e-3, atol=1e-6)
    timed = {who: lambda call=call: jax.block_until_ready(call(x)) for who, call in calls.items()}
    contest("sparse plus low rank, 4,000 inputs", name, timed, rounds=5)
    contest.note(f"{name}: rank {left.shape[1]}, {sparse.nse:,} nonzeros")


SCATTERED = {
    "Burgers, 1,000": (stencil, 1000),
    "stencil and two global terms, 1,000": (GLOBAL["stencil and two global terms"], 1000),
    "stencil and two global terms, 4,000": (GLOBAL["stencil and two global terms"], 4000),
    "nothing to find: a running sum, 1,000": (lambda x: jnp.tanh(jnp.cumsum(jnp.sin(x))), 1000),
}


@pytest.mark.parametrize("name", SCATTERED)
def test_full_arrays(contest, name):
    """What is sparse, or that and low rank, as a full array, which nobody has asked to be anything else."""
    function, size = SCATTERED[name]
    x = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1.0, size), dtype=jnp.float32)
    calls = {OURS: jacobian(function), "jax.jacfwd": jax.jacfwd(function), "jax.jacrev": jax.jacrev(function)}
    calls = {who: jax.jit(call) for who, call in calls.items()}
    np.testing.assert_allclose(calls[OURS](x), calls["jax.jacfwd"](x), rtol=1e-3, atol=1e-4)
    timed = {who: lambda call=call: jax.block_until_ready(call(x)) for who, call in calls.items()}
    contest("Jacobians with few nonzeros, or few but for thin matrices, as full arrays", name, timed, rounds=7)


def costly(u):
    for _ in range(10):
        u = u + 0.1 * jnp.sin(u) * jnp.exp(-u * u)
    return u


def line(u, prepare=costly):
    u = prepare(u)
    return u + 0.1 * (jnp.roll(u, 1) - 2 * u + jnp.roll(u, -1)) + 0.1 * u * (1 - u)


def square(u, prepare=costly):
    u = prepare(u).reshape(32, 32)
    spread = sum(jnp.roll(u, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * u
    return (u + 0.1 * spread + 0.1 * u * (1 - u)).ravel()


def cheap(step):
    return lambda u: step(u, lambda u: u)


def sines(u):
    before, after = jnp.roll(u, 1), jnp.roll(u, -1)
    waves = 0.1 * jnp.tanh(before - u) * jnp.exp(-after * after) + 0.05 * jnp.sin(before * after) * jnp.exp(-u * u)
    return u + waves - 0.1 * jnp.tanh(u + before + after) * jnp.sin(u)


STEPS = {
    "six costly five-point steps on 32 x 32": (square, 6, 1024),
    "ten costly steps in 1-D": (line, 10, 1000),
    "six cheap five-point steps on 32 x 32": (cheap(square), 6, 1024),
    "ten cheap steps in 1-D": (cheap(line), 10, 1000),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long]) for name in STEPS])
def test_stages(contest, name):
    step, count, size = STEPS[name]

    def function(u):
        for _ in range(count):
            u = step(u)
        return u

    x = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1.0, size), dtype=jnp.float32)
    makers = {OURS: lambda: jacobian(function, sparse=True).prepare(x)}
    makers["chainopt.jax, one coloring"] = lambda: jacobian(function, sparse=True, mode="forward").prepare(x)
    makers["asdex"] = lambda: by_asdex(function, x, "jacobian")
    compare(contest, "sparse Jacobians of several steps", name, makers, x)
    plan = jacobian(function, sparse=True).prepare(x).plan
    contest.note(f"{name}: {'one coloring' if plan is None else f'{len(plan.chain)} stages'}")


ENDS = {"ten steps of ten": (line, 10), "ten steps of sines of neighbors": (sines, 10), "three cheap steps": (cheap(line), 3)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name == "ten steps of ten")) for name in ENDS])
def test_dense_ends(contest, name):
    """Between a dense matrix into 2,000 numbers and one out of them."""
    step, count = ENDS[name]
    rng = np.random.default_rng(0)
    into, out = (jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[1]), jnp.float32) for shape in ((2000, 64), (64, 2000)))

    def function(x):
        u = into @ x
        for _ in range(count):
            u = step(u)
        return out @ u

    x = jnp.asarray(rng.normal(size=64), jnp.float32)
    makers = {OURS: jacobian, "jax.jacfwd": jax.jacfwd}
    calls = {who: jax.jit(make(function)) for who, make in makers.items()}
    ours, theirs = [call(x) for call in calls.values()]
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    timed = {who: lambda call=call: jax.block_until_ready(call(x)) for who, call in calls.items()}
    contest("Jacobians of sparse steps between dense ends, 64-2,000-64", name, timed, rounds=21)
    contest.note(f"between dense ends, {name}: {len(jacobian(function).plan(x).chain)} stages")
