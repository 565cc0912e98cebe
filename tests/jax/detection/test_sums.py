"""Patterns of what goes along axes: sums, products, windows, transforms, systems."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_patterns import battery, check

BAND = np.eye(12) + np.eye(12, k=1) / 2
KERNEL = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
RNG = np.random.default_rng(3)
LOWER = np.tril(RNG.normal(size=(4, 4))) + 4 * np.eye(4)


def grid(x):
    return x.reshape(3, 4)


def convolved(x, kernel, **options):
    return lax.conv_general_dilated(x.reshape(1, 2, 6), kernel, (1,), [(1, 1)], **options)


def windows(x, dimensions=(2, 2), strides=(1, 2), padding="SAME", **options):
    return lax.reduce_window(grid(x), 0.0, lax.add, dimensions, strides, padding, **options)


test_patterns = battery(
    {
        "sums of rows": lambda x: grid(x).sum(1),
        "the sum": lambda x: jnp.sum(x**2),
        "sums along two axes": lambda x: x.reshape(2, 3, 2).sum((0, 2)),
        "products of rows": lambda x: jnp.prod(grid(x), 1),
        "largest of rows": (lambda x: grid(x).max(1), False),
        "running sums of rows": lambda x: jnp.cumsum(grid(x) ** 2, 1),
        "running sums from behind": lambda x: lax.cumsum(x, reverse=True),
        "running products": lambda x: jnp.cumprod(grid(x), 0),
        "running largest": (lambda x: lax.cummax(x), False),
        "running logarithms of sums": (lambda x: lax.cumlogsumexp(grid(x), 1), False),
        "softmax of rows": lambda x: jax.nn.softmax(grid(x)),
        "norms of rows": lambda x: jax.vmap(lambda z: jnp.linalg.norm(z) * z)(grid(x)),
        "less their mean": lambda x: grid(x) - grid(x).mean(0),
        "an arrowhead": lambda x: (jnp.sin(x) * x[0]).at[0].set(jnp.sum(x**2)),
        "a banded matrix": lambda x: jnp.sin(BAND @ x),
        "a banded matrix, from the left": lambda x: grid(x) @ BAND[:4, :5],
        "a banded matrix of values": lambda x: (BAND * x[0]) @ x,
        "a diagonal matrix": lambda x: jnp.diag(x) @ x,
        "a matrix that is put together": lambda x: jnp.zeros((12, 12)).at[np.arange(12), np.arange(12)].set(jnp.exp(x)) @ x[::-1],
        "half a matrix": lambda x: jnp.tril(jnp.outer(x, x)) @ jnp.ones(12),
        "a full matrix": lambda x: RNG.normal(size=(3, 12)) @ x,
        "products of rows and columns": lambda x: grid(x) @ grid(x).T,
        "a batch of products": lambda x: jnp.einsum("bij,bjk->bik", x.reshape(3, 2, 2), jnp.ones((3, 2, 3))),
        "a batch from the right": lambda x: jnp.einsum("bij,bkj->kbi", jnp.ones((3, 2, 2)), x.reshape(3, 2, 2)),
        "inner products": lambda x: jnp.einsum("ij,ij->i", grid(x), grid(x)),
        "solutions of blocks": lambda x: jax.vmap(lambda z: jnp.linalg.solve(4 * jnp.eye(3) + jnp.outer(z, z), z))(
            x.reshape(4, 3)
        ),
        "a triangular system": lambda x: lax.linalg.triangular_solve(LOWER, x.reshape(4, 3), left_side=True, lower=True),
        "an upper one": lambda x: lax.linalg.triangular_solve(LOWER.T, x.reshape(4, 3), left_side=True),
        "one transposed": lambda x: lax.linalg.triangular_solve(
            LOWER, x.reshape(4, 3), left_side=True, lower=True, transpose_a=True
        ),
        "one from the right": lambda x: lax.linalg.triangular_solve(LOWER, grid(x), lower=True),
        "and transposed": lambda x: lax.linalg.triangular_solve(LOWER.T, grid(x), transpose_a=True),
        "Cholesky factors": lambda x: jax.vmap(lambda z: jnp.linalg.cholesky(4 * jnp.eye(3) + jnp.outer(z, z))[-1, -1])(
            x.reshape(4, 3)
        ),
        "determinants": lambda x: jnp.linalg.det(x.reshape(3, 2, 2)),
        "eigenvalues": (lambda x: jnp.linalg.eigvalsh(jnp.outer(x[:3], x[:3]) + jnp.diag(x[3:6])), False),
        "zeros that are summed, and those of no product": lambda x: (
            jnp.cumsum(jnp.zeros(12)) * x[::-1] + (jnp.zeros((12, 12)) @ jnp.exp(x)) * x[0] + x * jnp.sum(BAND[:, 3])
        ),
        "transforms of rows": lambda x: jnp.abs(jnp.fft.fft(grid(x), axis=1)) + 0.1,
        "transforms of real rows": (lambda x: jnp.fft.irfft(jnp.fft.rfft(grid(x)) * 1j), False),
        "windows": lambda x: lax.reduce_window(x, 0.0, lax.add, (3,), (1,), "VALID"),
        "windows in two dimensions": windows,
        "windows with gaps": lambda x: windows(x, padding=((1, 1), (2, 0)), base_dilation=(2, 1), window_dilation=(2, 1)),
        "windows that are too large": lambda x: windows(x, (5, 1), (1, 1), "VALID").ravel().sum() + x[0],
        "largest of windows": (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (3,), (1,), "VALID"), False),
        "the slope of the largest of windows": (
            jax.grad(lambda x: (lax.reduce_window(x, -jnp.inf, lax.max, (3,), (3,), "VALID") ** 2).sum()),
            False,
        ),
        "a convolution": lambda x: convolved(x, np.ones((3, 2, 3))),
        "its kernel": lambda x: convolved(jnp.arange(1.0, 13), x.reshape(2, 2, 3)),
        "in groups": lambda x: convolved(x, np.ones((4, 1, 3)), feature_group_count=2),
        "dilated": lambda x: convolved(x, np.ones((1, 2, 2)), lhs_dilation=(2,), rhs_dilation=(3,)),
        "with strides": lambda x: lax.conv_general_dilated(x.reshape(1, 1, 3, 4), np.ones((2, 1, 2, 2)), (2, 1), "SAME"),
        "a five-point stencil": lambda x: lax.conv_general_dilated(x.reshape(1, 1, 3, 4), KERNEL[None, None], (1, 1), "SAME"),
        "channels last": lambda x: lax.conv_general_dilated(
            x.reshape(1, 4, 3), np.ones((2, 3, 5)), (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
        ),
        "groups of a batch": (
            lambda x: lax.conv_general_dilated(x.reshape(2, 1, 6), np.ones((2, 1, 3)), (1,), "SAME", batch_group_count=2),
            False,
        ),
        "the gradient of an energy": jax.grad(lambda x: jnp.sum((x[1:] - x[:-1]) ** 2 * x[1:]) + jnp.sum(jnp.cos(x))),
        "the gradient of a convolution": jax.grad(lambda x: (convolved(x, np.ones((1, 2, 3))) ** 2).sum()),
    }
)


def test_running_sums_of_what_is_large_are_sums_of_lines(monkeypatch):
    monkeypatch.setattr("chainopt.jax.detection.reductions.MOST_NONZEROS", 10)
    monkeypatch.setattr("chainopt.jax.detection.linear_algebra.MOST_NONZEROS", 10)
    check(lambda x: jnp.cumsum(grid(x), 1), 12, exact=False)
    check(lambda x: BAND @ x, 12, exact=False)


def test_large_constants_are_not_evaluated(monkeypatch):
    monkeypatch.setattr("chainopt.jax.detection.constant_folding.MOST_ENTRIES", 10)
    check(lambda x: x * (jnp.arange(12) > 4), 12, exact=False)
