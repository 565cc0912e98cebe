"""What functorch's own tests ask of jacfwd and jacrev, as cases of `chainopt.torch.jacobian`.

Each names the test of PyTorch's `test/functorch/test_eager_transforms.py` from which its idea is taken; programs, numbers and
checks are this project's.
"""

import pytest


@pytest.fixture(scope="module")
def jacobian(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch import jacobian

    return jacobian


def numbers(torch, *shape):
    return torch.linspace(-1, 2, max(torch.Size(shape).numel(), 1), dtype=torch.float64).reshape(shape).cos()


def assert_as_torch(torch, derivative, function, *args, **options):
    expected = torch.func.jacrev(function, **options)(*args)
    for _ in range(3):
        torch.testing.assert_close(derivative(*args), expected)


def cases(torch):
    """Return functions, arguments and options, by the test that they come from."""
    matrix, vector, number = numbers(torch, 3, 2), numbers(torch, 4), numbers(torch)
    return {
        "TestJac.test_simple": (torch.exp, (vector,), {}),
        "TestJac.test_simple_not_flat": (lambda z: z.mT @ z, (matrix,), {}),
        "TestJac.test_take": (
            lambda z: torch.ones(5, dtype=z.dtype).index_copy(0, torch.tensor([4, 1]), torch.take(z, torch.tensor([1, 1])) ** 2),
            (vector,),
            {},
        ),
        "TestJac.test_diff_numel": (lambda z: z[1:, :, None].tanh(), (matrix,), {}),
        "TestJac.test_inplace": (lambda z: torch.zeros_like(z).add_(z).mul_(z), (vector,), {}),
        "TestJac.test_aux_tensor": (lambda z: (z.sin(), z.cos()), (vector,), {"has_aux": True}),
        "TestJac.test_aux_pytree": (lambda z: (z.sin(), {"one": z, "two": [z + 1]}), (vector,), {"has_aux": True}),
        "TestJac.test_outputs_can_any_pytree, a tuple": (lambda z: (z * 2, z.sum()), (vector,), {}),
        "TestJac.test_outputs_can_any_pytree, a dict": (lambda z: {"a": z * 2, "b": [z.sum()]}, (vector,), {}),
        "TestJac.test_multiple_inputs_outputs_pytree": (
            lambda p, q: {"sum": p["a"].sum() + q, "product": (p["a"] * q,)},
            ({"a": vector}, number),
            {"argnums": (0, 1)},
        ),
        "TestJac.test_multiple_inputs_outputs_pytree_multidim": (
            lambda p: [p["a"] @ p["a"].mT, {"b": p["a"] ** 2}],
            ({"a": matrix},),
            {},
        ),
        "TestJac.test_unrelated_input": (lambda p, q: q.sin(), (vector, number), {"argnums": (0, 1)}),  # noqa: ARG005
        "TestJac.test_unrelated_output": (lambda z: (z.sin(), torch.ones(2, dtype=z.dtype)), (vector,), {}),
        "TestJac.test_argnums_tuple": (lambda p, q: p * q, (vector, vector + 1), {"argnums": (0,)}),
        "TestJac.test_argnums_effect_on_return": (lambda p, q: p * q, (vector, vector + 1), {"argnums": 1}),
        "TestJac.test_argnums_defaults_to_zero": (lambda p, q: p * q**2, (vector, vector + 1), {}),
        "TestJac.test_multiple_args": (lambda p, q: p.cos() * q, (vector, vector + 1), {"argnums": -1}),
        "TestJac.test_dimensionality": (lambda z: z.exp(), (number,), {}),
        "TestJac.test_against_reference_zero_dim": (lambda z: z.prod(), (vector,), {}),
        "TestJac.test_chunk_jacrev": (lambda z: torch.outer(z, z), (vector,), {"chunk_size": 3}),
        "TestJac.test_against_reference_unrelated_outputs": (lambda p, q: (p, q, p), (vector, matrix), {"argnums": (0, 1)}),
    }


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # which torch.func itself says
def test_as_torch_finds_it(torch, jacobian):
    for name, (function, args, options) in cases(torch).items():
        assert name.startswith("TestJac.")
        assert_as_torch(torch, jacobian(function, **options), function, *args, **options)


def test_batches_and_jacobians_of_jacobians(torch, jacobian):
    """TestJac.test_vmap_on_jac_simple, test_nested_jac_simple, test_chunk_jacrev_composition."""
    rows = numbers(torch, 3, 4)
    torch.testing.assert_close(torch.func.vmap(jacobian(torch.cos))(rows), torch.stack([torch.diag(-row.sin()) for row in rows]))
    twice = jacobian(jacobian(lambda z: z.exp().prod(), chunk_size=2), chunk_size=3)
    torch.testing.assert_close(twice(rows[0]), rows[0].sum().exp().expand(4, 4))


@pytest.mark.parametrize("returned", [(), None, 3, "text"])
def test_what_is_no_tensor_is_refused_at_each_call(jacobian, torch, returned):
    """TestJac.test_empty_output, test_outputs_can_any_pytree."""
    derivative = jacobian(lambda _: returned)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="xpected"):
            derivative(numbers(torch, 3))


@pytest.mark.parametrize("argnums", [2, -2, (0, 0), (0, 5)])
def test_arguments_that_are_not_there(jacobian, torch, argnums):
    """TestJac.test_out_of_bounds_argnums, test_negative_argnums, test_repeated_argnums."""
    with pytest.raises(ValueError, match="argnums is"):
        jacobian(torch.sin, argnums)(numbers(torch, 3))
