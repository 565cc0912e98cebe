"""Which of JAX's own functions is taken, and that it gives what jax.jacrev gives: dtypes, names, errors."""

import inspect

import numpy as np
import pytest

from chainopt import ChainError


@pytest.fixture(scope="module")
def jnp(jax):
    return jax.numpy


@pytest.fixture(scope="module")
def jacobian(jax):  # noqa: ARG001 -- chainopt.jax needs it
    from chainopt.jax import jacobian

    return jacobian


def only_backwards(jax, jnp):
    function = jax.custom_vjp(jnp.tanh)
    function.defvjp(lambda x: (jnp.tanh(x), x), lambda x, w: (w * (1 - jnp.tanh(x) ** 2),))
    return function


def loop(jax, x):
    """Return what has no reverse mode."""
    return jax.lax.while_loop(lambda state: state[0] < 3, lambda state: (state[0] + 1, jax.numpy.sin(state[1])), (0, x))[1]


def root_of(jax, jnp):
    """Return a square root by a loop, with a rule of its own."""

    def newton(x):
        return jax.lax.while_loop(lambda s: s[0] < 20, lambda s: (s[0] + 1, 0.5 * (s[1] + x / s[1])), (0, x))[1]

    root = jax.custom_vjp(newton)
    root.defvjp(lambda x: (newton(x), newton(x)), lambda value, w: (w / (2 * value),))
    return lambda x: jnp.concatenate([root(x), 2 * root(x)])


@pytest.mark.parametrize("kind", ["reverse only", "reverse only, wide", "forward only", "complex result", "a loop with a rule"])
def test_the_mode_that_there_is_is_taken_and_remembered(jax, jnp, jacobian, kind):
    backwards = only_backwards(jax, jnp)
    function, reference = {
        "reverse only": (lambda x: jnp.fft.fft(backwards(x)).real, jax.jacrev),
        "reverse only, wide": (lambda x: jnp.fft.fft(jnp.tile(backwards(x), 4)).imag, jax.jacrev),
        "forward only": (lambda x: jnp.abs(jnp.fft.fft(loop(jax, x)))[:2], jax.jacfwd),
        "complex result": (lambda x: jnp.exp(1j * x[:2]), jax.jacfwd),
        "a loop with a rule": (root_of(jax, jnp), jax.jacrev),
    }[kind]
    x = jnp.linspace(0.5, 2, 6)
    derivative = jacobian(function)
    for point in (x, 2 * x):
        np.testing.assert_allclose(derivative(point), reference(function)(point), rtol=1e-4, atol=1e-5)
    (strategy,) = derivative._strategies.known.values()
    assert strategy.mode == ("reverse" if reference is jax.jacrev else "forward")


def test_where_both_modes_fail_the_error_is_jaxs_own(jax, jnp, jacobian):
    backwards = only_backwards(jax, jnp)
    x = jnp.ones(3)
    with pytest.raises((TypeError, ValueError), match=r"custom_vjp|Reverse-mode") as error:
        jacobian(lambda x: jnp.fft.fft(loop(jax, backwards(x))).real)(x)
    assert not isinstance(error.value, ChainError)

    def wrong(x):  # noqa: ARG001 -- the argument of the function
        msg = "mine"
        raise KeyError(msg)

    with pytest.raises(KeyError, match="mine"):
        jacobian(wrong)(x)


def test_a_constant_added_is_the_identity(jnp, jacobian):
    x = jnp.linspace(0, 1, 12)
    for function in (lambda x: x + 1.0, lambda x: x - np.arange(12.0), lambda x: 2.0 + x):
        np.testing.assert_array_equal(jacobian(function)(x), np.eye(12))


def test_half_precision_beside_single(jax, jnp, jacobian):
    rng = np.random.default_rng(0)
    into, out = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in ((40, 3), (3, 50)))
    into = into / 6
    inputs = {"a": jnp.asarray(rng.standard_normal(40), jnp.float16), "b": jnp.ones(3, jnp.float32)}

    def function(inputs):
        return jnp.tanh(inputs["a"].astype(jnp.float32) @ into * inputs["b"]) @ out

    exact = jax.jacrev(function)(inputs | {"a": inputs["a"].astype(jnp.float32)})
    for options in ({}, {"mode": "planned"}):
        found, expected = jacobian(function, **options)(inputs), jax.jacrev(function)(inputs)
        for name, tolerance in (("a", 1e-3), ("b", 1e-5)):
            assert found[name].dtype == expected[name].dtype == inputs[name].dtype
            scale = float(abs(exact[name]).max())
            assert float(abs(found[name].astype(jnp.float32) - exact[name]).max()) <= tolerance * scale


@pytest.mark.usefixtures("first_calls_left")
def test_the_first_call_has_the_dtypes_of_reverse_mode(jax, jnp, jacobian):
    def mixed(a, b):
        return {"sum": jnp.float32(3) * jnp.sum(b), "narrow": 2 * a.astype(jnp.float16), "wide": b.astype(jnp.float32) * a}

    point = jnp.ones(3, jnp.float32), jnp.ones(3, jnp.float16)
    derivative, wanted = jacobian(mixed, (0, 1)), jax.jacrev(mixed, (0, 1))(*point)
    for _ in range(3):
        found = derivative(*point)
        assert [block.dtype for block in jax.tree.leaves(found)] == [block.dtype for block in jax.tree.leaves(wanted)]


def test_a_result_too_narrow_for_its_block_is_left_to_jax(jax, jnp, jacobian):
    weights = jnp.asarray(np.random.default_rng(0).standard_normal((20, 2)), jnp.float32)
    x = jnp.linspace(0, 1, 20, dtype=jnp.float32)

    def function(x):
        return (jnp.tanh(x @ weights) @ weights.T).astype(jnp.bfloat16)

    found, expected = jacobian(function)(x), jax.jacrev(function)(x)
    assert found.dtype == expected.dtype == jnp.float32
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ChainError, match="a result is of bfloat16, too narrow for the block of an input of float32"):
        jacobian(function, mode="planned")(x)


def test_strict_promotion(jax, jnp, jacobian):
    weights = jnp.asarray(np.random.default_rng(0).standard_normal((20, 2)), jnp.float32)

    def function(x):
        return jnp.tanh(x.astype(jnp.float32) @ weights) @ weights.T

    x = jnp.linspace(0, 1, 20, dtype=jnp.bfloat16)
    with jax.numpy_dtype_promotion("strict"):
        found, expected = jacobian(function, mode="planned")(x), jax.jacrev(function)(x)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=0, atol=2e-2 * float(abs(expected).max()))


@pytest.mark.parametrize("aux", ["a text", {"n": 3}, None, (1.5, "b")])
def test_auxiliary_data_that_are_no_arrays(jax, jnp, jacobian, aux):
    def function(x):
        return jnp.tanh(x[:2]) @ jnp.ones((2, 30)), aux

    x = jnp.ones(20)
    for options in ({}, {"mode": "planned"}):
        derivative, found = jacobian(function, has_aux=True, **options)(x)
        assert found == aux
        np.testing.assert_allclose(derivative, jax.jacrev(function, has_aux=True)(x)[0], rtol=1e-5)


def test_auxiliary_data_without_a_pair(jnp, jacobian):
    from chainopt.jax import value_and_jacobian

    for door in (jacobian, value_and_jacobian):
        for mode in ("auto", "forward", "reverse"):
            for error in (TypeError, ChainError):  # JAX's own, which in forward mode would be of a leaked tracer
                with pytest.raises(error, match=r"not a pair of a value and others: .* two-element tuple"):
                    door(jnp.sin, has_aux=True, mode=mode)(jnp.ones(3))
    with pytest.raises(ChainError, match=r"has_aux is True, but the function returned a .*, not a pair"):
        jacobian(jnp.sin, has_aux=True, mode="planned")(jnp.ones(3))


def test_positions_of_arguments(jax, jnp, jacobian):
    x, y = jnp.linspace(0, 1, 4), jnp.linspace(1, 2, 4)

    def function(a, b):
        return a * jnp.sin(b)

    for argnums in (np.int64(1), np.int32(-1)):
        np.testing.assert_allclose(jacobian(function, argnums)(x, y), jax.jacrev(function, 1)(x, y), rtol=1e-6)
    assert len(jacobian(function, (np.int64(0), 1))(x, y)) == 2
    with pytest.raises(ChainError, match=r"argnums is \(0, 0\), which names argument 0 twice"):
        jacobian(function, (0, 0))
    with pytest.raises(ChainError, match=r"argnums is \(1, -1\), which names argument 1 twice"):
        jacobian(function, (1, -1))(x, y)
    with pytest.raises(ChainError, match=r"argnums is an array: .*`jacobian\(f\)\(x\)`"):
        jacobian(function, x)


def test_it_looks_like_its_function(jax, jnp, jacobian):
    def scaled(x, flag):
        """Scale."""
        return x * 2 if flag else x * 0

    derivative = jacobian(scaled)
    assert (derivative.__name__, derivative.__doc__) == ("scaled", "Scale.")
    assert inspect.signature(derivative) == inspect.signature(jax.jacrev(scaled))
    compiled = jax.jit(derivative, static_argnames=["flag"])
    np.testing.assert_array_equal(compiled(jnp.arange(3.0), True), 2 * np.eye(3))


def test_an_empty_array_beside_two_factors(jnp, jacobian):
    left, right = jacobian(lambda x: (jnp.sum(x**2)[None], x[:0] * 2), low_rank=True)(jnp.ones(4))
    np.testing.assert_allclose(left[0] @ right, [[2, 2, 2, 2]])
    assert left[1].shape == (0, right.shape[0])


def chebyquad(jnp, x, results):
    """Return means of shifted Chebyshev polynomials."""
    before, last, means = jnp.ones_like(x), 2 * x - 1, []
    for _ in range(results):
        means.append(last.mean())
        before, last = last, 2 * (2 * x - 1) * last - before
    return jnp.stack(means)


def black_scholes(jnp, jax, price, strike, rate, deviation, time):
    spread = deviation * jnp.sqrt(time)
    first = (jnp.log(price / strike) + (rate + deviation**2 / 2) * time) / spread
    cdf = jax.scipy.stats.norm.cdf
    return price * cdf(first) - strike * jnp.exp(-rate * time) * cdf(first - spread)


def turning(jnp, angles):
    """Turn a link by one angle after the other, with matrices, and add the links."""
    matrix, place = jnp.eye(3), jnp.zeros(3)
    for angle in angles:
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        matrix = matrix @ jnp.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        place = place + matrix @ jnp.array([0.3, 0.1, 1])
    return place


def test_slow_sums_decide_between_the_pure_modes(jax, jnp, jacobian):
    def squared_steps(x):
        return jnp.sum((x[1:] - x[:-1] ** 2) ** 2)

    def fitted(x):
        return x[0] + x[1] * jnp.exp(-x[2] * jnp.arange(30.0))

    numbers = tuple(map(jnp.float32, (1.1, 0.9, 0.6, 0.7, 1.2)))
    for mode, function, arguments in (
        ("reverse", lambda x: chebyquad(jnp, x, 10), [jnp.linspace(0.2, 0.9, 10)]),
        ("reverse", lambda x: chebyquad(jnp, x, 20), [jnp.linspace(0.2, 0.9, 10)]),
        ("reverse", lambda x: jnp.cos(x).sum() + jnp.sin(x), [jnp.linspace(0.2, 0.9, 20)]),
        ("reverse", squared_steps, [jnp.ones(3)]),
        ("reverse", lambda *scalars: black_scholes(jnp, jax, *scalars), numbers),
        ("forward", lambda x: black_scholes(jnp, jax, *x), [jnp.stack(numbers)]),
        ("forward", fitted, [jnp.ones(3)]),
        ("reverse", lambda x: turning(jnp, x), [jnp.linspace(0.2, 0.9, 20)]),
    ):
        derivative = jacobian(function, argnums=tuple(range(len(arguments))))
        assert derivative.plan(*arguments).mode.value == mode
        (strategy,) = derivative._strategies.known.values()
        assert strategy.mode == mode


def flops(jax, function, x):
    analysis = jax.jit(function).lower(x).compile().cost_analysis()
    return (analysis[0] if isinstance(analysis, list) else analysis)["flops"]  # a list before JAX 0.5


def test_what_was_chosen_is_what_runs(jax, jnp, jacobian):
    def fitted(x):
        return x[0] + x[1] * jnp.exp(-x[2] * jnp.arange(30.0))

    for function, x, own, other in (
        (fitted, jnp.ones(3), jax.jacfwd, jax.jacrev),
        (lambda x: chebyquad(jnp, x, 4), jnp.linspace(0.2, 0.9, 10), jax.jacrev, jax.jacfwd),
    ):
        found, chosen, left = (flops(jax, make(function), x) for make in (jacobian, own, other))
        assert found == chosen != left


def test_a_call_that_nobody_compiles_goes_forward_where_the_work_is_small(jax, jnp, jacobian, monkeypatch):
    called = []
    jacfwd, jacrev = jax.jacfwd, jax.jacrev
    monkeypatch.setattr(jax, "jacfwd", lambda *args, **kw: called.append("forward") or jacfwd(*args, **kw))
    monkeypatch.setattr(jax, "jacrev", lambda *args, **kw: called.append("reverse") or jacrev(*args, **kw))
    for size, mode in ((10, "forward"), (3000, "reverse")):
        x = jnp.linspace(0.2, 0.9, size)
        derivative = jacobian(lambda x: chebyquad(jnp, x, 4))
        derivative(x)
        assert called.pop() == mode
        (strategy,) = derivative._strategies.known.values()
        assert strategy.mode == "reverse"
        assert not called


@pytest.mark.parametrize("is_loop", [False, True])
def test_tangents_behind_the_rows_of_a_product_are_dear(jnp, jax, jacobian, is_loop):
    matrix = jnp.asarray(np.random.default_rng(0).standard_normal((20, 20)), jnp.float32) / 5

    def steps(step):
        def unrolled(x):
            for _ in range(30):
                x = step(x)
            return x[:18]

        return unrolled if is_loop else lambda x: jax.lax.scan(lambda x, _: (step(x), None), x, None, length=30)[0][:18]

    x = jnp.linspace(0.2, 0.9, 20)
    for step, mode in (
        (lambda x: x + jnp.tanh(matrix @ x) / 20, "reverse"),
        (lambda x: x + jnp.tanh(x @ matrix) / 20, "forward"),
    ):
        assert jacobian(steps(step)).plan(x).mode.value == mode


def test_products_are_as_exact_as_the_function_is(jax, jnp, jacobian):
    def written(function):
        return str(jax.make_jaxpr(jacobian(function, mode="planned"))(jnp.ones(30)))

    def of_sums(x):
        return jnp.sin(x.sum() * jnp.arange(30.0))

    matrix = jnp.ones((30, 2))
    assert "HIGHEST" in written(of_sums)  # an accelerator rounds before it multiplies, unless it is told not to
    assert "HIGHEST" not in written(lambda x: jnp.sin(matrix @ jnp.stack([x.sum(), x.prod()])))
    with jax.default_matmul_precision("bfloat16"):
        assert "HIGHEST" not in written(of_sums)


def test_where_no_cut_pays_cuts_are_not_dropped_one_by_one(jax, jnp, jacobian, monkeypatch):
    from chainopt.graphs import code_search

    dropped, merged = [], code_search._merged
    monkeypatch.setattr(code_search, "_merged", lambda *given, **options: dropped.append(given) or merged(*given, **options))

    def reconstructed(u):
        left, right = jnp.roll(u, 1), jnp.roll(u, -1)
        smooth = [(left - u) ** 2 + 0.25 * (left - right) ** 2, (u - right) ** 2 + 0.25 * (left - right) ** 2]
        weights = [1 / (1e-6 + each) ** 2 for each in smooth]
        flux = (weights[0] * (3 * u - left) + weights[1] * (u + right)) / sum(weights)
        return flux - jnp.roll(flux, 1)

    x = jnp.sin(jnp.linspace(0.1, 6.0, 40))
    derivative = jacobian(reconstructed)
    assert len(derivative.plan(x).chain) == 1
    assert dropped == []
    np.testing.assert_allclose(derivative(x), jax.jacfwd(reconstructed)(x), rtol=1e-4, atol=1e-4)


def test_results_of_symbolic_sizes_are_exported_and_not_taken_for_a_hint(jax, jnp, jacobian, first_calls_left):  # noqa: ARG001
    export = pytest.importorskip("jax.export")
    (rows,) = export.symbolic_shape("rows")

    def scaled(factor):
        return jacobian(lambda scale: jnp.sin(factor) * scale)

    for _ in range(2):
        exported = export.export(jax.jit(lambda factor: scaled(factor)(1.0)))(jax.ShapeDtypeStruct((rows, 60), jnp.float32))
        np.testing.assert_allclose(exported.call(jnp.ones((2, 60))), np.full((2, 60), np.sin(1.0)), rtol=1e-6)
        np.testing.assert_allclose(scaled(jnp.ones(3))(2.0), np.full(3, np.sin(1.0)), rtol=1e-6)


@pytest.fixture
def _unplanned(first_calls_left, monkeypatch):  # noqa: ARG001 -- it patches, too
    """Let nothing be planned, whatever the shapes are."""
    from chainopt.functions import strategies
    from chainopt.functions.backend import UnplannableError

    def refuse(*_):
        reason = "a reason"
        raise UnplannableError(reason)

    monkeypatch.setattr(strategies, "prepare", refuse)


@pytest.mark.usefixtures("_unplanned")
@pytest.mark.parametrize(("inputs", "results", "mode"), [(3, 90, "forward"), (90, 3, "reverse"), (5, 5, "forward")])
def test_what_is_not_planned_goes_in_the_mode_of_fewer_passes(jax, jnp, jacobian, inputs, results, mode):
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(results, inputs)))
    x, derivative = jnp.ones(inputs), jacobian(lambda x: jnp.sin(weights @ x))
    with pytest.raises(ChainError, match="a reason"):
        derivative.plan(x)
    wanted = jax.make_jaxpr({"forward": jax.jacfwd, "reverse": jax.jacrev}[mode](lambda x: jnp.sin(weights @ x)))(x)
    assert str(jax.make_jaxpr(derivative)(x)) == str(wanted)


@pytest.mark.usefixtures("_unplanned")
def test_what_is_not_planned_has_the_blocks_of_reverse_mode_at_every_call(jax, jnp, jacobian):
    weights = jnp.ones((90, 3), jnp.float32)

    def function(x):
        return jnp.sin(weights @ x.astype(jnp.float32))

    derivative, x = jacobian(function), jnp.ones(3, jnp.float16)
    for call in (derivative, derivative, jax.jit(derivative), derivative):
        assert call(x).dtype == jax.jacrev(function)(x).dtype == jnp.float16


def test_a_rule_that_takes_no_tangents_of_what_is_not_differentiated(jax, jnp, jacobian):
    from jax.custom_derivatives import SymbolicZero

    @jax.custom_jvp
    def constant(x):
        return x

    def rule(primals, tangents):
        if type(tangents[0]) is not SymbolicZero:
            msg = "no tangents"
            raise TypeError(msg)
        return primals[0], tangents[0]

    constant.defjvp(rule, symbolic_zeros=True)
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(90, 3)))

    def function(x, step):
        return jnp.sin(weights @ x) * constant(step)

    derivative, x = jacobian(function), jnp.ones(3)
    assert derivative.plan(x, jnp.asarray(0.1)).mode.value == "forward"
    for step in (0.1, 0.3):
        np.testing.assert_allclose(derivative(x, jnp.asarray(step)), jax.jacfwd(function)(x, jnp.asarray(step)), rtol=1e-6)
    with pytest.raises(TypeError, match="no tangents"):
        jacobian(function, argnums=1)(x, jnp.asarray(0.1))
