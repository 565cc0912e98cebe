"""FFTs, convolutions, windows, special functions, and transformations inside of the function."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax.scipy import special
from jax_judge import case, complaints


def convolved(x, kernel, **options):
    return lax.conv_general_dilated(x[None, None], kernel[None, None], (1,) * x.ndim, "SAME", **options)[0, 0]


def pooled(x, least, combine):
    return lax.reduce_window(x, least, combine, (2, 2), (1, 1), "VALID")


PROGRAMS = {
    "fft, its real part": case(lambda x: jnp.fft.fft(jnp.sin(x)).real, (4,)),
    "rfft and back": case(lambda x: jnp.fft.irfft(jnp.fft.rfft(x)[:2], 4), (4,)),
    "power spectrum": case(lambda x: jnp.abs(jnp.fft.rfft(x)) ** 2, (4,)),
    "fft of two axes": case(lambda x: jnp.fft.ifft2(jnp.fft.fft2(x) * 2).real, (3, 3)),
    "fft shifted": case(lambda x: jnp.fft.fftshift(jnp.fft.fft(x)).imag, (4,)),
    "convolution of vectors": case(lambda x, k: jnp.convolve(x, k, mode="same"), (4,), (2,), argnums=(0, 1)),
    "correlation of vectors": case(lambda x, k: jnp.correlate(x, k, mode="full"), (4,), (2,), argnums=1),
    "convolution of an image": case(convolved, (3, 3), (2, 2), argnums=(0, 1)),
    "dilated convolution": case(lambda x, k: convolved(x, k, rhs_dilation=(2, 2)), (3, 3), (2, 2)),
    "transposed convolution": case(
        lambda x, k: lax.conv_transpose(
            x[None, None], k[None, None], (2, 2), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW")
        ),
        (2, 2),
        (2, 2),
    ),
    "grouped convolution": case(
        lambda x, k: lax.conv_general_dilated(x[None], k[:, None], (1,), "SAME", feature_group_count=2), (2, 4), (2, 2)
    ),
    "largest of windows": case(lambda x: pooled(x, -jnp.inf, lax.max), (3, 3)),
    "sums of windows": case(lambda x: pooled(x, 0.0, lax.add), (3, 3)),
    "patches": case(lambda x: lax.conv_general_dilated_patches(x[None, None], (2, 2), (1, 1), "VALID"), (3, 3)),
    "resized": case(lambda x: jax.image.resize(x, (4, 2), "linear"), (3, 3)),
    "gamma functions": case(lambda x: special.gammaln(2 + x * x) + special.digamma(2 + x * x), (4,)),
    "error functions": case(lambda x: special.erf(x) + special.erfc(2 * x) + special.erfinv(jnp.tanh(x) / 2), (4,)),
    "logit and expit": case(lambda x: special.logit(special.expit(x) / 2) + special.xlogy(x, 1 + x * x), (4,)),
    "Bessel functions": case(lambda x: special.i0(x) + special.i1e(x), (4,)),
    "incomplete gamma": case(lambda x: special.gammainc(2.0, 1 + x * x), (4,)),
    "normal distribution": case(lambda x: jax.scipy.stats.norm.logpdf(x) + jax.scipy.stats.norm.cdf(x), (4,)),
    "jit inside": case(lambda x: jax.jit(jnp.sin)(x) * jax.jit(jnp.sin)(x + 1), (4,)),
    "jit of jit": case(jax.jit(lambda x: jax.jit(lambda y: y * x)(jnp.sin(x))), (4,)),
    "vmap inside": case(lambda x, w: jax.vmap(lambda row: jnp.tanh(row @ x))(w), (3,), (3, 3), argnums=(0, 1)),
    "vmap over columns": case(lambda w: jax.vmap(jnp.prod, in_axes=1)(w), (3, 3)),
    "grad inside": case(jax.grad(lambda x: (jnp.sin(x) * x).sum()), (4,)),
    "value and grad inside": case(jax.value_and_grad(lambda x: (jnp.sin(x) * x).sum()), (4,)),
    "jvp inside": case(lambda x: jax.jvp(jnp.sin, (x,), (x**2,))[1], (4,)),
    "vjp inside": case(lambda x: jax.vjp(jnp.sin, x)[1](x**2), (4,)),
    "linearize inside": case(lambda x: jax.linearize(jnp.sin, x)[1](x), (4,)),
    "jacobian of jacfwd": case(jax.jacfwd(lambda x: jnp.sin(x) * x[0]), (3,)),
    "hessian inside": case(lambda x: jnp.linalg.det(jax.hessian(lambda y: (y**3).sum() + jnp.prod(y))(x)), (3,)),
    "a step of gradient descent": case(lambda w, x: w - 0.1 * jax.grad(lambda w: jnp.sum(jnp.tanh(w @ x) ** 2))(w), (2, 3), (3,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
