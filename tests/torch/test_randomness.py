"""Functions that draw random numbers: the result, and the generator afterwards, are those of the library's own function."""

import numpy as np
import pytest

from chainopt import ChainError

KINDS = ["error", "same", "different"]


@pytest.fixture
def x(torch):
    return torch.as_tensor(np.random.default_rng(0).standard_normal(3))


@pytest.fixture
def drop(torch, x):
    weights = torch.outer(x, torch.arange(5.0, dtype=x.dtype))
    return lambda z: torch.nn.functional.dropout(torch.tanh(z @ weights), 0.5, training=True)


def after_a_seed(torch, call, *arguments):
    """Return what a call returns, or the text of its error, and the state in which it leaves the generator."""
    torch.manual_seed(5)
    try:
        result = call(*arguments)
    except RuntimeError as error:
        result = str(error)
    return result, torch.get_rng_state()


def assert_alike(torch, ours, own, *arguments, calls=3):
    expected, state = after_a_seed(torch, own, *arguments)
    for _ in range(calls):  # the first one may be another way than those after it
        result, drawn = after_a_seed(torch, ours, *arguments)
        assert torch.equal(drawn, state)
        assert result == expected if isinstance(expected, str) else torch.equal(result, expected)


@pytest.mark.parametrize("randomness", KINDS)
def test_jacobians(torch, drop, x, randomness):
    from chainopt.torch import jacobian, value_and_jacobian

    forward, reverse = torch.func.jacfwd(drop, randomness=randomness), torch.func.jacrev(drop)
    assert_alike(torch, jacobian(drop, randomness=randomness, mode="forward"), forward, x)
    assert_alike(torch, jacobian(drop, randomness=randomness, mode="forward", chunk_size=2), forward, x)
    assert_alike(torch, jacobian(drop, randomness=randomness), reverse, x)
    both = value_and_jacobian(drop, randomness=randomness)
    assert_alike(torch, lambda z: both(z)[1], reverse, x)
    assert_alike(torch, lambda z: both(z)[0], drop, x)
    with pytest.raises(ChainError, match="draws random numbers"):
        jacobian(drop, randomness=randomness, mode="planned")(x)


@pytest.mark.parametrize("randomness", KINDS)
def test_hessians(torch, drop, x, randomness):
    from chainopt.torch import hessian

    def loss(z):
        return drop(z).square().sum()

    for function in (loss, drop):
        own = torch.func.jacfwd(torch.func.jacrev(function), randomness=randomness)
        assert_alike(torch, hessian(function, randomness=randomness), own, x)
        assert_alike(torch, hessian(function, randomness=randomness, mode="forward"), own, x)


def test_a_mode_that_fails_after_it_has_drawn(torch, x):
    from chainopt.torch import jacobian

    class WithoutReverse(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def jvp(ctx, tangent):  # noqa: ARG004 -- PyTorch's signature
            return tangent * 2

    def function(z):
        return WithoutReverse.apply(z * torch.rand(3, dtype=z.dtype))

    with pytest.raises(NotImplementedError):
        torch.func.jacrev(function)(x)
    assert_alike(torch, jacobian(function, randomness="same"), torch.func.jacfwd(function, randomness="same"), x)


def test_what_draws_nothing_is_planned_all_the_same(torch, x):
    from chainopt.torch import jacobian

    weights = torch.outer(x, torch.ones(40, dtype=x.dtype))
    ours = jacobian(lambda z: torch.tanh(torch.tanh(weights @ z) @ weights), randomness="different")
    point = torch.ones(40, dtype=x.dtype)
    torch.testing.assert_close(ours(point), torch.func.jacrev(ours.__wrapped__)(point))
    assert ours.plan(point).cost > 0
