"""Greedy colorings: valid, as few colors as two orders of networkx find, compiled or not."""

from itertools import combinations
from itertools import count as count_from

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from chainopt.kernels import policy
from chainopt.structure import greedy_coloring
from chainopt.structure.greedy_coloring import fewest_colors, greedy_colors


def is_valid(entries, colors):
    """Whether columns of one color share no row, and exactly the empty ones have none."""
    rows, columns = entries.nonzero()
    pairs = rows * (colors.max(initial=0) + 1) + colors[columns]
    return np.unique(pairs).size == rows.size and ((colors >= 0) == (np.bincount(columns, minlength=colors.size) > 0)).all()


def fewest_of_networkx(entries):
    graph = nx.empty_graph(entries.shape[1])
    for begin, end in zip(entries.indptr[:-1], entries.indptr[1:], strict=True):
        graph.add_edges_from(combinations(entries.indices[begin:end].tolist(), 2))
    strategies = ("largest_first", "smallest_last")
    return 1 + min(max(nx.greedy_color(graph, strategy=name).values(), default=-1) for name in strategies)


def grid(points, *, periodic):
    line = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(points, points)).tolil()
    if periodic:
        line[0, -1] = line[-1, 0] = 1
    identity = sparse.eye_array(points)
    return sparse.csr_array(sparse.kron(line, identity) + sparse.kron(identity, line)).astype(bool)


def scattered(seed, rows, columns, width):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, rows, rows * width), np.minimum(rng.pareto(1.0, rows * width) * 5, columns - 1).astype(int)
    spread = rng.integers(0, columns, rows * width)
    both = np.r_[places[0], places[0]], np.r_[places[1], spread]
    return sparse.csr_array((np.ones(both[0].size, dtype=bool), both), shape=(rows, columns))


@pytest.fixture(params=[False, True], ids=["uncompiled", "compiled"])
def compiling(request, monkeypatch):
    monkeypatch.setattr(policy, "compiled_pays", lambda _: request.param)


@settings(max_examples=80)
@given(st.integers(1, 9), st.sets(st.tuples(st.integers(0, 14), st.integers(0, 8)), min_size=1))
def test_no_coloring_has_fewer_than_the_fewest(columns, places):
    array = np.zeros((15, columns), dtype=bool)
    for row, column in places:
        array[row, column % columns] = True
    entries = sparse.csr_array(array)
    used = np.flatnonzero(array.any(0))
    neighbors = (array[:, used].T.astype(int) @ array[:, used]) > 0
    fewest = next(count for count in count_from(1) if is_colorable(neighbors, count, []))
    assert fewest_colors(entries) <= fewest
    assert fewest <= int(greedy_colors(entries).max()) + 1


def is_colorable(neighbors, count, colors):
    """Whether so many colors are enough, the first columns' being known; by trying all."""
    if len(colors) == len(neighbors):
        return True
    taken = {color for color, is_neighbor in zip(colors, neighbors[len(colors)], strict=False) if is_neighbor}
    return any(is_colorable(neighbors, count, [*colors, color]) for color in range(count) if color not in taken)


def test_all_pairs_take_a_color_each(monkeypatch):
    monkeypatch.setattr(policy, "compiled_pays", lambda _: False)
    first, second = np.divmod(np.arange(2500), 50)
    places = np.repeat(np.arange(2500), 2), np.stack([first, second], 1).ravel()
    entries = sparse.csr_array(sparse.coo_array((np.ones(5000, dtype=bool), places), shape=(2500, 50)))
    assert fewest_colors(entries) == 50
    assert greedy_colors(entries).tolist() == list(range(50))


@settings(max_examples=80)
@given(st.data(), st.booleans())
def test_random_patterns(data, is_narrow):
    rows, columns = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))
    places = data.draw(st.sets(st.tuples(st.integers(0, max(rows - 1, 0)), st.integers(0, max(columns - 1, 0)))))
    array = np.zeros((rows, columns), dtype=bool)
    for place in places if rows and columns else ():
        array[place] = True
    entries = sparse.csr_array(array)
    with pytest.MonkeyPatch.context() as patch:
        if is_narrow:  # so that rows of three are wide
            patch.setattr(greedy_coloring, "NARROW", 2)
            patch.setattr(greedy_coloring, "FEW_PAIRS", 0)
            patch.setattr(greedy_coloring, "IN_WORDS", 0)
        colors = greedy_colors(entries)
    assert is_valid(entries, colors)
    assert colors.max(initial=-1) < max(fewest_of_networkx(entries), 1)


CASES = {
    "grid": grid(24, periodic=False),
    "periodic grid": grid(23, periodic=True),
    "two species": sparse.csr_array(sparse.block_array([[grid(13, periodic=True), sparse.eye_array(169)]] * 2)).astype(bool),
    **{f"scattered {seed}": scattered(seed, 150, 120, 2) for seed in range(3)},
    "wide rows": sparse.csr_array(np.random.default_rng(3).random((20, 400)) < 0.4),
    "no two meet": sparse.csr_array(sparse.eye_array(50)).astype(bool),
}


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize("name", CASES)
def test_no_more_colors_than_networkx(name):
    entries = CASES[name]
    colors = greedy_colors(entries)
    assert is_valid(entries, colors)
    assert colors.max() < fewest_of_networkx(entries)


def test_compiled_and_uncompiled_are_the_same(monkeypatch):
    for entries in (CASES["periodic grid"], CASES["scattered 1"], CASES["wide rows"]):
        found = []
        for compiles in (False, True):
            monkeypatch.setattr(policy, "compiled_pays", lambda _, compiles=compiles: compiles)
            found.append(greedy_colors(entries).tolist())
        assert found[0] == found[1]


@pytest.mark.usefixtures("compiling")
def test_words_and_stamps_give_the_same_colors(monkeypatch):
    every_pair = np.array([*combinations(range(70), 2)])  # more colors than a word has
    pairs = sparse.csr_array((np.ones(every_pair.size, bool), (np.repeat(np.arange(len(every_pair)), 2), every_pair.ravel())))
    for entries in (pairs, CASES["periodic grid"], CASES["scattered 2"]):
        in_words = greedy_colors(entries)
        with monkeypatch.context() as patch:
            patch.setattr(greedy_coloring, "IN_WORDS", 0)
            np.testing.assert_array_equal(greedy_colors(entries), in_words)
    assert greedy_colors(pairs).max() == 69


def test_many_columns_take_fewer_orders(monkeypatch):
    monkeypatch.setattr(greedy_coloring, "FEW_COLUMNS", 100)
    entries = CASES["periodic grid"]
    assert is_valid(entries, greedy_colors(entries))


def test_the_sets_of_wide_rows_stay_small(monkeypatch):
    monkeypatch.setattr(greedy_coloring, "NARROW", 4)
    monkeypatch.setattr(greedy_coloring, "FEW_PAIRS", 0)
    monkeypatch.setattr(greedy_coloring, "WORDS", 40)
    coloring = greedy_coloring._Coloring(CASES["wide rows"])
    assert (int(coloring.wide.max()) + 1) * coloring._words <= 40
    assert is_valid(CASES["wide rows"], coloring.best())
