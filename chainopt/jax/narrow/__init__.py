"""Narrow variables of a jaxpr's derivative program, through which everything passes that makes its Jacobian dense."""

from chainopt.jax.narrow.recorded import NarrowJaxpr as NarrowJaxpr
from chainopt.jax.narrow.walked import WalkedJaxpr as WalkedJaxpr

__all__ = ["NarrowJaxpr", "WalkedJaxpr"]
