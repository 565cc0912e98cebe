"""Patterns of loops and branches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax_patterns import battery, check, pattern

WEIGHTS = np.arange(1.0, 13)


def repeat(x, step, length):
    return lax.scan(lambda state, _: (step(state), None), x, None, length=length)[0]


def heat(x):
    return x + 0.1 * (jnp.roll(x, 1) - x) * jnp.tanh(x) ** 2


def halves(x):
    return x.reshape(2, 6)


test_patterns = battery(
    {
        "five steps": lambda x: repeat(x, heat, 5),
        "three hundred steps of entries": lambda x: repeat(x, lambda c: c * jnp.tanh(x), 300),
        "three hundred steps of neighbors": (lambda x: repeat(x, heat, 300), False),
        "many steps of halves": (lambda x: repeat(halves(x), jax.vmap(heat), 500), False),
        "steps that give something": lambda x: lax.scan(lambda c, v: (v, c * v), 1.0, x)[1],
        "steps from behind": lambda x: lax.scan(lambda c, v: (v, c * v), 1.0, x, reverse=True)[1],
        "running sums": lambda x: lax.scan(lambda c, v: (c + v**2,) * 2, 0.0, x),
        "no steps": lambda x: lax.scan(lambda c, v: (c * v, v), x[0], x[:0]),
        "a state that nothing depends on": lambda x: lax.scan(lambda c, v: (c + 1, v * c), 0.0, x)[1],
        "many weights": lambda x: lax.scan(lambda c, w: (c * w, None), x, jnp.arange(1.0, 71) / 30)[0],
        "a number that is no counter": lambda x: lax.scan(lambda c, v: (c * 0.5, v * c), 1.0, jnp.tile(x, 6))[1],
        "a map": lambda x: lax.map(lambda z: z**2 + z, x),
        "an index": lambda x: lax.fori_loop(0, 11, lambda i, y: y.at[i].set(x[i] * x[i + 1]), jnp.zeros(12)),
        "weights of the steps": lambda x: lax.scan(lambda c, w: (c, w * c), x, jnp.asarray(WEIGHTS))[1],
        "a loop that ends by its number": lambda x: lax.while_loop(
            lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.roll(s[1], 1) * 0.5), (0, x)
        )[1],
        "a loop that ends by value": lambda x: lax.while_loop(lambda s: jnp.sum(s**2) > 1, lambda s: s * 0.5, x),
        "neighbors, as long as they are large": (lambda x: lax.while_loop(lambda s: jnp.sum(s**2) > 1, heat, x * 3), False),
        "halves, as long as they are large": (
            lambda x: lax.while_loop(lambda s: jnp.sum(s**2) > 1, lambda s: jax.vmap(heat)(s) * 0.5, halves(x)),
            False,
        ),
        "branches": (lambda x: lax.cond(x[0] > 0, lambda x: x[::-1] * x, lambda x: jnp.roll(x, 1), x), False),
        "a branch of zeros": lambda x: lax.cond(x[0] > 0, jnp.zeros_like, lambda x: jnp.roll(x, 1), x),
        "a known branch": lambda x: lax.cond(jnp.arange(3)[2] > 1, lambda x: x[::-1], lambda x: jnp.cumsum(x), x),
        "a switch": (lambda x: lax.switch(jnp.int32(jnp.abs(x[0]) * 3), [jnp.sin, jnp.flip, lambda x: x * x[0]], x), False),
    }
)


@pytest.mark.parametrize(
    "steps",
    [
        lambda x: repeat(halves(x), jax.vmap(heat), 100_000),
        lambda x: lax.while_loop(lambda s: s.sum() > 1, jax.vmap(heat), halves(x)),
    ],
)
def test_what_parts_of_a_state_do_not_share_they_do_not_depend_on(steps):
    """However many steps there are."""
    assert (pattern(steps, 12) == np.kron(np.eye(2), np.ones((6, 6)))).all()


@pytest.mark.parametrize("length", [3, 200, 3_000])
def test_a_scan_over_entries_is_exact_however_long_it_is(length):
    def function(x):
        return lax.scan(lambda c, v: (c, v * jnp.roll(x, 1)[0] + v**2), x[0], jnp.tile(x, length // 3))[1]

    found = pattern(function, 3)
    assert (found == np.tile(np.eye(3, dtype=bool) | (np.arange(3) == 2), (length // 3, 1))).all()


def test_long_loops_by_number_are_valid(monkeypatch):
    """Where there is no time to take all steps one by one."""
    monkeypatch.setattr("chainopt.jax.detection.walk.MOST_EQUATIONS", 10)
    check(lambda x: lax.fori_loop(0, 70, lambda i, y: y.at[i % 12].set(x[i % 12] * y[0]), jnp.zeros(12)), 12, exact=False)
    check(lambda x: lax.scan(lambda c, v: (jnp.roll(c, 1) * v, c[0]), x[:4], x), 12, exact=False)
    check(lambda x: lax.while_loop(lambda s: s[0] < 9, lambda s: (s[0] + 1, jnp.roll(s[1], 1)), (0, x))[1], 12, exact=False)


def test_what_changes_late_is_not_taken_for_constant():
    """The first steps of this one tell nothing: what is zero then is none later."""

    def step(state, x):
        a, b, c, i = state
        return (b, c, i, i + 1.0), (a * x, b * x * x)

    check(lambda x: lax.scan(step, (0.0,) * 4, x)[1], 12)
    check(lambda x: lax.scan(step, (0.0,) * 4, jnp.tile(x, 10))[1][0].reshape(10, 12).sum(0), 12)
    check(lambda x: lax.fori_loop(0, 100, lambda i, s: (s[1], s[2], i, s[3] + s[0] * x), (0, 0, 0, x * 0))[3], 12)


def test_outputs_of_many_steps_without_their_states(monkeypatch):
    monkeypatch.setattr("chainopt.jax.detection.walk.MOST_EQUATIONS", 10)
    for module in ("scans", "side_by_side"):
        monkeypatch.setattr(f"chainopt.jax.detection.{module}.MOST_ENTRIES", 10)
    check(lambda x: lax.scan(lambda c, v: (jnp.roll(c, 1) * v, (c[0], c[1:3] * x[0])), x[:4], x), 12, exact=False)


def test_wide_states_are_not_followed(monkeypatch):
    monkeypatch.setattr("chainopt.jax.detection.scans.FEW_COLUMNS", 4)
    check(lambda x: repeat(x, heat, 20), 12, exact=False)
    check(lambda x: lax.while_loop(lambda s: s[0] < 9, lambda s: (s[0] + 1, heat(s[1])), (0, x))[1], 12, exact=False)
