"""What is refused under sparse=True, and patterns that users give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO
from scipy import sparse

from chainopt import ChainError
from chainopt.functions.sparse.backend import Recorded, SparseBackend
from chainopt.functions.sparse.density import check_is_sparse
from chainopt.jax import jacobian
from chainopt.jax.sparse import SPARSE

N = 24
X = jnp.linspace(0.5, 1.5, N)
LINE = np.eye(N, dtype=bool) | np.eye(N, k=-1, dtype=bool)
LINE[0, -1] = True


def stencil(x):
    return x * jnp.roll(x, 1)


@pytest.mark.parametrize(
    ("function", "culprit"),
    [
        (lambda x: jnp.tanh(jnp.outer(x, x) @ x), "dot_general"),
        (lambda x: x - jnp.mean(x), "mean|sum"),
        (jax.nn.softmax, "softmax|sum|max"),
        (jnp.cumsum, "cumsum"),
    ],
)
def test_what_is_dense_is_refused_and_named(function, culprit):
    for call in (
        jacobian(function, sparse=True),
        jax.jit(jacobian(function, sparse=True)),
        jacobian(function, sparse=True).prepare,
    ):
        for _ in range(2):
            with pytest.raises(ChainError, match=f"not sparse.*dense is.*({culprit})"):
                call(X)


def test_the_rule():
    check_is_sparse((4, 4), 16, 4, None)  # so few are never refused
    check_is_sparse((100, 100), 5000, 50, None)
    check_is_sparse((100, 100), 2400, 100, None)
    check_is_sparse((5, 0), 0, 0, None)
    with pytest.raises(ChainError, match=r"51%.*jacobian"):
        check_is_sparse((100, 100), 5100, None, None)
    with pytest.raises(ChainError, match=r"30%.*90 products where a dense one takes 100: what makes it dense is sin"):
        check_is_sparse((100, 100), 3000, 90, "sin")


PATTERNS = {
    "csr": sparse.csr_array(LINE),
    "coo, stored zeros": sparse.coo_array((np.zeros(LINE.sum()), np.nonzero(LINE)), shape=(N, N)),
    "csc_matrix": sparse.csc_matrix(LINE),
    "dense": LINE,
    "floats": LINE * 2.5,
    "lists": LINE.tolist(),
    "jax": jnp.asarray(LINE),
    "BCOO": BCOO.fromdense(jnp.asarray(LINE, dtype=float)),
    "padded BCOO": BCOO.fromdense(jnp.asarray(LINE, dtype=float), nse=3 * N),
    "larger than needed": LINE | LINE.T,
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_of_all_kinds(name):
    sparse_jacobian = jacobian(stencil, sparse=True, pattern=PATTERNS[name])
    expected = jax.jacfwd(stencil)(X)
    np.testing.assert_allclose(sparse_jacobian(X).todense(), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(sparse_jacobian)(X).todense(), expected, rtol=1e-6)
    np.testing.assert_allclose(sparse_jacobian.prepare(X)(X).todense(), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_wrong_patterns(mode):
    wrong = LINE.copy()
    wrong[7, 6] = False
    given = {"sparse": True, "pattern": wrong, "mode": mode}
    for call in (jacobian(stencil, **given), jacobian(stencil, **given).prepare):
        with pytest.raises(ChainError, match="no place at row 7, column 6, where"):
            call(X)
    with pytest.raises(ChainError, match="check=False"):
        jax.jit(jacobian(stencil, **given))(X)
    assert jacobian(stencil, **given, check=False)(X).nse == LINE.sum() - 1
    assert jax.jit(jacobian(stencil, **given, check=False))(X).nse == LINE.sum() - 1
    wrong[9, 8] = wrong[10, 9] = False
    with pytest.raises(ChainError, match=r"(row|column)s differ in all"):
        jacobian(stencil, sparse=True, pattern=wrong)(X)


def test_a_wrong_pattern_of_a_function_with_one_mode():
    @jax.custom_vjp
    def twice(x):
        return 2 * x

    twice.defvjp(lambda x: (2 * x, None), lambda _, g: (2 * g,))
    assert jacobian(twice, sparse=True, pattern=np.eye(N))(X).todense()[2, 2] == 2
    with pytest.raises(ChainError, match="column 0 differs"):
        jacobian(twice, sparse=True, pattern=np.eye(N, k=1))(X)

    def loop(x):
        return jax.lax.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, 3 * s[1]), (0, x))[1]

    with pytest.raises(ChainError, match=r"row .* differs"):
        jacobian(loop, sparse=True, pattern=np.eye(N, k=1))(X)


def test_values_that_are_not_finite_are_no_reason():
    x = X.at[3].set(jnp.nan)
    assert jacobian(stencil, sparse=True, pattern=LINE)(x).nse == LINE.sum()


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        (np.ones((3, 4)), "3x4.*24"),
        (sparse.eye_array(N + 1), "25x25"),
        (np.ones(3), "shape \\(3,\\)"),
        ([[1], [1, 2]], "pattern is"),
        ("diagonal", "pattern is"),
        (BCOO.fromdense(jnp.ones((2, 2, 2))), "shape \\(2, 2, 2\\)"),
        (np.ones((N, N)), "not sparse.*pattern that was given"),
    ],
)
def test_patterns_that_are_none(pattern, match):
    with pytest.raises(ChainError, match=match):
        jacobian(stencil, sparse=True, pattern=pattern)(X)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"sparse": "very"}, "give True, False or"),
        ({"sparse": 1}, "give True, False or"),
        ({"sparse": False, "pattern": LINE}, "sparse=True"),
        ({"sparse": True, "check": "no"}, "check"),
        ({"sparse": True, "holomorphic": True}, "holomorphic"),
        ({"sparse": True, "allow_int": True}, "allow_int"),
        ({"sparse": True, "low_rank": True}, "low_rank"),
        ({"sparse": True, "chunk_size": 0}, "chunk_size"),
    ],
)
def test_options_that_do_not_go_together(options, match):
    with pytest.raises(ChainError, match=match):
        jacobian(stencil, **options)


def test_what_is_not_real():
    with pytest.raises(ChainError, match="an input is of int32"):
        jacobian(stencil, sparse=True)(jnp.arange(N))
    with pytest.raises(ChainError, match="an input is of complex64"):
        jacobian(stencil, sparse=True)(X * 1j)
    with pytest.raises(ChainError, match="a result is of int32"):
        jacobian(jnp.argsort, sparse=True)(X)
    with pytest.raises(ChainError, match="no sparse Jacobian"):
        jacobian(lambda x: (x, object()), sparse=True, has_aux=True)(X)
    with pytest.raises(ChainError, match="no prepared sparse Jacobian"):
        jacobian(lambda x: (x, object()), sparse=True, has_aux=True).prepare(X)


def test_what_is_dense_is_refused_before_it_is_listed():
    with pytest.raises(ChainError, match="14000x14000 is not sparse, for 100%"):
        jacobian(jax.nn.softmax, sparse=True)(jnp.ones(14_000))
    with pytest.raises(ChainError, match="check=False"):
        jax.jit(jacobian(jax.nn.softmax, sparse=True, pattern=LINE))(X)


def test_nothing_to_compare():
    assert jacobian(lambda x: x[:0], sparse=True, pattern=np.zeros((0, N)))(X).nse == 0


def test_the_backend_has_all_that_is_asked_of_one():
    def names(protocol):
        return {name for name in {*vars(protocol), *protocol.__annotations__} if not name.startswith("_")}

    assert all(hasattr(SPARSE, name) for name in names(SparseBackend))
    function = SPARSE.recorded(lambda x: [x], [X], [], lambda: 1, is_symmetric=False)
    assert all(hasattr(function, name) for name in names(Recorded))


def test_no_inputs():
    with pytest.raises(ChainError, match="no arrays"):
        jacobian(lambda _: jnp.ones(3), sparse=True)({})


def test_errors_of_the_function_come_through():
    def fails(x):
        raise KeyError(x.shape)

    for _ in range(2):
        with pytest.raises(KeyError):
            jacobian(fails, sparse=True)(X)


def test_methods_that_are_not_there():
    with pytest.raises(ChainError, match="no plan"):
        jacobian(stencil, sparse=True).plan(X)
    with pytest.raises(ChainError, match="not tuned"):
        jacobian(stencil, sparse=True).tune(X)
    with pytest.raises(ChainError, match="sparse=True"):
        jacobian(stencil).prepare(X)
    assert repr(jacobian(stencil, sparse=True)).endswith("sparse=True)")


def test_texts_are_no_arguments():
    with pytest.raises(ChainError, match="an argument is a str"):
        jacobian(lambda x: x, sparse=True)("abc")
