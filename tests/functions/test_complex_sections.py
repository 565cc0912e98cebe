"""Complex numbers inside of a function are no obstacle where real ones go in and come out."""

import numpy as np
import pytest

RNG = np.random.default_rng(3)
INTO, OUT = RNG.standard_normal((4, 40)) / 6, RNG.standard_normal((30, 4)) / 2
SQUARE = np.eye(4) * 3 + RNG.standard_normal((4, 4)) / 9


def jax_programs(jnp):
    square = jnp.asarray(SQUARE)
    fft = jnp.fft
    return {
        "a filter": lambda h: fft.ifft(fft.fft(h) * jnp.arange(4)).real,
        "absolute values": lambda h: jnp.abs(fft.rfft(h, 6)),
        "two transforms": lambda h: fft.fft(jnp.sin(fft.fft(h).real)).imag,
        "reals between complex numbers": lambda h: (fft.fft(h) * jnp.sin(jnp.abs(fft.fft(h)))).imag + jnp.cos(h),
        "a complex system": lambda h: jnp.linalg.solve(square + 1j * jnp.diag(h), h).imag,
        "a phase": lambda h: (1j * h * jnp.exp(1j * h)).real,
    }


def torch_programs(torch):
    square = torch.as_tensor(SQUARE)
    fft = torch.fft
    return {
        "a filter": lambda h: fft.ifft(fft.fft(h) * torch.arange(4)).real,
        "absolute values": lambda h: torch.abs(fft.rfft(h, 6)),
        "two transforms": lambda h: fft.fft(torch.sin(fft.fft(h).real)).imag,
        "reals between complex numbers": lambda h: (fft.fft(h) * torch.sin(torch.abs(fft.fft(h)))).imag + torch.cos(h),
        "a complex system": lambda h: torch.linalg.solve(square + 1j * torch.diag(h), h + 0j).imag,
        "a phase": lambda h: (1j * h * torch.exp(1j * h)).real,
    }


NAMES = ["a filter", "absolute values", "two transforms", "reals between complex numbers", "a complex system", "a phase"]


@pytest.fixture
def jnp(jax):
    """JAX's NumPy, in float64."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax.numpy
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", NAMES)
def test_jax(jax, jnp, name):
    from chainopt.jax import jacobian

    into, out, middle = jnp.asarray(INTO), jnp.asarray(OUT), jax_programs(jnp)[name]

    def function(x):
        found = middle(jnp.tanh(into @ x))
        return jnp.tanh(out @ found) if found.size == 4 else jnp.outer(out[:, 0], found)

    derivative = jacobian(function, mode="planned")
    for x in jnp.asarray(RNG.standard_normal((2, 40))):
        expected = jax.jacrev(function)(x)
        for found in (derivative(x), jax.jit(derivative)(x), jax.vmap(derivative)(x[None])[0]):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    plan = derivative.plan(x)
    assert plan.mode == "hybrid"
    assert plan.chain.shapes[-1] == (4, 40)


@pytest.mark.parametrize("name", NAMES)
def test_torch(torch, name):
    from chainopt.torch import jacobian

    into, out, middle = torch.as_tensor(INTO), torch.as_tensor(OUT), torch_programs(torch)[name]

    def function(x):
        found = middle(torch.tanh(into @ x))
        return torch.tanh(out @ found) if found.numel() == 4 else torch.outer(out[:, 0], found)

    derivative = jacobian(function, mode="planned")
    for x in torch.as_tensor(RNG.standard_normal((2, 40))):
        expected = torch.func.jacrev(function)(x)
        batched = torch.func.vmap(jacobian(function))  # which plans where batches of the steps are known to be right
        for found in (derivative(x), batched(x[None])[0]):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert derivative.plan(x).chain.shapes[-1] == (4, 40)
