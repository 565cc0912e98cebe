"""Under `jax.vmap` the pure modes make their first products once for all points, and forward mode turns axes at the end."""

from itertools import pairwise

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402 -- it needs JAX

from chainopt.jax import hessian, jacobian, value_and_jacobian  # noqa: E402

POINTS = 16


def weights(*sizes):
    generator = np.random.default_rng(0)
    return [jnp.asarray(generator.normal(size=shape) / shape[0] ** 0.5, jnp.float32) for shape in pairwise(sizes)]


def apply(parameters, x):
    for number, weight in enumerate(parameters, 1):
        x = x @ weight
        x = x if number == len(parameters) else jnp.tanh(x)
    return x


def network(*sizes):
    parameters = weights(*sizes)
    return lambda x: apply(parameters, x)


def inputs(*shape):
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


def mode_of(derivative, function, batch, batched=jax.vmap):
    """Return what the derivative does at many points, told by what is traced."""
    made = {"forward": jax.jacfwd(function), "reverse": jax.jacrev(function), "": derivative}
    traced = {mode: str(jax.make_jaxpr(batched(one))(batch)) for mode, one in made.items()}
    return next((mode for mode in ("forward", "reverse") if traced[mode] == traced[""]), "planned")


@pytest.mark.parametrize(
    ("sizes", "mode"),
    [
        ((100, 4, 100), "reverse"),  # a plan saves what the pure modes do once
        ((16, 128, 16), "reverse"),
        ((64, 256, 64), "reverse"),
        ((50, 10, 10, 50), "reverse"),
        ((3, 64, 64, 64, 3), "forward"),
        ((10, 50, 100), "forward"),
        ((100, 50, 10), "reverse"),
        ((64, 64, 4, 64, 64), "planned"),
        ((256, 256, 8, 256, 256), "planned"),
    ],
    ids=str,
)
def test_modes_at_many_points(sizes, mode):
    function, batch = network(*sizes), inputs(POINTS, sizes[0])
    derivative = jacobian(function)
    assert mode_of(derivative, function, batch) == mode
    wanted = jax.vmap(jax.jacrev(function))(batch)
    np.testing.assert_allclose(jax.vmap(derivative)(batch), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(derivative))(batch), wanted, rtol=1e-4, atol=1e-5)


def test_one_function_at_one_point_and_at_many():
    function, batch = network(100, 4, 100), inputs(POINTS, 100)
    derivative = jacobian(function)
    for _ in range(2):
        assert mode_of(derivative, function, batch) == "reverse"
        assert mode_of(derivative, function, batch[:1]) == "planned"
        assert derivative.plan(batch[0]).mode.value == "hybrid"
        np.testing.assert_allclose(derivative(batch[0]), jax.jacrev(function)(batch[0]), rtol=1e-4, atol=1e-5)
        nested = batch.reshape(4, 4, 100)
        assert mode_of(derivative, function, nested, lambda one: jax.vmap(jax.vmap(one))) == "reverse"
        wanted = jax.vmap(jax.vmap(jax.jacrev(function)))(nested)
        np.testing.assert_allclose(jax.vmap(jax.vmap(derivative))(nested), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("in_axes", "mode"), [((None, 0), "reverse"), ((0, 0), "planned")], ids=str)
def test_matrices_that_differ_from_point_to_point_are_multiplied_at_each(in_axes, mode):
    parameters, batch = weights(100, 4, 100), inputs(POINTS, 100)
    if in_axes[0] == 0:
        parameters = [jnp.stack([weight] * POINTS) for weight in parameters]
    both = (jax.vmap(make(apply, argnums=1), in_axes) for make in (jacobian, jax.jacrev))
    found, wanted = (str(jax.make_jaxpr(one)(parameters, batch)) for one in both)
    assert (found == wanted) == (mode == "reverse")


def test_after_a_shared_product_forward_mode_only_scales_rows():
    (square,), batch = weights(20, 20), inputs(POINTS, 20)
    assert mode_of(jacobian(lambda x: jnp.tanh(square @ x) - 1), lambda x: jnp.tanh(square @ x) - 1, batch) == "forward"


def test_what_demands_a_plan_has_one():
    function, batch = network(100, 4, 100), inputs(POINTS, 100)
    assert mode_of(jacobian(function, mode="planned"), function, batch) == "planned"


def test_values_and_hessians_at_many_points():
    function, batch = network(16, 128, 16), inputs(POINTS, 16)
    value, found = jax.vmap(value_and_jacobian(function))(batch)
    np.testing.assert_allclose(value, jax.vmap(function)(batch), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found, jax.vmap(jax.jacrev(function))(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sizes", [(16, 128, 16), (200, 8)], ids=str)
def test_hessians_at_many_points(sizes):
    outer, batch = network(*sizes), inputs(POINTS, sizes[0])

    def function(x):
        return jnp.tanh(outer(x)).sum()

    np.testing.assert_allclose(jax.vmap(hessian(function))(batch), jax.vmap(jax.hessian(function))(batch), rtol=1e-3, atol=1e-4)
