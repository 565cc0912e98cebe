"""Patterns of functions whose derivative somebody wrote: as the rule has it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_patterns import battery, check, pattern


@jax.custom_jvp
def rounded(x):
    return jnp.round(x)


rounded.defjvp(lambda primals, tangents: (jnp.round(primals[0]), tangents[0]))


def with_pullback(pullback, function=lambda x: x * 1.0):
    """Return a function of one array with this pullback of a residual, the array itself, and a cotangent."""
    made = jax.custom_vjp(function)
    made.defvjp(lambda x: (function(x), x), lambda x, cotangent: (pullback(x, cotangent),))
    return made


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def rolled(shift, x, y):
    return jnp.roll(x, shift) * y


rolled.defvjp(lambda shift, x, y: (rolled(shift, x, y), (x, y)), lambda shift, r, g: (jnp.roll(g * r[1], -shift), None))
clipped = with_pullback(lambda _, g: jnp.clip(g, -1, 1))
VANISHING = {
    "clipped": lambda _, g: jnp.clip(g, -1, 1),
    "clamped": lambda _, g: jax.lax.clamp(-1.0, g, 1.0),
    "rolled": lambda x, g: jnp.roll(g, 1) * x,
    "normalized": lambda _, g: g / (1 + jnp.abs(g).sum()),
    "where it is positive": lambda x, g: jnp.where(g > 0, g, jnp.flip(g) * x),
    "zero where it is small": lambda _, g: jnp.where(jnp.abs(g) > 0.5, g, 0.0),
    "its sign and its sine": lambda _, g: jnp.sign(g) + jnp.sin(g) ** 3,
    "sorted": lambda _, g: jnp.sort(g.reshape(3, 4), 1).ravel(),
    "the largest": lambda _, g: g * (g.reshape(3, 4).max(1) > 0).repeat(4),
    "of a number": lambda _, g: jnp.broadcast_to(g.sum(), (12,)),
    "a loop": lambda x, g: jax.lax.while_loop(lambda s: s[0].sum() > 9, lambda s: (s[0] * 0.5, s[1] * 0.5), (x, g))[1],
    "by its own length": lambda _, g: jax.lax.while_loop(lambda g: jnp.abs(g).sum() > 9, lambda g: g * 0.5, g),
    "a branch": lambda _, g: jax.lax.cond(g[0] > 0, lambda g: g, lambda g: -g, g),
    "none": lambda x, _: jnp.zeros_like(x),
    "at its largest": lambda _, g: jnp.zeros(12).at[jnp.argmax(g)].set(g[0]),
    "a slice at its largest": lambda _, g: jnp.tile(jax.lax.dynamic_slice(g, (jnp.argmax(g),), (2,)), 6),
    "a block at its largest": lambda _, g: jax.lax.dynamic_update_slice(jnp.zeros(12), g[:2], (jnp.argmax(g),)),
    "an entry at its largest": lambda _, g: jnp.broadcast_to(g[jnp.argmax(g)], (12,)),
    "in its own order": lambda _, g: g[jnp.argsort(g)],
    "zeros in the place of what is outside": lambda _, g: g.at[np.arange(12) * 2].get(mode="fill", fill_value=0.0),
    "products at places": lambda x, g: (jnp.zeros(12) + g).at[np.array([1, 2])].multiply(g[:2]),
}
NOT_LINEAR = {  # what is not zero where no cotangent is
    "a constant": lambda x, _: jnp.ones_like(x),
    "a residual": lambda x, _: x,
    "an exponential": lambda _, g: jnp.exp(g),
    "more": lambda _, g: g + 1.0,
    "at least one": lambda _, g: jnp.maximum(g, 1.0),
    "between one and two": lambda _, g: jax.lax.clamp(1.0, g, 2.0),
    "a quotient": lambda _, g: 1.0 / (1.0 + g**2),
    "a power": lambda _, g: (g * 0 + 2.0) ** -2,
    "a choice": lambda x, g: jnp.where(g > 0, g, x),
    "ones in the place of what is outside": lambda _, g: g.at[np.arange(12) * 2].get(mode="fill", fill_value=1.0),
    "with a constant beside": lambda _, g: jnp.concatenate([g[:6], jnp.ones(6)]),
}


@pytest.mark.parametrize("name", VANISHING)
def test_pullbacks_are_turned_round(name):
    check(with_pullback(VANISHING[name]), 12, exact=False)


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_what_is_not_zero_at_zero_stands_everywhere(name):
    check(with_pullback(NOT_LINEAR[name]), 12, exact=False)


def test_a_rule_that_cannot_be_called_alone_is_dense():
    def refusing(_, cotangent):
        raise NotImplementedError(cotangent.shape)

    assert pattern(lambda x: with_pullback(refusing)(x[:3]), 4).tolist() == [[True] * 3 + [False]] * 3


def test_a_forward_rule_that_is_not_linear_stands_everywhere():
    stubborn = jax.custom_jvp(jnp.sin)
    stubborn.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), jnp.ones_like(tangents[0])))
    assert pattern(lambda x: stubborn(x[:3]), 4).all()


test_patterns = battery(
    {
        "straight-through rounding": lambda x: rounded(x) * 2.0,
        "clipped gradients": lambda x: clipped(x)[1:] * x[:-1],
        "a pullback within a map": lambda x: jax.vmap(clipped)(x.reshape(3, 4)) * x[0],
        "a pullback within a loop": lambda x: jax.lax.scan(lambda c, _: (clipped(c) * 0.5, None), x, None, length=3)[0],
        "one that is called by another": lambda x: with_pullback(lambda x, g: clipped(rounded(g)) * x)(x[::-1]),
        "an argument without a derivative": lambda x: rolled(2, x, jax.lax.stop_gradient(x)),
        "second derivatives": jax.grad(lambda x: (rounded(x) ** 3).sum()),
    }
)
