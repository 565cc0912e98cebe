"""Sparse Jacobians by stages: each is colored alone, and their Jacobians are multiplied in the cheapest order."""

from chainopt.jax.staged.recorded import StagedJaxpr as StagedJaxpr
from chainopt.jax.staged.recorded import staged as staged

__all__ = ["StagedJaxpr", "staged"]
