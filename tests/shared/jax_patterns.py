"""The oracle of patterns: nonzeros of Jacobians that JAX computes, at several points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainopt.jax import sparsity

POINTS = 24


def nonzeros(function, size, seed=0):
    """Return where JAX's own Jacobian of a function of one array is other than zero at one of some points."""
    points = jnp.asarray(np.random.default_rng(seed).normal(size=(POINTS, size)))

    def flat(x):
        return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(function(x))])

    try:
        found = _at_all(jax.vmap(jax.jacfwd(flat)), points)
    except TypeError:  # a function with a custom VJP has no forward mode
        found = _at_all(jax.vmap(jax.jacrev(flat)), points)
    return (np.nan_to_num(found, nan=1.0) != 0).any(0)


def _at_all(function, points):
    try:
        return jax.jit(function)(points)
    except RuntimeError:  # XLA for CPUs failed at some layouts that it did not optimize, before 0.5
        return function(points)


def pattern(function, size):
    """Return the pattern as a full matrix of bools."""
    found = sparsity(function, jnp.zeros(size))
    assert found.dtype == bool
    assert found.has_canonical_format
    return found.toarray()


def check(function, size, *, exact=True):
    """Compare a pattern with what JAX computes: it must hold all nonzeros and, where it is said to be exact, no other place."""
    found, there = pattern(function, size), nonzeros(function, size)
    missing = there & ~found
    assert not missing.any(), f"missing: {np.argwhere(missing)[:5].tolist()}"
    if exact:
        assert (found == there).all(), f"too many: {np.argwhere(found & ~there)[:5].tolist()}"


def battery(programs, size=12):
    """Make the test of a table of programs, of which some are named as no more than valid."""

    @pytest.mark.parametrize("name", programs)
    def test(name):
        function, exact = programs[name] if isinstance(programs[name], tuple) else (programs[name], True)
        check(function, size, exact=exact)

    return test
