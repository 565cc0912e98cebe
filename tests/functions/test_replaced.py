"""Functions of libraries that are replaced, as by `mock.patch`, between the calls of a Jacobian."""

from unittest import mock

import numpy as np
import pytest


class Torch:
    """PyTorch's functions, and the ways to replace them."""

    def __init__(self):
        self.library = pytest.importorskip("torch")
        self.jacobian = pytest.importorskip("chainopt.torch").jacobian
        self.jacrev, self.x = self.library.func.jacrev, self.library.linspace(0.1, 1.0, 6)

    def functions(self):
        """Yield for each case what makes the function anew, and what is replaced."""
        import math

        import torch
        from torch.nn import functional as F  # noqa: N812 -- as people write it

        twice = lambda x: x * 2  # noqa: E731
        layer = torch.nn.ReLU()
        yield lambda: lambda x: F.gelu(x), (F, "gelu", twice)  # noqa: PLW0108 -- the name is to be read at each call
        yield lambda: lambda x: torch.relu(x) * x, (torch, "relu", twice)
        yield lambda: lambda x: torch.nn.functional.softplus(x), (F, "softplus", twice)  # noqa: PLW0108
        yield lambda: lambda x: x * x * math.sqrt(2.0), (math, "sqrt", lambda _: 7.0)
        yield lambda: lambda x: layer(x) * x, (torch.nn.ReLU, "forward", lambda _, x: x * 2)


class Jax:
    """JAX's functions, and the ways to replace them."""

    def __init__(self):
        self.library = pytest.importorskip("jax")
        self.jacobian = pytest.importorskip("chainopt.jax").jacobian
        self.jacrev, self.x = self.library.jacrev, self.library.numpy.linspace(0.1, 1.0, 6)

    def functions(self):
        """Yield for each case what makes the function anew, and what is replaced."""
        import jax
        import jax.numpy as jnp

        twice = lambda x: x * 2  # noqa: E731
        yield lambda: lambda x: jnp.sin(x) * x, (jnp, "sin", twice)
        yield lambda: lambda x: jax.nn.gelu(x), (jax.nn, "gelu", twice)  # noqa: PLW0108


@pytest.mark.parametrize("library", [Torch, Jax])
@pytest.mark.parametrize("is_planned", [False, True])
def test_the_new_one_is_seen_and_the_old_one_again(library, is_planned):
    of = library()

    def assert_right(function, *derivatives):
        expected = np.asarray(of.jacrev(function)(of.x))
        for derivative in derivatives:
            for _ in range(3):
                np.testing.assert_allclose(np.asarray(derivative(of.x)), expected, rtol=1e-5, atol=1e-6)

    for make, replaced in of.functions():
        kept = of.jacobian(make())
        if is_planned:
            kept.plan(of.x)
        assert_right(make(), kept)
        with mock.patch.object(*replaced):
            assert_right(make(), kept, of.jacobian(make()))
        assert_right(make(), kept, of.jacobian(make()))


def test_what_a_replacement_holds_is_watched():
    torch = pytest.importorskip("torch")
    jacobian = pytest.importorskip("chainopt.torch").jacobian

    class Scaled:
        scale = 2.0

        def __call__(self, x):
            return x * self.scale

    x = torch.linspace(0.1, 1.0, 6)
    with mock.patch.object(torch.nn.functional, "gelu", Scaled()) as scaled:
        kept = jacobian(lambda x: torch.nn.functional.gelu(x))  # noqa: PLW0108 -- the name is to be read at each call
        for scale in (2.0, 3.0, 5.0):
            scaled.scale = scale
            for _ in range(3):
                np.testing.assert_allclose(kept(x).numpy(), scale * np.eye(6), rtol=1e-6)
