"""Index sets against Python's own sets."""

from itertools import pairwise

import numpy as np
import pytest

from chainopt.functions.sparsity import index_sets
from chainopt.functions.sparsity.detection import Detection
from chainopt.functions.sparsity.groups import Groups
from chainopt.functions.sparsity.index_sets import IndexSets, joined
from chainopt.functions.sparsity.parts import Part

COLUMNS = 9


def drawn(rng, size):
    """Return index sets of a random form, and the same as Python's sets."""
    table = [set(rng.choice(COLUMNS, rng.integers(0, 4), replace=False).tolist()) for _ in range(5)]
    keys = np.array([row * COLUMNS + column for row, members in enumerate(table) for column in members], dtype=np.int64)
    groups = Groups.of_keys(rng.permutation(keys), 5, COLUMNS)
    parts, sets = [], [set() for _ in range(size)]
    for _ in range(rng.integers(0, 4)):
        has_groups = rng.random() < 0.5
        ids = rng.integers(-1, 5 if has_groups else COLUMNS, size).astype(np.int32)
        parts.append(Part(ids, groups if has_groups else None))
        for entry, number in enumerate(ids.tolist()):
            if number >= 0:
                sets[entry] |= table[number] if has_groups else {number}
    return IndexSets(size, COLUMNS, tuple(parts)), sets


def as_sets(value):
    indptr, indices = value.listed()
    rows = [indices[first:last].tolist() for first, last in pairwise(indptr)]
    assert all(row == sorted(set(row)) for row in rows)
    return [set(row) for row in rows]


@pytest.fixture(params=range(20))
def rng(request):
    return np.random.default_rng(request.param)


def test_moving_and_joining(rng):
    (one, sets), (other, others) = drawn(rng, 12), drawn(rng, 12)
    assert as_sets(one) == sets
    assert as_sets(one.consolidated()) == sets
    assert as_sets(one.moved(lambda ids: ids.T, (3, 4))) == [sets[4 * row + column] for column in range(4) for row in range(3)]
    places = rng.integers(-1, 12, 7)
    assert as_sets(one.taken(places)) == [sets[place] if place >= 0 else set() for place in places]
    mask = rng.random(12) > 0.5
    assert as_sets(one.where(mask)) == [members if there else set() for members, there in zip(sets, mask, strict=True)]
    assert as_sets(one.union([other, one])) == [first | second for first, second in zip(sets, others, strict=True)]
    assert as_sets(joined([one, other, one])) == sets + others + sets


@pytest.mark.parametrize("most", [30, 2])
def test_sums(rng, monkeypatch, most):
    monkeypatch.setattr(index_sets, "MOST_PARTS", most)
    value, sets = drawn(rng, 12)
    rows = [set().union(*(sets[4 * row + column] for column in range(4))) for row in range(3)]
    assert as_sets(value.along((3, 4), [1])) == rows
    assert as_sets(value.along((3, 4), [0, 1])) == [set().union(*rows)]
    assert as_sets(value.everything(2)) == [set().union(*rows)] * 2
    assert np.flatnonzero(value.members()).tolist() == sorted(set().union(*rows))
    assert (value.counts() >= [len(members) for members in sets]).all()
    places = rng.integers(0, 12, 10)
    merged = value.merged(np.arange(10) // 3, places, 5)
    assert as_sets(merged) == [set().union(*(sets[place] for place in places[3 * row : 3 * row + 3])) for row in range(5)]


def test_what_would_take_too_long_is_widened(rng, monkeypatch):
    monkeypatch.setattr(index_sets, "MOST_NONZEROS", 6)
    value, sets = drawn(rng, 12)
    found = as_sets(value.consolidated())
    assert all(exact <= rough for exact, rough in zip(sets, found, strict=True))
    assert set().union(*found) <= set().union(*sets)


def test_full_rows_among_others():
    groups = Groups.single(np.ones(4, dtype=bool), "a sum")
    value = IndexSets(
        3, 4, (Part(np.array([-1, 0, -1], dtype=np.int32), groups), Part(np.array([2, 1, -1], dtype=np.int32), None))
    )
    detection = Detection(value)
    assert detection.pattern.toarray().astype(int).tolist() == [[0, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    assert detection.dense_by == "a sum"
    assert str(detection) == "5 nonzeros of 3 × 4, dense by a sum"
