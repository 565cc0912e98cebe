"""How long does it take to find the pattern of a Jacobian? Tracing included; beside asdex, and a dense Jacobian's nonzeros.

Those say what holds at one point only. "again" is what a second call takes, whose function has been traced before.
"""

import importlib.util

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from chainopt.jax import sparsity  # noqa: E402

MOST_COLUMNS = 2_500  # of a dense Jacobian


def burgers(u):
    return u - 0.1 * u * (u - jnp.roll(u, 1)) + 0.01 * (jnp.roll(u, 1) + jnp.roll(u, -1) - 2 * u)


def brusselator(size):
    def laplacian(w):
        return jnp.roll(w, 1, 0) + jnp.roll(w, -1, 0) + jnp.roll(w, 1, 1) + jnp.roll(w, -1, 1) - 4 * w

    def function(z):
        u, v = z.reshape(2, size, size)
        return jnp.stack([1 + u * u * v - 4.4 * u + laplacian(u), 3.4 * u - u * u * v + laplacian(v)]).ravel()

    return function


def arrowhead(x):
    return (jnp.sin(x) * x[0]).at[0].set(jnp.sum(x**2))


CASES = {
    "Burgers, 1,000": (burgers, 1_000),
    "Brusselator, 32 x 32": (brusselator(32), 2 * 32**2),
    "Brusselator, 128 x 128": (brusselator(128), 2 * 128**2),
    "Burgers, 100,000": (burgers, 100_000),
    "arrowhead, 10,000": (arrowhead, 10_000),
}
SHORT = {"Burgers, 1,000", "arrowhead, 10,000"}


@pytest.mark.parametrize(
    "case",
    [case if case.startswith(("Burgers, 1,000", "arrow")) else pytest.param(case, marks=pytest.mark.long) for case in CASES],
)
def test_detecting(contest, case):
    function, columns = CASES[case]
    x = jnp.asarray(np.random.default_rng(0).standard_normal(columns))
    group = "finding the pattern of a Jacobian"

    def fresh():
        jax.clear_caches()
        return sparsity(lambda x: function(x), x)  # noqa: PLW0108 -- one that has not been traced

    calls = {"chainopt": fresh, "chainopt, again": lambda: sparsity(function, x)}
    expected = sparsity(function, x)
    if importlib.util.find_spec("asdex"):
        import asdex

        def their_fresh():
            jax.clear_caches()
            return asdex.jacobian_sparsity(lambda x: function(x), x)  # noqa: PLW0108 -- as above

        calls |= {"asdex": their_fresh, "asdex, again": lambda: asdex.jacobian_sparsity(function, x)}
        assert asdex.jacobian_sparsity(function, x).nnz == expected.nnz
    if columns <= MOST_COLUMNS:
        dense = jax.jit(jax.jacfwd(function))
        assert not (np.asarray(dense(x)) != 0)[~expected.toarray()].any()
        calls["nonzeros of jax.jacfwd"] = lambda: np.nonzero(np.asarray(dense(x)))
    medians = contest(group, case, calls, rounds=7)
    if "asdex" not in calls:
        contest.missing(group, case, ["asdex", "asdex, again"])
    else:
        ratio = medians["asdex, again"] / medians["chainopt, again"]
        contest.note(f"{case}: a pattern is found again in 1/{ratio:.0f} of the time of asdex")
