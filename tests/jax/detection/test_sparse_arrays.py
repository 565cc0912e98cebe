"""Patterns of functions that multiply by the sparse arrays of `jax.experimental.sparse`."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.experimental.sparse import BCOO, BCSR, bcoo_concatenate, sparsify
from jax_patterns import battery

SPARSE = scipy.sparse.coo_array(np.where(np.random.default_rng(0).random((12, 12)) < 0.15, 0.5, 0.0))
MATRIX = BCOO.from_scipy_sparse(SPARSE)
ROWS = BCSR.from_bcoo(MATRIX.sort_indices())
PADDED = BCOO(
    (jnp.concatenate([MATRIX.data, jnp.ones(3)]), jnp.concatenate([MATRIX.indices, jnp.array([[12, 12], [12, 3], [0, 0]])])),
    shape=(12, 12),
)


def of_data(x):
    return BCOO((x**2, MATRIX.indices[:12]), shape=(12, 12))


test_patterns = battery(
    {
        "a matrix and a vector": lambda x: MATRIX @ jnp.sin(x) + x,
        "a vector and a matrix": lambda x: (x**2) @ MATRIX,
        "a transposed matrix": lambda x: MATRIX.T @ x,
        "a matrix by rows": lambda x: ROWS @ jnp.sin(x),
        "entries outside, and one twice": lambda x: PADDED @ x,
        "two vectors": lambda x: MATRIX @ jnp.stack([x, x[::-1] ** 2], 1),
        "a batch of vectors": lambda x: jax.vmap(lambda row: MATRIX @ row)(jnp.stack([x, x[::-1] ** 2])),
        "steps of a loop": lambda x: jax.lax.scan(lambda x, _: (MATRIX @ x + x, None), x, None, length=2)[0],
        "a matrix of the inputs": lambda x: of_data(x) @ x,
        "two sparse matrices": lambda x: (of_data(x) @ MATRIX).todense(),
        "a full matrix": lambda x: MATRIX.todense() @ x,
        "a sum of columns": lambda x: of_data(x).sum(0).todense(),
        "scaled by rows and columns": lambda x: (MATRIX * x[:, None]) @ jnp.ones(12),
        "one above the other": lambda x: bcoo_concatenate([MATRIX, MATRIX.T], dimension=0) @ x,
        "some rows": lambda x: MATRIX[2:7] @ x,
        "a function of sparse matrices": sparsify(lambda x: MATRIX @ (MATRIX.T @ x)),
    }
)
