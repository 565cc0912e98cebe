"""The model of seconds: against a plain scalar interpolation, at its edges, and written and read."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainopt import ChainError
from chainopt.costs.time import DEFAULT, TimeModel

GRID = (1, 3, 10, 64)
TIMES = np.exp(np.random.default_rng(0).uniform(math.log(1e-6), math.log(1e-2), len(GRID) ** 3))
MODEL = TimeModel(GRID, tuple(TIMES.tolist()), 2e-9, 1e-6, 1e-10, "random")
SIZES = st.one_of(st.integers(1, 70), st.integers(1, 10**6), st.integers(1, 10**40))


def plain(model, m, k, n):
    """Interpolate one size after the other, as a person would."""
    seconds = np.array(model.seconds).reshape((len(model.sizes),) * 3)
    beyond = 0.0
    for size in (m, k, n):
        inside = min(size, model.sizes[-1])
        beyond += math.log(size) - math.log(inside)
        at = max(i for i, low in enumerate(model.sizes[:-1]) if low <= inside)
        low, high = model.sizes[at : at + 2]
        share = (math.log(inside) - math.log(low)) / (math.log(high) - math.log(low))
        seconds = seconds[at] ** (1 - share) * seconds[at + 1] ** share
    return float(seconds) * math.exp(beyond)


@given(SIZES, SIZES, SIZES)
def test_equal_to_a_plain_interpolation(m, k, n):
    for model in (MODEL, DEFAULT):
        wanted = plain(model, m, k, n)
        sizes = [np.array([size], dtype=object) for size in (m, k, n)]
        assert model.products(*sizes).tolist() == [pytest.approx(wanted, rel=1e-9)]
        if max(m, k, n) < 2**63:
            assert model.products(np.array(m), k, np.array([n])).item() == pytest.approx(wanted, rel=1e-9)


@given(st.integers(0, 10**40), st.lists(st.integers(0, 10**40), max_size=3), st.lists(st.integers(0, 90), max_size=4))
def test_a_table_of_products_is_one_of_products(m, inner, last):
    k, n = np.array(inner, dtype=object), np.array(last, dtype=np.int64)
    for model in (MODEL, DEFAULT):
        np.testing.assert_array_equal(model.table(m, k, n), model.products(m, k[:, None], n))


def test_what_was_measured_is_given_back():
    for model in (MODEL, DEFAULT):
        sizes = np.array(model.sizes)
        found = model.products(sizes[:, None, None], sizes[:, None], sizes)
        np.testing.assert_allclose(found.ravel(), model.seconds, rtol=1e-12)
        assert found.dtype == np.float64


def test_beyond_the_grid_the_rate_stays():
    corner = MODEL.products(64, 64, 64).item()
    assert MODEL.products(64, 640, 64).item() == pytest.approx(10 * corner)
    assert MODEL.products(128, 640, 192).item() == pytest.approx(60 * corner)
    assert MODEL.products(3, 6400, 10).item() == pytest.approx(100 * MODEL.products(3, 64, 10).item())


@given(st.tuples(SIZES, SIZES, SIZES), st.tuples(SIZES, SIZES, SIZES))
def test_the_default_grows_with_the_sizes(first, second):
    small, large = map(min, first, second), map(max, first, second)
    assert DEFAULT.products(*small) <= DEFAULT.products(*large) * (1 + 1e-9)


def test_sizes_of_zero_cost_a_call():
    sizes = np.array([0, 5, 0])
    found = MODEL.products(sizes, np.array([[5], [0]]), 10**6)
    assert found.shape == (2, 3)
    assert found[0, 0] == found[0, 2] == found[1, 1] == MODEL.overhead
    assert found[0, 1] > MODEL.overhead


@pytest.mark.parametrize("size", [10**18, 10**30, 10**150, 10**500])
def test_sizes_of_any_magnitude(size):
    costs = MODEL.products(np.array([size, 2], dtype=object), np.array(size, dtype=object), size)
    assert np.isfinite(costs).all()
    assert (costs > 0).all()
    assert costs[0] >= costs[1]
    assert np.isfinite(costs.sum() * 10**6)
    assert np.isfinite(MODEL.structured(np.array([size, size**3], dtype=object))).all()
    assert math.isfinite(MODEL.stage(size**3))


def test_structured_products_and_stages():
    np.testing.assert_allclose(MODEL.structured(np.array([0, 1000])), [1e-6, 3e-6])
    assert MODEL.structured(np.array([[7]])).shape == (1, 1)
    assert MODEL.stage(0.5) == 0.5
    assert MODEL.stage(0) == 0.0
    assert MODEL.stage(10**6) == pytest.approx(1e-4)


def test_a_value_like_others():
    again = TimeModel.from_dict(MODEL.to_dict())
    assert again == MODEL
    assert hash(again) == hash(MODEL)
    assert pickle.loads(pickle.dumps(MODEL)) == MODEL  # noqa: S301 -- our own
    assert again != DEFAULT
    assert (MODEL.name, MODEL.unit) == ("time", "seconds")
    assert len(repr(DEFAULT)) < 200
    assert "not measured" in DEFAULT.source
    assert TimeModel.from_dict(DEFAULT.to_dict() | {"name": "time"}) == DEFAULT
    with pytest.raises(ChainError, match="has 'more', which is not known"):
        TimeModel.from_dict(DEFAULT.to_dict() | {"more": 1})
    with pytest.raises(AttributeError):
        MODEL.overhead = 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": None}, '"sizes"'),
        ({"sizes": [1]}, '"sizes"'),
        ({"sizes": [2, 3, 10, 64]}, "the first of them 1"),
        ({"sizes": [1, 10, 3, 64]}, "increasing"),
        ({"sizes": [1, 3, 10.0, 64]}, '"sizes"'),
        ({"sizes": [True, 3, 10, 64]}, '"sizes"'),
        ({"sizes": [1, 3, 10]}, "list of 27"),
        ({"seconds": None}, "list of 64"),
        ({"seconds": [1e-6] * 63}, "list of 64"),
        *(
            ({"seconds": [1e-6] * 63 + [bad]}, "positive, finite")
            for bad in (0, -1.0, math.nan, math.inf, "1", None, True, 10**400)
        ),
        *(({key: bad}, f'"{key}"') for key in ("sparse_seconds", "overhead", "count_seconds") for bad in (None, 0.0, math.nan)),
        ({"source": 3}, '"source"'),
    ],
)
def test_what_is_no_model_is_refused(change, message):
    with pytest.raises(ChainError, match=message):
        TimeModel.from_dict(MODEL.to_dict() | change)


@pytest.mark.parametrize("data", [None, [], "time", {}])
def test_what_is_no_dict_is_refused(data):
    with pytest.raises(ChainError, match='"sizes"'):
        TimeModel.from_dict(data)


def test_the_module_needs_numpy_only():
    code = "import sys, chainopt.costs.time; print(*{'scipy', 'networkx', 'rich', 'numba'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""
