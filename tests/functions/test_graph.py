"""Traced functions as graphs: what a sum passes on is an identity, which `linearize` peels."""

import jax.numpy as jnp

from chainopt import Diagonal, linearize
from chainopt.jax import computation_graph


def test_a_skip_over_everything_is_peeled():
    down, up = jnp.ones((2, 40)), jnp.ones((40, 2))
    chain = linearize(computation_graph(lambda x: x + jnp.tanh(up @ jnp.tanh(down @ x)), jnp.ones(40)))
    assert len(chain.skips) == 1
    assert min(chain.dims) == 2


def test_a_variable_added_to_itself_is_no_identity():
    chain = linearize(computation_graph(lambda x: x + x, jnp.ones(4)))
    assert chain.skips == ()
    assert chain[0].structure == Diagonal()
