"""Jacobians of JAX functions against jax.jacfwd, jax.jacrev and a split written by hand, all compiled, in the same run."""

import time

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from jax_problems import NARROW, NOTHING_TO_GAIN, layers  # noqa: E402 -- they need JAX

from chainopt.jax import hessian, jacobian  # noqa: E402

HAND = "split by hand"
LONG = 3  # seconds of compiling that are spent once only


def long_after(names, first):
    return [pytest.param(name, marks=[] if name in first else [pytest.mark.long]) for name in names]


def compiled(calls, x, rounds):
    """Trace and compile all in turn, each time as if for the first time; return what was compiled, and the least seconds."""
    executables, seconds = {}, dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for who, make in calls.items():
            if executables.get(who) is not None and seconds[who] > LONG:
                continue
            jax.clear_caches()
            begin = time.perf_counter()
            executables[who] = jax.jit(make()).lower(x).compile()
            seconds[who] = min(seconds[who], time.perf_counter() - begin)
    return executables, seconds


def ready(call, x):
    return lambda: jax.block_until_ready(call(x))


def assert_equal(one, other):
    scale = max(float(abs(other).max()), 1e-30)
    assert float(abs(one - other).max()) <= 1e-5 * scale


@pytest.mark.parametrize("name", long_after(NARROW, ["hourglass 512-512-8-512-512"]))
def test_a_narrow_place(contest, short, name):
    problem = NARROW[name]
    function, x = problem.function, problem.point(np.float32)
    calls = {
        "chainopt.jax": lambda: jacobian(function),
        "jax.jacfwd": lambda: jax.jacfwd(function),
        "jax.jacrev": lambda: jax.jacrev(function),
        HAND: lambda: problem.by_hand,
    }
    executables, seconds = compiled(calls, x, 1 if short else 2)
    for who in executables:
        assert_equal(executables["chainopt.jax"](x), executables[who](x))
    contest("Jacobians of JAX functions", name, {who: ready(call, x) for who, call in executables.items()}, rounds=31)
    contest.cells("tracing and compiling Jacobians of JAX functions", name, seconds)
    memory = {who: call.memory_analysis().temp_size_in_bytes for who, call in executables.items()}
    contest.cells("temporary memory of Jacobians of JAX functions, by XLA's analysis", name, memory, "bytes")
    plan = jacobian(function).plan(x)
    contest.note(f"{name}: {plan.bracketing}, {plan.cost:,} multiply-adds, dims {'-'.join(map(str, plan.chain.dims[::-1]))}")


@pytest.mark.parametrize("name", long_after(NOTHING_TO_GAIN, ["Roe flux 6 -> 3"]))
def test_nothing_to_gain(contest, name):
    problem = NOTHING_TO_GAIN[name]
    function, x = problem.function, problem.point(np.float32)
    tuned = jacobian(function).tune(x)
    calls = {
        "chainopt.jax": jax.jit(jacobian(function)),
        "after tune": tuned,
        "jax.jacfwd": jax.jit(jax.jacfwd(function)),
        "jax.jacrev": jax.jit(jax.jacrev(function)),
    }
    for call in calls.values():
        assert_equal(calls["chainopt.jax"](x), call(x))
    contest("Jacobians of JAX functions, nothing to gain", name, {who: ready(call, x) for who, call in calls.items()}, rounds=101)


def oscillators(y, step=0.05):
    """Return a step of Runge and Kutta's method for a ring of coupled oscillators."""

    def slope(y):
        return jnp.sin(jnp.roll(y, 1) - y) * y

    first = slope(y)
    second = slope(y + step / 2 * first)
    third = slope(y + step / 2 * second)
    return y + step / 6 * (first + 2 * second + 2 * third + slope(y + step * third))


def integrated(y, steps=6):
    for _ in range(steps):
        y = oscillators(y)
    return y


WITH_SINES = {
    "128 oscillators, 6 steps": (integrated, 128),
    "128 oscillators, a loop of 30 steps": (lambda y: jax.lax.fori_loop(0, 30, lambda _, y: oscillators(y), y), 128),
    "200 oscillators, 16 of them": (lambda y: integrated(y)[::13], 200),
    "16 numbers, 208 oscillators": (lambda x: integrated(jnp.tile(x, 13)), 16),
}


@pytest.mark.parametrize("name", long_after(WITH_SINES, ["128 oscillators, a loop of 30 steps"]))
def test_sines_of_sines(contest, short, name):
    function, size = WITH_SINES[name]
    x = jnp.asarray(np.random.default_rng(3).uniform(0.2, 1.2, size), np.float32)
    makers = {"chainopt.jax": jacobian, "jax.jacfwd": jax.jacfwd, "jax.jacrev": jax.jacrev}
    calls = {who: (lambda make=make: make(function)) for who, make in makers.items()}
    executables, seconds = compiled(calls, x, 1 if short else 2)
    for who in executables:
        assert_equal(executables["chainopt.jax"](x), executables[who](x))
    table = "Jacobians of JAX functions with sines of sines"
    contest(table, name, {who: ready(call, x) for who, call in executables.items()}, rounds=31)
    contest.cells(f"tracing and compiling {table}", name, seconds)
    memory = {who: call.memory_analysis().temp_size_in_bytes for who, call in executables.items()}
    contest.cells(f"temporary memory of {table}, by XLA's analysis", name, memory, "bytes")


def stages_of_a_step(u):
    """Return a step of Runge and Kutta's method for predators and their prey."""

    def rate(u):
        prey, predators = jnp.split(u, 2)
        return jnp.concatenate([prey - prey * predators, prey * predators - predators])

    first = rate(u)
    second = rate(u + 0.005 * first)
    third = rate(u + 0.005 * second)
    return u + 0.01 / 6 * (first + 2 * second + 2 * third + rate(u + 0.01 * third))


LOOPS = {  # a step, how many numbers it takes, and how many inputs and results the function has
    "Burgers": (lambda u: u - 0.01 * u * (jnp.roll(u, -1) - jnp.roll(u, 1)), 64, 8, 4),
    "Runge-Kutta, Lotka-Volterra": (stages_of_a_step, 20, 8, 2),
    "recurrent network, u @ W": (lambda u: jnp.tanh(u @ TURNED.T), 64, 16, 8),
    "recurrent network, W @ u": (lambda u: jnp.tanh(TURNED @ u), 64, 12, 12),
}
TURNED = jnp.asarray(np.random.default_rng(4).standard_normal((64, 64)) / 8, np.float32)


@pytest.mark.parametrize("points", [1, 32])
@pytest.mark.parametrize("name", long_after(LOOPS, ["Burgers"]))
def test_loops(contest, name, points):
    step, size, inputs, results = LOOPS[name]
    before, after = layers(inputs, size), layers(size, results, seed=1)

    def function(x):
        return after(jax.lax.scan(lambda u, _: (step(u), None), before(x), None, length=64)[0])

    x = jnp.asarray(np.random.default_rng(5).uniform(0.2, 0.9, (points, inputs)), np.float32)
    makers = {"chainopt.jax": jacobian, "jax.jacfwd": jax.jacfwd, "jax.jacrev": jax.jacrev}
    calls = {who: jax.jit(jax.vmap(make(function))).lower(x).compile() for who, make in makers.items()}
    for call in calls.values():
        np.testing.assert_allclose(calls["chainopt.jax"](x), call(x), rtol=1e-3, atol=1e-5)
    table = "Jacobians of JAX functions with a loop of 64 steps"
    contest(
        table, f"{name}, {inputs} -> {results}, {points} points", {who: ready(call, x) for who, call in calls.items()}, rounds=31
    )


@pytest.mark.parametrize(
    "sizes", [(100, 4, 100), (16, 128, 16), (64, 64, 4, 64, 64)], ids=lambda sizes: "-".join(map(str, sizes))
)
def test_many_points(contest, sizes):
    function, batch = layers(*sizes), jnp.asarray(np.random.default_rng(6).standard_normal((64, sizes[0])), np.float32)
    makers = {"chainopt.jax": jacobian, "jax.jacfwd": jax.jacfwd, "jax.jacrev": jax.jacrev}
    calls = {who: jax.jit(jax.vmap(make(function))).lower(batch).compile() for who, make in makers.items()}
    for call in calls.values():
        assert_equal(calls["jax.jacrev"](batch), call(batch))
    table = "Jacobians of JAX functions under vmap, 64 points"
    contest(table, "-".join(map(str, sizes)), {who: ready(call, batch) for who, call in calls.items()}, rounds=51)


def losses():
    """Functions of 1,000 numbers to one; of the last one nothing is to be gained."""
    features = jnp.asarray(np.random.default_rng(2).standard_normal((1000, 8)) / 30, np.float32)
    net, narrow = layers(8, 512, 512, 1), layers(1000, 256, 8, 1)
    return {
        "linear 1000-8, tanh 8-512-512-1": lambda x: net(x @ features)[0],
        "tanh 1000-8-512-512-1": lambda x: net(jnp.tanh(x @ features))[0],
        "tanh 1000-256-8-1": lambda x: narrow(x)[0],
        "Rosenbrock of 1000": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
    }


@pytest.mark.parametrize("name", losses())
def test_hessians(contest, name):
    function, x = losses()[name], jnp.asarray(np.random.default_rng(9).standard_normal(1000), np.float32)
    calls = {who: jax.jit(make(function)) for who, make in {"chainopt.jax": hessian, "jax.hessian": jax.hessian}.items()}
    assert_equal(*[call(x) for call in calls.values()])
    contest("Hessians of JAX functions", name, {who: ready(call, x) for who, call in calls.items()}, rounds=31)


def test_a_gather_out_of_a_million(contest):
    """Forward mode would need a million columns: jax issue 719."""
    places = jnp.asarray(np.random.default_rng(0).integers(0, 10**6, 10))
    weights = jnp.asarray(np.random.default_rng(1).standard_normal((10, 5)), np.float32)
    x = jnp.ones(10**6, np.float32)
    makers = {"chainopt.jax": jacobian, "jax.jacrev": jax.jacrev}
    calls = {who: jax.jit(maker(lambda x: jnp.tanh(x[places] @ weights))) for who, maker in makers.items()}
    contest("Jacobians of JAX functions", "10 out of 1,000,000, a product", {who: ready(call, x) for who, call in calls.items()})
    assert_equal(*[call(x) for call in calls.values()])
