"""The doors of the detection: pytrees and several arguments in, sorted patterns out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import block_diag

import chainopt
from chainopt.jax import sparsity
from chainopt.jax.detection import detection_of, pattern_of
from chainopt.jax.detection.registry import RULES


def test_a_pattern_has_a_row_for_each_result_and_a_column_for_each_input():
    inputs = [jax.ShapeDtypeStruct((2, 3), "float32"), jax.ShapeDtypeStruct((4,), "float32")]
    detection = pattern_of(lambda x, y: [x.sum(axis=0), y[:2]], inputs)
    assert detection.pattern.shape == detection.shape == (5, 10)
    assert detection.pattern.has_canonical_format
    assert detection.pattern.toarray().astype(int).tolist() == [
        [1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 1, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    ]
    assert str(detection) == "8 nonzeros of 5 × 10"


def test_pytrees_and_arguments_are_flattened_in_their_order():
    def function(a, b, *, scale=2.0):
        return {"y": a["p"] * b, "x": (a["q"][:2] * scale, b.sum())}

    a, b = {"q": jnp.ones(3), "p": np.ones(2)}, jnp.ones(2)
    assert sparsity(function, a, b).shape == (5, 5)
    by_b = sparsity(function, a, b, argnums=1).toarray().astype(int)
    assert by_b.tolist() == [[0, 0], [0, 0], [1, 1], [1, 0], [0, 1]]
    by_a = sparsity(function, a, b).toarray().astype(int)
    assert by_a.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0] * 5, [1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    both = sparsity(function, a, b, argnums=[1, 0]).toarray()
    assert (both == np.hstack([by_b, by_a])).all()


def test_arguments_that_are_no_inputs_are_not_taken_for_constants():
    x = jnp.ones(3)
    assert sparsity(lambda x, w: w @ x, x, jnp.eye(3)).nnz == 9
    assert sparsity(lambda x, i: x[i], x, jnp.array([0])).nnz == 3
    assert sparsity(lambda x: jnp.eye(3) @ x, x).nnz == 3
    assert sparsity(lambda x, n: x[:n], x, 2).nnz == 2
    columns = jnp.array([1, 0])
    assert sparsity(lambda x, i: x.reshape(2, 3)[jnp.arange(2), i], jnp.ones(6), columns).nnz == 6
    assert sparsity(lambda x, i: jnp.zeros((2, 3)).at[jnp.arange(2), i].add(x), jnp.ones(2), columns).nnz == 6


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
def test_types(dtype):
    assert (sparsity(lambda x: x * x[::-1], jnp.ones(4, dtype)).toarray() == np.eye(4) + np.eye(4)[::-1]).all()


def test_what_has_no_derivative_has_no_places():
    integers = jnp.arange(3)
    assert sparsity(lambda i: i * 2.0, integers).nnz == 0
    assert sparsity(lambda i, x: i * x, integers, jnp.ones(3), argnums=(0, 1)).toarray().astype(int).tolist() == [
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert sparsity(lambda x: jnp.argsort(x), jnp.ones(3)).nnz == 0
    assert sparsity(lambda x: jnp.ones(7), jnp.ones(3)).shape == (7, 3)


def test_nothing_in_or_out():
    assert sparsity(lambda x: jnp.ones(7), jnp.ones(0)).shape == (7, 0)
    assert sparsity(lambda x: x[:0], jnp.ones(3)).shape == (0, 3)
    assert sparsity(lambda x: [], jnp.ones(3)).shape == (0, 3)
    assert sparsity(lambda x: (x * 2).sum(), jnp.ones((0, 2))).shape == (1, 0)
    assert sparsity(lambda d: jnp.ones(2), {}).shape == (2, 0)
    assert sparsity(lambda a: a**2, 0.5).toarray().tolist() == [[True]]


def test_missing_arguments_are_named():
    with pytest.raises(chainopt.ChainError, match="argnums is 1"):
        sparsity(jnp.sin, jnp.ones(2), argnums=1)


def test_the_library_speaks_for_what_it_cannot_differentiate():
    with pytest.raises(ValueError, match=r"JVP|callback"):
        sparsity(lambda x: jax.pure_callback(np.sin, x, x), jnp.ones(3))


DENSE = {
    "dot_general": lambda x: jnp.tanh(jnp.ones((40, 40)) @ x),
    "reduce_sum": lambda x: (x.at[0].set(jnp.sum(x)) - x.mean()) * x,
    "cumsum": jnp.cumsum,
    "sort": jnp.sort,
    "fft": lambda x: jnp.fft.fft(x).imag,
}


@pytest.mark.parametrize("name", DENSE)
def test_what_made_it_dense_is_named(name):
    detection = detection_of(DENSE[name], (jnp.ones(40),), 0)
    assert name in detection.dense_by
    assert f"dense by {detection.dense_by}" in str(detection)


def test_a_primitive_without_a_rule_depends_on_whatever_goes_in(monkeypatch):
    monkeypatch.delitem(RULES, "rev")
    detection = detection_of(lambda x: jnp.concatenate([jnp.flip(x[:30]), x[30:]]), (jnp.ones(40),), 0)
    assert (detection.pattern.toarray() == block_diag(np.ones((30, 30)), np.eye(10))).all()
    assert detection.dense_by == "rev (in flip)"


def test_a_primitive_in_an_unforeseen_form_is_one_without_a_rule(monkeypatch):
    monkeypatch.setitem(RULES, "rev", lambda equation, operands, walker: equation.params["new"])
    assert sparsity(lambda x: jnp.flip(x[:3]), jnp.ones(4)).toarray().astype(int).tolist() == [[1, 1, 1, 0]] * 3


def test_patterns_too_dense_to_be_listed_are_refused():
    with pytest.raises(chainopt.ChainError, match=r"10,000,100,000 nonzeros: .* dense by reduce_sum"):
        sparsity(lambda x: x - x.mean(), jax.ShapeDtypeStruct((100_000,), "float32"))


def test_random_numbers_inside():
    """Their keys are no arrays of NumPy, and their bits are the same at each call."""

    key = jax.random.key(1)

    def function(x):
        return x * jax.random.normal(key, x.shape) + jax.random.permutation(jax.random.PRNGKey(0), x)

    assert not (np.eye(6, dtype=bool) & ~sparsity(function, jnp.ones(6)).toarray()).any()


def test_inside_of_a_transformation():
    """What a function closes over is not known there."""

    @jax.jit
    def counted(x, w):
        return x * sparsity(lambda x: w * x + jnp.eye(3) @ x, jnp.ones(3)).nnz

    assert counted(jnp.ones(()), jnp.ones((3, 3))) == 9
