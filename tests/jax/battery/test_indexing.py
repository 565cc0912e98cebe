import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_judge import case, complaints

PLACES = np.array([2, 0, 2, 1])
PROGRAMS = {
    "an entry": case(lambda x: x[1], (4,)),
    "an entry from the end, of a matrix": case(lambda x: x[-1, 0] * x[0], (3, 3)),
    "a slice with steps": case(lambda x: x[::-2], (4,)),
    "a column": case(lambda x: x[:, 1], (3, 3)),
    "a new axis and an ellipsis": case(lambda x: x[..., None, 0], (3, 3)),
    "places twice": case(lambda x: x[PLACES], (4,)),
    "places on both axes": case(lambda x: x[PLACES[:3], PLACES[1:]], (3, 3)),
    "a mask that is known": case(lambda x: x[np.array([True, False, True, True])], (4,)),
    "a place that is computed": case(lambda x: x[jnp.int32(jnp.abs(x[0]) * 2)], (4,)),
    "filled beyond the end": case(lambda x: x.at[jnp.array([1, 9])].get(mode="fill", fill_value=0), (4,)),
    "a slice that begins where data say": case(lambda x: jax.lax.dynamic_slice(x, (jnp.int32(x[0] > 0),), (2,)), (4,)),
    "an updated slice": case(lambda x: jax.lax.dynamic_update_slice(x, jnp.sin(x[:2]), (jnp.int32(x[0] > 0),)), (4,)),
    "set": case(lambda x: x.at[1].set(x[0] * 2), (4,)),
    "set a row": case(lambda x: x.at[1].set(x[0] * 2), (3, 3)),
    "added, twice at one place": case(lambda x: x.at[PLACES].add(x**2), (4,)),
    "multiplied": case(lambda x: x.at[jnp.array([0, 2])].multiply(x[1:3], unique_indices=True), (4,)),
    "divided": case(lambda x: x.at[0].divide(2 + x[1] ** 2), (4,)),
    "to a power": case(lambda x: jnp.exp(x).at[0].power(3), (4,)),
    "the larger one": case(lambda x: x.at[0].max(0.3), (4,)),
    "into zeros": case(lambda x: jnp.zeros(5).at[PLACES].add(x), (4,)),
    "scattered beyond the end": case(lambda x: jnp.zeros(3).at[jnp.array([0, 1, 2, 7])].add(x), (4,)),
    "sums of segments": case(lambda x: jax.ops.segment_sum(x, jnp.asarray(PLACES), 3), (4,)),
    "largest of segments": case(lambda x: jax.ops.segment_max(x, jnp.array([0, 0, 1, 1]), 2), (4,)),
    "take along an axis": case(lambda x: jnp.take_along_axis(x, jnp.argsort(x, axis=1), axis=1), (3, 3)),
    "rows of a table by an argument": case(
        lambda table, at: jnp.tanh(table[at]),
        points=lambda: (
            (jnp.arange(6.0).reshape(3, 2), jnp.array([0, 2])),
            (jnp.arange(6.0).reshape(3, 2) ** 2, jnp.array([1, 1])),
        ),
    ),
    "chosen by an index": case(lambda x: jnp.choose(jnp.array([0, 1, 0, 1]), [x, x**2], mode="clip"), (4,)),
    "upper and lower": case(lambda x: jnp.triu(x) @ jnp.tril(x, -1), (3, 3)),
    "a matrix from its diagonal": case(lambda x: jnp.diag(x) + jnp.diag(x[:3], 1), (4,)),
    "one-hot of a place": case(lambda x: jax.nn.one_hot(jnp.argmax(x), 4) * x, (4,)),
    "compressed by a bound on the count": case(lambda x: x[jnp.nonzero(x > 0, size=2, fill_value=0)[0]], (4,)),
    "looked up in bins": case(lambda x: jnp.arange(4.0)[jnp.searchsorted(jnp.array([-1.0, 0, 1]), x)] * x, (4,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []
