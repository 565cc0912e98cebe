"""The points of peak and cost that an interval keeps, held against the front of all that were offered."""

from hypothesis import example, given
from hypothesis import strategies as st

from chainopt.kernels.memory_frontier_dp import keep

POINTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=40)


def front(points):
    """Return the points that no other beats in both, the least peak first."""
    best = []
    for peak, cost in sorted(points):
        if not best or cost < best[-1][1]:
            best.append((peak, cost))
    return best


def kept(points, room):
    peaks, costs, moves = ([-1] * room for _ in range(3))
    count = 0
    for what, (peak, cost) in enumerate(points):
        count = keep(peaks, costs, moves, count, peak, cost, what)
        assert count < room
        pairs = list(zip(peaks[:count], costs[:count], strict=True))
        assert pairs == front(pairs)
        assert [points[move] for move in moves[:count]] == pairs
    return pairs


@given(POINTS)
def test_with_room_for_all_it_is_the_front(points):
    assert kept(points, len(points) + 1) == front(points)


@given(POINTS, st.integers(4, 8))
@example([(peak, 10 - peak) for peak in range(10)], 4)
def test_without_room_the_ends_of_the_front_stay(points, room):
    stay, best = kept(points, room), front(points)
    assert {*stay} <= {*points}
    assert (stay[0], stay[-1]) == (best[0], best[-1])
    assert len(stay) >= min(len(best), 2)


def test_the_point_goes_whose_memory_buys_the_least():
    assert kept([(0, 100), (1, 60), (2, 55), (3, 20), (4, 0)], 5) == [(0, 100), (1, 60), (3, 20), (4, 0)]
