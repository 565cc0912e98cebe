"""Narrow variables of a derivative program, through which everything passes that makes its Jacobian dense."""

from chainopt.jax.narrow.recorded import NarrowJaxpr as NarrowJaxpr
from chainopt.jax.narrow.search import splits as splits

__all__ = ["NarrowJaxpr", "splits"]
