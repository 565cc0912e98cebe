"""What the rules of JAX's primitives say: costs, modes, what is elementwise, which matrices are Jacobians."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def jacobian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return jacobian


@pytest.fixture(scope="module")
def derivatives(jax):
    """Return what the rules say of the equations of a function."""
    from chainopt.jax.rules import derivative_of

    return lambda function, *args: [derivative_of(equation) for equation in jax.make_jaxpr(function)(*args).jaxpr.eqns]


SIZE = 20
RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((SIZE, SIZE)).astype(np.float32)


def roots(jax):
    """Return the square root by a while loop, and with a derivative that somebody wrote for it, for VJPs only and for both."""

    def root(x):
        return jax.lax.while_loop(lambda s: s[0] < 20, lambda s: (s[0] + 1, 0.5 * (s[1] + x / s[1])), (0, x))[1]

    by_vjp, by_jvp = jax.custom_vjp(root), jax.custom_jvp(root)
    by_vjp.defvjp(lambda x: (root(x), root(x)), lambda r, g: (g / (2 * r),))
    by_jvp.defjvp(lambda primals, tangents: (root(*primals), tangents[0] / (2 * root(*primals))))
    return root, by_vjp, by_jvp


def around_loops(jax, jnp):
    """Functions of SIZE numbers with loops inside of functions with rules of their own, and the mode that jacobian takes."""
    from jax.experimental.ode import odeint

    root, by_vjp, by_jvp = roots(jax)
    solvers = jax.scipy.sparse.linalg
    cube_root = jax.lax.custom_root
    matrix = jnp.asarray(SQUARE @ SQUARE.T / SIZE) + 3 * jnp.eye(SIZE)

    def times(v):
        return matrix @ v

    def newton(f, u):
        return jax.lax.while_loop(lambda s: s[0] < 30, lambda s: (s[0] + 1, s[1] - f(s[1]) / (3 * s[1] ** 2)), (0, u * u + 1))[1]

    def repeated(step):
        return lambda x: jax.lax.scan(lambda c, _: (step(c * c + 1), None), x, None, length=3)[0].sum()

    return {
        "cg": (lambda b: solvers.cg(times, b, tol=1e-7)[0].sum(), "reverse"),
        "cg to two": (lambda b: solvers.cg(times, b, tol=1e-7)[0][:2] ** 2, "reverse"),
        "cg, by its matrix": (lambda b: solvers.cg(lambda v: matrix @ v + b * v, jnp.ones(SIZE), tol=1e-7)[0].sum(), "reverse"),
        "gmres": (lambda b: solvers.gmres(times, b, tol=1e-7, restart=5)[0].sum(), "reverse"),
        "bicgstab": (lambda b: solvers.bicgstab(times, b, tol=1e-7)[0].sum(), "reverse"),
        "solve": (lambda b: jnp.linalg.solve(matrix + jnp.outer(b, b) / SIZE, b).sum(), "reverse"),
        "custom_root": (
            lambda a: cube_root(lambda u: u**3 - a * a - 1, a, newton, lambda g, b: b / g(jnp.ones_like(b))).sum(),
            "reverse",
        ),
        "custom_vjp": (lambda x: by_vjp(x * x + 1).sum(), "reverse"),
        "custom_vjp, as many results": (lambda x: by_vjp(x * x + 1), "reverse"),
        "custom_jvp": (lambda x: by_jvp(x * x + 1).sum(), "reverse"),
        "custom_jvp, jitted": (lambda x: jax.jit(by_jvp)(x * x + 1).sum(), "reverse"),
        "scan of custom_vjp": (repeated(by_vjp), "reverse"),
        "scan of custom_jvp": (repeated(by_jvp), "reverse"),
        "scan of cg": (repeated(lambda c: solvers.cg(times, c, tol=1e-7)[0]), "reverse"),
        "checkpoint of custom_jvp": (lambda x: jax.checkpoint(by_jvp)(x * x + 1).sum(), "reverse"),
        "branches": (lambda x: jax.lax.cond(x[0] > 0, by_vjp, by_jvp, x * x + 1).sum(), "reverse"),
        "odeint": (lambda s: odeint(lambda u, _: jnp.sin(times(u)), s, jnp.linspace(0.0, 1.0, 3)).sum(), "reverse"),
        "a loop alone": (lambda x: root(x * x + 1).sum(), "forward"),
        "a loop around custom_jvp": (
            lambda x: jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, by_jvp(s[1] ** 2 + 1)), (0, x))[1].sum(),
            "forward",
        ),
    }


def test_loops_inside_of_rules_do_not_forbid_the_modes_of_the_rules(jax, jnp, jacobian):
    x = jnp.linspace(0.1, 1, SIZE, dtype=np.float32)
    for name, (function, mode) in around_loops(jax, jnp).items():
        assert jacobian(function).plan(x).mode == mode, name
        if name in {"cg to two", "custom_root", "custom_vjp, as many results", "scan of custom_vjp", "branches", "a loop alone"}:
            pure = jax.jacfwd if mode == "forward" else jax.jacrev
            expected = jax.jit(pure(function))(x)
            for derivative in (jax.jit(jacobian(function)), jacobian(function, mode="planned")):
                np.testing.assert_allclose(derivative(x), expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_rule_in_the_middle_of_a_plan(jax, jnp, jacobian):
    _, by_vjp, by_jvp = roots(jax)
    into, out = (RNG.standard_normal(shape).astype(np.float32) for shape in ((SIZE, 2), (2, SIZE)))
    x = jnp.linspace(0.1, 1, SIZE, dtype=np.float32)
    for name, rule in (("custom_vjp", by_vjp), ("custom_jvp", by_jvp)):
        derivative = jacobian(lambda x, rule=rule: jnp.tanh(rule((x @ into) ** 2 + 1) @ out), mode="planned")
        np.testing.assert_allclose(derivative(x), jax.jacrev(derivative.function)(x), rtol=1e-4, atol=1e-6, err_msg=name)
        assert 2 in derivative.plan(x).chain.dims, name


def test_rules_that_call_their_own_function_end(jax, jnp, derivatives):
    """One on the tangents, as of a linear function; one on the point; one in a loop."""
    linear, exponential, looped = (
        jax.custom_jvp(function) for function in (jnp.cumsum, lambda x: jnp.exp(jnp.cumsum(x)), jnp.sin)
    )
    linear.defjvp(lambda primals, tangents: (linear(*primals), linear(*tangents)))
    exponential.defjvp(lambda primals, tangents: (exponential(*primals), exponential(*primals) * linear(*tangents)))

    def by_a_loop(primals, tangents):
        slope = jax.lax.fori_loop(0, 2, lambda _, u: jax.jit(looped)(u), primals[0])
        return looped(*primals), slope * tangents[0]

    looped.defjvp(by_a_loop)
    for function in (linear, exponential, looped):
        (derivative,) = derivatives(function, jnp.ones(9))
        assert derivative.price.jvp > 0
        assert derivative.price.vjp > 0


def test_a_rule_that_cannot_be_traced_still_has_its_mode(jax, jnp, derivatives):
    by_values = jax.custom_vjp(jnp.sin)
    by_values.defvjp(lambda x: (jnp.sin(x), float(x[0])), lambda slope, g: (g * slope,))  # which needs numbers, not tracers
    (derivative,) = derivatives(by_values, jnp.ones(9))
    assert derivative.price.jvp is None
    assert derivative.price.vjp > 0


def test_integers_beside_numbers(jax, jnp, derivatives):
    scaled = jax.custom_jvp(lambda n, x: (n, jnp.cumsum(x) * n))
    scaled.defjvp(lambda p, t: (scaled(*p), (np.zeros((), jax.dtypes.float0), jnp.cumsum(t[1]) * p[0])))
    (derivative,) = derivatives(scaled, 3, jnp.ones(9))
    assert min(derivative.price) > 9


def test_a_cumsum_along_a_whole_array_is_a_triangle(jax, jnp, jacobian):
    """Slopes around it scale its rows and columns: no matrix is multiplied with a diagonal one."""
    functions = {
        "alone": (jnp.cumsum, 30),
        "between elementwise functions": (lambda x: jnp.tanh(jnp.cumsum(jnp.sin(x))), 30),
        "backwards": (lambda x: jax.lax.cumsum(x, reverse=True) * 2, 30),
        "a column": (lambda x: jax.lax.cumsum(x[:, None], axis=0)[:, 0], 30),
    }
    for name, (function, size) in functions.items():
        x = jnp.linspace(0, 1, size)
        derivative = jacobian(function, mode="planned")
        np.testing.assert_allclose(derivative(x), jax.jacrev(function)(x), rtol=1e-5, atol=1e-6, err_msg=name)
        assert "dot_general" not in str(jax.make_jaxpr(derivative)(x)), name
    x = jnp.linspace(0, 1, 30)
    assert jacobian(jnp.cumsum, mode="planned").plan(x).cost == 30 * 30
    empty = jacobian(lambda x: jnp.cumsum(x[:0]).sum() + x)  # which old versions of JAX keep, and nothing can be planned through
    np.testing.assert_allclose(empty(x), np.eye(30), rtol=1e-5)
    rows = jacobian(lambda x: jnp.cumsum(x.reshape(5, 6), axis=1).ravel(), mode="planned")  # a triangle for each
    np.testing.assert_allclose(rows(x), jax.jacrev(rows.function)(x), rtol=1e-5)
    assert rows.plan(x).chain[0].accumulation_cost is None


def test_what_adds_one_by_one_costs_more_than_what_moves_together(jnp, derivatives):
    places = jnp.array([1, 1, 4])
    added = derivatives(lambda x, y: x.at[places].add(y), jnp.ones(9), jnp.ones(3))[-1].price
    joined = derivatives(lambda x, y: jnp.concatenate([x, y]), jnp.ones(9), jnp.ones(3))[-1].price
    assert added.jvp > 3 * 100 > joined.jvp
    assert added.vjp > 3 * 10
