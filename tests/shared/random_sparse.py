"""Sparse arrays with random entries, the same ones with every version of SciPy."""

import numpy as np
from scipy import sparse


def random_sparse(rng, shape, density):
    """Make a sparse array of which a share of the places, exactly, is stored."""
    places = rng.choice(shape[0] * shape[1], round(density * shape[0] * shape[1]), replace=False)
    return sparse.csr_array((rng.random(places.size), np.divmod(places, shape[1])), shape=shape)
