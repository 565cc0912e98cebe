import sys

import matplotlib as mpl
import pytest

import chainopt
from chainopt import ChainError, JacobianChain
from chainopt.testing import chain_dims

mpl.use("agg")


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_a_tree_shows_every_matrix_and_every_cost():
    plan = chainopt.optimal_order([(1000, 30), (30, 400), (400, 5), (5, 800), (800, 60)])
    axes = plan.plot()
    assert len(axes.patches) == 5 + 4
    assert len(axes.lines) == 8
    texts = texts_of(axes)
    for at, (rows, columns) in enumerate(plan.chain.shapes):
        assert f"J{5 - at}\n{rows}x{columns}" in texts
    for operation in plan.operations:
        assert any(f"cost {operation.cost:,}" in text for text in texts)
    assert axes.get_title() == f"{plan.mode} mode: {plan.cost:,} fused multiply-adds"
    axes.figure.canvas.draw()


def test_boxes_have_the_proportions_of_the_matrices():
    boxes = chainopt.optimal_order([(1000, 3), (3, 1000), (1000, 1000)]).plot().patches[:3]
    tall, wide, square = [(box.get_width(), box.get_height()) for box in boxes]
    assert tall[0] < tall[1]
    assert wide == tall[::-1]
    assert square[0] == square[1] == max(tall)


@pytest.mark.parametrize("factors", [1, 2, 17, 200])
def test_trees_of_all_lengths(factors):
    axes = chainopt.optimal_order(JacobianChain.from_dims(chain_dims("random", factors))).plot()
    assert len(axes.patches) == 2 * factors - 1
    axes.figure.canvas.draw()


def test_a_tree_too_long_to_draw():
    with pytest.raises(ChainError, match="plot draws up to 200 factors, and this chain has 201"):
        chainopt.optimal_order(JacobianChain.from_dims([2] * 202)).plot()


@pytest.mark.parametrize("dims", [[0, 0, 0, 0], [10**200, 10**200, 2, 5], [1, 1, 1, 1]])
def test_trees_of_odd_sizes(dims):
    axes = chainopt.optimal_order(JacobianChain.from_dims(dims)).plot()
    axes.figure.canvas.draw()
    assert len(axes.patches) == 5


def test_names_are_no_formulas():
    axes = chainopt.optimal_order([chainopt.Jacobian((2, 3), name="$a_{b$"), (3, 4)]).plot()
    axes.figure.canvas.draw()
    assert "$a_{b$\n2x3" in texts_of(axes)


def test_bars():
    comparison = chainopt.compare([(10, 2000), (2000, 30), (30, 1000)])
    axes = comparison.plot()
    assert [bar.get_width() for bar in axes.patches] == [80_000_000, 900_000, 900_000]
    assert "80,000,000, 88.9×" in texts_of(axes)
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "fused multiply-adds, on a logarithmic scale"
    assert axes.get_xlim()[0] == 1
    assert chainopt.compare([(2, 3), (3, 4)]).plot().get_xscale() == "linear"
    with pytest.raises(ChainError, match="up to 1e300"):
        chainopt.compare([(10**200, 10**200), (10**200, 1), (1, 1)]).plot()


def test_given_axes_are_drawn_into():
    from matplotlib.figure import Figure

    first, second = Figure().subplots(2)
    comparison = chainopt.compare([(10, 2000), (2000, 30), (30, 1000)])
    assert comparison.plot(first) is first
    assert comparison.optimal.plot(second) is second


def test_a_figure_that_pyplot_shows():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    mpl.use("svg")
    try:
        axes = chainopt.optimal_order([(2, 3), (3, 4)]).plot()
        assert plt.gcf() is axes.figure
    finally:
        plt.close("all")
        mpl.use("agg")
    chainopt.optimal_order([(2, 3), (3, 4)]).plot()
    assert plt.get_fignums() == before == []


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    plan = chainopt.optimal_order([(2, 3), (3, 4)])
    for draw in (plan.plot, chainopt.compare(plan.chain).plot):
        with pytest.raises(ChainError, match=r"plot needs matplotlib: install it with .*\[plot\]"):
            draw()


@pytest.mark.parametrize("factors", [3, 16, 17, 60])
def test_factors_are_named_and_the_scale_is_explained(factors):
    plan = chainopt.optimal_order(chainopt.JacobianChain.from_dims([2 + at * 7 % 11 for at in range(factors + 1)]))
    axes = plan.plot()
    names = {text.partition("\n")[0] for text in texts_of(axes)}
    assert {f"J{at}" for at in range(1, factors + 1)} <= names
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == "given"
    for patch in axes.get_legend().get_patches()[1:]:
        red, green, blue, _ = patch.get_facecolor()
        assert max(red, green, blue) - min(red, green, blue) > 0.2  # no grey, which means what is given


def test_figures_in_the_dark():
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.style.context("dark_background"):
        axes = chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)]).plot()
    backed = [text for text in axes.texts if text.get_bbox_patch() is not None]
    assert backed
    for text in backed:
        assert text.get_bbox_patch().get_facecolor()[:3] == (0, 0, 0)
