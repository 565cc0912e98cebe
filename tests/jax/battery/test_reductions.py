import jax
import jax.numpy as jnp
import pytest
from jax_judge import case, complaints

PROGRAMS = {
    "sum": case(lambda x: x.sum(), (4,)),
    "sums along both axes": case(lambda x: (x.sum(0), jnp.sin(x).sum(1)), (3, 3)),
    "mean and variance": case(lambda x: jnp.stack([x.mean(), x.var(), x.std()]), (4,)),
    "product": case(jnp.prod, (4,)),
    "product along an axis": case(lambda x: jnp.prod(x, axis=1), (3, 3)),
    "largest and smallest": case(lambda x: jnp.stack([x.max(), x.min()]), (4,)),
    "largest along an axis": case(lambda x: x.max(axis=0), (3, 3)),
    "running sum": case(jnp.cumsum, (4,)),
    "running sum along an axis": case(lambda x: jnp.cumsum(x, axis=1), (3, 3)),
    "running product": case(jnp.cumprod, (4,)),
    "running largest": case(jax.lax.cummax, (4,)),
    "running sum backwards": case(lambda x: jax.lax.cumsum(x, reverse=True) * x, (4,)),
    "running logsumexp": case(jax.lax.cumlogsumexp, (4,)),
    "logsumexp": case(jax.scipy.special.logsumexp, (4,)),
    "softmax": case(jax.nn.softmax, (4,)),
    "log softmax along the first axis": case(lambda x: jax.nn.log_softmax(x, axis=0), (3, 3)),
    "norms": case(lambda x: jnp.stack([jnp.linalg.norm(x), jnp.linalg.norm(x, 1), jnp.linalg.norm(x, jnp.inf)]), (4,)),
    "median and quantile": case(lambda x: jnp.stack([jnp.median(x), jnp.quantile(x, 0.3)]), (5,)),
    "weighted mean": case(lambda x, w: jnp.average(x, weights=w * w), (4,), (4,), argnums=(0, 1)),
    "differences and trapezes": case(lambda x: jnp.concatenate([jnp.diff(x), jnp.trapezoid(x)[None]]), (4,)),
    "traces and diagonals": case(lambda x: jnp.trace(x) * jnp.diagonal(x), (3, 3)),
    "covariance": case(jnp.cov, (2, 4)),
    "a reduction of one's own": case(lambda x: jax.lax.reduce(x, 0.0, jax.lax.add, (0,)), (4,)),
    "count and sum": case(lambda x: (x > 0).sum() * x.sum(), (4,)),
    "argmax as an index": case(lambda x: x[jnp.argmax(x)] * x[jnp.argmin(x)], (4,)),
    "sum over what is masked": case(lambda x: jnp.sum(x * x, where=x > 0), (4,)),
    "sorted": case(jnp.sort, (4,)),
    "sorted backwards along an axis": case(lambda x: -jnp.sort(-x, axis=0), (3, 3)),
    "sorted by keys": case(lambda x: jax.lax.sort((x, jnp.sin(x), x**2), num_keys=1), (4,)),
    "the order of another": case(lambda x, y: x[jnp.argsort(y)], (4,), (4,)),
    "the two largest": case(lambda x: jax.lax.top_k(jnp.tanh(x), 2)[0], (4,)),
    "the two largest, and where": case(lambda x: (lambda top: top[0] * (1 + top[1]))(jax.lax.top_k(x, 2)), (4,)),
    "ranks": case(lambda x: x * jnp.argsort(jnp.argsort(x)), (4,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
