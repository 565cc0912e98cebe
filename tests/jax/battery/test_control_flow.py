import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax_judge import case, complaints


def power(x):
    """Return the largest of the powers of two times the argument that are below ten: a loop as long as data say."""
    return lax.while_loop(lambda s: jnp.sum(jnp.abs(s)) < 10, lambda s: s * 2 + jnp.sin(s), x)


PROGRAMS = {
    "cond by data": case(lambda x: lax.cond(x[0] > 0, jnp.sin, lambda x: x**2, x), (4,)),
    "cond by an argument": case(
        lambda x, up: lax.cond(up, jnp.sin, jnp.cos, x),
        points=lambda: ((jnp.arange(3.0), jnp.array(True)), (jnp.arange(3.0), jnp.array(False))),
    ),
    "cond with what it closes over": case(
        lambda x, y: lax.cond(y[0] > 0, lambda: x * y, lambda: x + y), (4,), (4,), argnums=(0, 1)
    ),
    "cond with a dead branch": case(lambda x: lax.cond(x.sum() > 0, lambda x: x * 0 + 1, lambda x: x, x), (4,)),
    "switch of three": case(lambda x: lax.switch(jnp.int32(jnp.abs(x[0]) * 2), [jnp.sin, jnp.cos, jnp.tanh], x), (4,)),
    "switch beyond its branches": case(lambda x: lax.switch(jnp.int32(x[0] * 9), [jnp.sin, jnp.cos], x), (4,)),
    "while": case(power, (4,)),
    "while that counts": case(
        lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1]) + s[0]), (0, x))[1], (4,)
    ),
    "while that never runs": case(lambda x: lax.while_loop(lambda s: s[0] > 1e9, jnp.sin, x), (4,)),
    "fori of a fixed length": case(lambda x: lax.fori_loop(0, 3, lambda i, x: jnp.sin(x) + i, x), (4,)),
    "fori as long as an argument says": case(
        lambda x, n: lax.fori_loop(0, n, lambda i, x: jnp.sin(x) + i, x),
        points=lambda: ((jnp.arange(3.0), jnp.array(2)), (jnp.arange(3.0), jnp.array(5))),
    ),
    "fori that sets entries": case(lambda x: lax.fori_loop(1, 4, lambda i, x: x.at[i].set(x[i - 1] * x[i]), x), (4,)),
    "scan": case(lambda x: lax.scan(lambda c, y: (jnp.tanh(c + y), c * y), 0.5, x), (4,)),
    "scan, its last state": case(lambda x, w: lax.scan(lambda c, _: (jnp.tanh(w @ c), None), x, None, length=3)[0], (3,), (3, 3)),
    "scan by its weights": case(
        lambda x, w: lax.scan(lambda c, _: (jnp.tanh(w @ c), None), x, None, length=3)[0], (3,), (3, 3), argnums=1
    ),
    "scan backwards": case(lambda x: lax.scan(lambda c, y: (c * y, c + y), 1.0, x, reverse=True)[1], (4,)),
    "scan unrolled": case(lambda x: lax.scan(lambda c, y: (jnp.sin(c) + y, c), 0.0, x, unroll=2)[1], (4,)),
    "scan of no steps": case(lambda x: lax.scan(lambda c, y: (c * y, c), 1.0 + x[0], x[:0]), (4,)),
    "scan of scans": case(
        lambda x: lax.scan(lambda c, _: (lax.scan(lambda d, y: (d + jnp.sin(y) * d, None), c, x)[0], c), 1.0, None, length=2),
        (4,),
    ),
    "scan with a cond": case(lambda x: lax.scan(lambda c, y: (lax.cond(y > 0, jnp.sin, jnp.exp, c + y), c), 0.1, x), (4,)),
    "scan with a while": case(lambda x: lax.scan(lambda c, y: (power(c[None] + y)[0] / 9, c), 0.1, x), (4,)),
    "scan that carries a tree": case(
        lambda x: lax.scan(lambda c, y: ({"n": c["n"] + 1, "s": c["s"] * y + c["n"]}, None), {"n": 0, "s": x[0]}, x)[0]["s"], (4,)
    ),
    "a scan of copies": case(lambda x: lax.scan(lambda c, _: (c, c), x, None, length=2)[1], (4,)),
    "map": case(lambda x: lax.map(lambda y: jnp.sin(y) * y, x), (4,)),
    "map of batches": case(lambda x: lax.map(lambda y: jnp.sin(y) * y, x, batch_size=2), (4,)),
    "associative scan": case(lambda x: lax.associative_scan(jnp.multiply, x), (4,)),
    "associative scan of matrices": case(
        lambda x: lax.associative_scan(lambda a, b: jnp.einsum("...ij,...jk->...ik", a, b), x), (3, 2, 2)
    ),
    "a loop in Python": case(lambda x: [x := jnp.sin(x) * (i + 1) for i in range(3)][-1], (4,)),
    "a loop in Python that is rolled": case(lambda x, w: [x := jnp.tanh(x @ w) for _ in range(12)][-1], (3,), (3, 3)),
    "a branch in Python by a value": case(lambda x: jnp.sin(x) if isinstance(x, jax.core.Tracer) or x[0] > 0 else x, (4,)),
    "loops one after the other": case(lambda x: lax.fori_loop(0, 2, lambda _, y: jnp.sin(y), power(x)), (4,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
