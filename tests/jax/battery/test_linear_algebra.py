import jax
import jax.numpy as jnp
import jax.scipy.linalg as sla
import pytest
from jax_judge import case, complaints


def safe(matrix):
    """Return a matrix that is symmetric and well conditioned, whose eigenvalues differ."""
    return matrix @ matrix.T + jnp.diag(jnp.array([2.0, 5.0, 9.0]))


PROGRAMS = {
    "matrix by vector": case(lambda a, x: a @ x, (2, 3), (3,), argnums=(0, 1)),
    "vector by matrix by vector": case(lambda a, x: x @ a @ x, (3, 3), (3,), argnums=1),
    "products of three": case(lambda a: jnp.linalg.multi_dot([a, a.T, a]), (3, 3)),
    "batched product": case(lambda a, b: jnp.matmul(a, b), (2, 2, 3), (2, 3, 1), argnums=(0, 1)),
    "outer, inner, kron": case(lambda x: jnp.kron(x, x[:2]).sum() * jnp.outer(x, x) + jnp.inner(x, x), (3,)),
    "cross product": case(jnp.cross, (3,), (3,), argnums=(0, 1)),
    "einsum of three": case(lambda a, x: jnp.einsum("ij,j,jk->ki", a, x, a), (3, 3), (3,), argnums=(0, 1)),
    "tensordot": case(lambda a, b: jnp.tensordot(a, b, ((1, 2), (0, 1))), (2, 2, 3), (2, 3), argnums=(0, 1)),
    "power of a matrix": case(lambda a: jnp.linalg.matrix_power(a, 3), (3, 3)),
    "solve, by both": case(lambda a, b: jnp.linalg.solve(safe(a), b), (3, 3), (3,), argnums=(0, 1)),
    "solve of a neck": case(lambda x: jnp.linalg.solve(jnp.eye(2) + jnp.outer(x[:2], x[:2]), x[2:]) @ jnp.ones((2, 5)), (4,)),
    "solve of a matrix": case(lambda a: jnp.linalg.solve(safe(a), a), (3, 3)),
    "inverse": case(lambda a: jnp.linalg.inv(safe(a)), (3, 3)),
    "pseudo-inverse": case(lambda a: jnp.linalg.pinv(a), (3, 2), tolerance=1e-7),
    "cholesky": case(lambda a: jnp.linalg.cholesky(safe(a)), (3, 3)),
    "cholesky solve": case(lambda a, b: sla.cho_solve(sla.cho_factor(safe(a)), b), (3, 3), (3,), argnums=(0, 1)),
    "triangular solve": case(lambda a, b: sla.solve_triangular(safe(a), b, lower=True), (3, 3), (3,), argnums=(0, 1)),
    "qr": case(lambda a: jnp.linalg.qr(safe(a)), (3, 3), tolerance=1e-7),
    "lu": case(lambda a: sla.lu(safe(a))[1:], (3, 3), tolerance=1e-7),
    "singular values": case(lambda a: jnp.linalg.svd(a, compute_uv=False), (3, 2), tolerance=1e-7),
    "svd, put together": case(
        lambda a: (lambda u, s, v: (u * jnp.sqrt(s)) @ v)(*jnp.linalg.svd(safe(a))), (3, 3), tolerance=1e-6
    ),
    "eigenvalues": case(lambda a: jnp.linalg.eigvalsh(safe(a)), (3, 3), tolerance=1e-7),
    "eigenvectors, put together": case(
        lambda a: (lambda w, v: (v * w**2) @ v.T)(*jnp.linalg.eigh(safe(a))), (3, 3), tolerance=1e-6
    ),
    "determinant": case(jnp.linalg.det, (3, 3)),
    "log of a determinant": case(lambda a: jnp.linalg.slogdet(safe(a))[1], (3, 3)),
    "sign and log of a determinant": case(jnp.linalg.slogdet, (3, 3)),
    "least squares": case(lambda a, b: jnp.linalg.lstsq(a, b)[0], (3, 2), (3,), argnums=1, tolerance=1e-7),
    "exponential of a matrix": case(lambda a: sla.expm(0.1 * a), (2, 2), tolerance=1e-7),
    "norms of a matrix": case(lambda a: jnp.stack([jnp.linalg.norm(a), jnp.linalg.norm(a, 1)]), (3, 3)),
    "a batch of solves": case(
        lambda a, b: jax.vmap(jnp.linalg.solve)(jnp.eye(2) + 0.1 * a, b), (2, 2, 2), (2, 2, 1), argnums=(0, 1)
    ),
    "linear by a matrix it holds": case(lambda x: jnp.arange(12.0).reshape(3, 4) @ x, (4,)),
    "an hourglass": case(lambda x: jnp.tanh(jnp.tanh(x @ jnp.ones((6, 1)) / 6) @ jnp.arange(6.0)[None]), (6,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
