"""Jacobians of JAX functions, in the cheapest order: a drop-in for `jax.jacfwd` and `jax.jacrev`."""

from chainopt.jax.graph import computation_graph as computation_graph
from chainopt.jax.jacobian import jacobian as jacobian
from chainopt.jax.jacobian import value_and_jacobian as value_and_jacobian
from chainopt.jax.stages import sequential as sequential
