import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_judge import case, complaints

PROGRAMS = {
    "sine": case(jnp.sin, (4,)),
    "a scalar": case(lambda x: jnp.exp(x) * x, ()),
    "the argument itself": case(lambda x: x, (4,)),
    "a constant added": case(lambda x: x + 1.0, (4,)),
    "an array taken off": case(lambda x: x - np.arange(4.0), (4,)),
    "a number less the argument": case(lambda x: 2.0 - x, (4,)),
    "product of functions": case(lambda x: jnp.tanh(x) * jnp.exp(-x) + x / 3, (4,)),
    "quotient": case(lambda x, y: x / (1 + y * y), (4,), (4,), argnums=(0, 1)),
    "integer powers": case(lambda x: x**3 - x**-2 + x**0, (4,)),
    "real powers": case(lambda x, y: jnp.abs(x) ** y, (4,), (4,), argnums=(0, 1)),
    "roots": case(lambda x: jnp.sqrt(1 + x * x) + jnp.cbrt(x) + jax.lax.rsqrt(2 + x * x), (4,)),
    "logarithms": case(lambda x: jnp.log1p(x * x) + jnp.log2(2 + jnp.abs(x)), (4,)),
    "hyperbolic and inverse": case(lambda x: jnp.arcsinh(x) + jnp.cosh(x) + jnp.arctan(x), (4,)),
    "angle of two": case(jnp.arctan2, (4,), (4,), argnums=(1, 0)),
    "hypotenuse": case(jnp.hypot, (4,), (4,), argnums=1),
    "absolute value and sign": case(lambda x: jnp.abs(x) * jnp.sign(x - 0.1), (4,)),
    "clipped": case(lambda x: jnp.clip(3 * x, -1, 1), (4,)),
    "where": case(lambda x: jnp.where(x > 0, jnp.sin(x), x**2), (4,)),
    "a guarded where": case(lambda x: jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1)), 0.0), (4,)),
    "select of three": case(lambda x: jnp.select([x > 1, x > 0], [x, x**2], -x), (4,)),
    "largest of two": case(jnp.maximum, (4,), (4,), argnums=(0, 1)),
    "rounded, with no slope": case(lambda x: jnp.floor(x) * x + jnp.round(x), (4,)),
    "rest of a division": case(lambda x: jnp.mod(x, 0.7) + jnp.fmod(x, 0.4), (4,)),
    "activations": case(lambda x: jax.nn.gelu(x) + jax.nn.silu(x) + jax.nn.elu(x), (4,)),
    "softplus and sigmoid": case(lambda x: jax.nn.softplus(x) + jax.nn.log_sigmoid(x), (4,)),
    "rows broadcast": case(lambda x, y: x * y + y[:, None] * x, (3, 3), (3,), argnums=1),
    "an outer sum": case(lambda x, y: jnp.sin(x[:, None] + y), (3,), (2,), argnums=(0, 1)),
    "one of a power series": case(lambda x: jnp.polyval(jnp.array([1.0, -2, 3]), x), (4,)),
    "interpolation": case(lambda x: jnp.interp(x, jnp.linspace(-3, 3, 5), jnp.arange(5.0) ** 2), (4,)),
    "logsumexp of two": case(lambda x, y: jnp.logaddexp(x, y) + jnp.logaddexp2(y, x), (4,), (4,)),
    "constant result": case(lambda x: jnp.ones(3) + 0 * jax.lax.stop_gradient(x[0]), (4,)),
    "independent parts": case(lambda x: (jnp.sin(x), jnp.ones(2), x[0] * x), (4,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
