"""What the rules of PyTorch's operators say, as far as it can be seen in the Jacobians and their chains."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def jacobian(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch import jacobian

    return jacobian


def test_a_factor_that_is_added_too(torch, jacobian):
    """Its Jacobian is not the other factor alone."""
    matrix = torch.as_tensor(np.random.default_rng(0).standard_normal((5, 5)))
    x = torch.linspace(0, 1, 5, dtype=torch.float64)
    functions = {
        "addmv": lambda x: torch.addmv(x, matrix, x),
        "addmm": lambda x: torch.addmm(x[None], x[None], matrix),
        "addmm of the same": lambda x: torch.addmm(x, x[None], matrix),
    }
    for name, function in functions.items():
        expected = torch.func.jacrev(function)(x)
        np.testing.assert_allclose(jacobian(function, mode="planned")(x), expected, rtol=1e-12, atol=1e-14, err_msg=name)
