"""The bounds that decide between int64 and Python ints, held against every value that the kernels form."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainopt import JacobianChain, optimal_order
from chainopt.kernels import interval_dp
from chainopt.kernels import polygon as polygon_kernel
from chainopt.solvers import interval, polygon
from chainopt.solvers.base import Problem


class Watched(int):
    """An int that remembers the largest value that arithmetic with it has formed."""

    largest = 0

    def _watch(self, value):
        Watched.largest = max(Watched.largest, abs(value))
        return Watched(value)

    def __add__(self, other):
        return self._watch(int(self) + int(other))

    def __sub__(self, other):
        return self._watch(int(self) - int(other))

    def __mul__(self, other):
        return self._watch(int(self) * int(other))

    def __floordiv__(self, other):
        return self._watch(int(self) // int(other))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return self._watch(int(other) - int(self))


def largest_of_polygon(dims):
    Watched.largest = 0
    spans = [[0] * (len(dims) - 2) for _ in range(2)]
    scratch = [[0] * (len(dims) + 1) for _ in range(polygon_kernel.SCRATCH_ROWS)]
    cost, _ = polygon_kernel.bracket([Watched(size) for size in dims], scratch, spans)
    return Watched.largest, int(cost)


def largest_of_interval(dims):
    Watched.largest = 0
    factors = len(dims) - 1
    sizes = [Watched(size) for size in dims]
    table = [[10**90] * len(dims) for _ in dims]  # plain ints: a sum with one of them would be seen
    interval_dp.fill_tile(table, sizes, None, None, None, None, [0] * len(dims), 0, len(dims), 0, len(dims), len(dims))
    spans, kinds = [[0] * (factors - 1) for _ in range(2)], [0] * (factors - 1)
    interval_dp.trace(table, sizes, None, None, None, [0] * (2 * factors + 2), spans, kinds)
    return Watched.largest, int(table[0][factors])


dims_of_all_kinds = st.one_of(
    st.lists(st.integers(0, 5), min_size=4, max_size=30),
    st.lists(st.sampled_from([0, 1, 2, 10**6, 10**6 + 1, 10**12]), min_size=4, max_size=14),
    st.lists(st.integers(0, 10**30), min_size=4, max_size=14),
)


@given(dims_of_all_kinds)
@example([2_200_000, 1, 2_200_000, 1, 2_200_000])
def test_no_value_of_the_polygon_kernel_passes_its_bound(dims):
    largest, cost = largest_of_polygon(dims)
    assert cost <= largest <= polygon.bound(dims)


@given(dims_of_all_kinds)
@example([2_200_000, 1, 2_200_000, 1, 2_200_000])
def test_no_value_of_the_interval_kernel_passes_its_bound(dims):
    largest, cost = largest_of_interval(dims)
    assert cost <= largest <= interval.bound(Problem(JacobianChain.from_dims(dims)))


def test_bounds_on_all_short_chains():
    for dims in itertools.product((0, 1, 2, 7), repeat=6):
        assert largest_of_polygon(dims)[0] <= polygon.bound(list(dims))
        assert largest_of_interval(dims)[0] <= interval.bound(Problem(JacobianChain.from_dims(dims)))


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("method", ["polygon", "interval"])
@pytest.mark.parametrize("largest", [1_250_000, 1_290_000, 1_664_510, 2_097_151, 2_097_152, 2_200_000, 3_037_000_499])
def test_around_the_limit_nothing_wraps(method, largest):
    for dims in (
        [largest, 1, largest, 1, largest],
        [largest] * 5,
        [1, largest, largest, largest, 1],
        [largest, largest, 2, largest, largest],
    ):
        shapes = list(itertools.pairwise(dims))
        plan = optimal_order(shapes, method=method)
        assert plan == optimal_order(shapes, method=method)
        assert plan.cost == optimal_order(shapes, method="textbook").cost == sum(op.cost for op in plan.operations)


@pytest.mark.usefixtures("warm")
def test_a_size_beyond_int64_beside_zeros():
    # The bound is zero, but the sizes do not fit an array of int64.
    for method in ("polygon", "interval"):
        assert optimal_order([(0, 2**70), (2**70, 0), (0, 0), (0, 0)], method=method).cost == 0
