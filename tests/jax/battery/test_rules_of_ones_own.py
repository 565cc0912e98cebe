"""Functions whose derivative somebody wrote, and what changes how they are differentiated."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax_judge import case, complaints


def root_by_steps(a):
    return lax.while_loop(lambda s: s[0] < 20, lambda s: (s[0] + 1, (s[1] + a / s[1]) / 2), (0, a))[1]


@jax.custom_vjp
def root(a):
    return root_by_steps(a)


root.defvjp(lambda a: (root_by_steps(a),) * 2, lambda r, g: (g / (2 * r),))


@jax.custom_jvp
def pushed_root(a):
    return root_by_steps(a)


@pushed_root.defjvp
def _(point, tangent):
    value = pushed_root(*point)
    return value, tangent[0] / (2 * value)


@jax.custom_vjp
def wrong_on_purpose(x, y):
    return x * y


wrong_on_purpose.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, g: (3 * g * kept[1], None))


@jax.custom_jvp
def straight_through(x):
    return jnp.round(x)


straight_through.defjvps(lambda t, _, x: t * x)


@jax.custom_vjp
def clipped_gradient(x):
    return x**2


clipped_gradient.defvjp(lambda x: (x**2, x), lambda x, g: (jnp.clip(2 * x * g, -1, 1),))  # not linear in what is pulled back
fixed = jax.custom_vjp(lambda power, x: x**power, nondiff_argnums=(0,))
fixed.defvjp(lambda power, x: (x**power, x), lambda power, x, g: (g * power * x ** (power - 1),))


def matvec(x):
    return 3 * x + jnp.roll(x, 1) + jnp.roll(x, -1)


def dense_solve(matvec, b):
    return jnp.linalg.solve(jax.jacfwd(matvec)(b), b)


def cube_root(a):
    solved = lambda _, start: lax.fori_loop(0, 30, lambda _, u: u - (u**3 - a) / (3 * u**2), start)  # noqa: E731
    return lax.custom_root(lambda u: u**3 - a, jnp.ones_like(a), solved, lambda g, y: y / g(jnp.ones_like(y)))


def around(part):
    """Put a function of one's own between others, so that there is something to cut."""
    return lambda x: jnp.tanh(part(x @ jnp.ones((4, 2)) / 4 + 3) @ jnp.arange(10.0).reshape(2, 5) / 5)


POSITIVE = {"points": lambda: ((jnp.array([1.0, 4, 9]),), (jnp.array([2.0, 3, 5]),))}
PROGRAMS = {
    "a rule that is wrong, in a neck": case(around(lambda z: wrong_on_purpose(z, z)), (4,)),
    "a custom VJP around a while loop": case(lambda a: jnp.concatenate([root(a), root(a) * 2]), **POSITIVE),
    "a custom VJP around a while loop, narrow": case(lambda a: root(a)[:1], **POSITIVE),
    "a custom JVP around a while loop": case(pushed_root, **POSITIVE),
    "custom VJP in a neck": case(around(root), (4,)),
    "custom JVP in a neck": case(around(pushed_root), (4,)),
    "a rule that is wrong on purpose": case(wrong_on_purpose, (4,), (4,), argnums=(0, 1)),
    "straight through": case(lambda x: straight_through(3 * x) * x, (4,)),
    "a rule that is not linear": case(lambda x: clipped_gradient(3 * x), (4,)),
    "a rule with a fixed argument": case(lambda x: fixed(3, x), (4,)),
    "a rule in a scan": case(lambda a: lax.scan(lambda c, _: (root(c * c + 1), None), a, None, length=3)[0], **POSITIVE),
    "a rule under vmap": case(jax.vmap(lambda a: root(a)), **POSITIVE),
    "a rule under jit": case(jax.jit(lambda a: pushed_root(a) * a), **POSITIVE),
    "a rule and what lacks a mode beside it": case(lambda a: jnp.fft.fft(root(a)).real, **POSITIVE),
    "a linear solve of one's own": case(lambda b: lax.custom_linear_solve(matvec, b, dense_solve, symmetric=True), (4,)),
    "a root of one's own": case(cube_root, **POSITIVE),
    "a root in a neck": case(around(cube_root), (4,)),
    "checkpoint": case(jax.checkpoint(lambda x: jnp.sin(jnp.sin(x)) * x), (4,)),
    "checkpoint in a scan": case(lambda x: lax.scan(jax.checkpoint(lambda c, y: (jnp.sin(c * y), c)), 0.3, x), (4,)),
    "checkpoint in a neck": case(around(jax.checkpoint(lambda z: jnp.sin(z) * z)), (4,)),
    "checkpoint with a policy": case(
        jax.checkpoint(lambda x, w: jnp.sin(w @ x), policy=jax.checkpoint_policies.dots_saveable), (3,), (3, 3), argnums=(0, 1)
    ),
    "stop_gradient": case(lambda x: x * lax.stop_gradient(jnp.sin(x)), (4,)),
    "all of it stopped": case(lambda x: lax.stop_gradient(jnp.sin(x)), (4,)),
    "stopped in a neck": case(around(lambda z: z * lax.stop_gradient(z)), (4,)),
    "a named residual": case(lambda x: checkpoint_name(jnp.sin(x), "kept") * x, (4,)),
    "closure_convert": case(lambda x: (lambda pair: pair[0](x, *pair[1]))(jax.closure_convert(lambda y: y * x[0], x)), (4,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
