import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import sparse

import chainopt
from chainopt import ChainError
from chainopt.report.pattern_figure import MOST_PIXELS, plot_pattern
from chainopt.structure.compression import Coloring
from chainopt.structure.star_coloring import symmetric_products
from chainopt.structure.two_sided_coloring import fewest_products

mpl.use("agg")


def arrow(size):
    pattern = np.eye(size, dtype=bool)
    pattern[0] = pattern[:, 0] = True
    return sparse.csr_array(pattern)


def test_each_nonzero_has_the_color_of_its_product():
    coloring = fewest_products(arrow(20))
    axes = plot_pattern(arrow(20), coloring)
    (image,) = axes.get_images()
    pixels = np.asarray(image.get_array())
    is_white = (pixels == 1).all(axis=2)
    assert np.array_equal(~is_white, arrow(20).toarray())
    assert len({tuple(color) for color in pixels[~is_white].tolist()}) == coloring.products == 3
    assert not np.array_equal(pixels[0, 5], pixels[5, 5])  # read off the row's VJP
    assert axes.get_title() == "2 JVPs and 1 VJP"
    assert "58 nonzeros of 20 × 20" in axes.get_xlabel()
    axes.figure.canvas.draw()


def test_symmetric_large_slender_and_empty_ones():
    assert plot_pattern(arrow(9), symmetric_products(arrow(9))).get_title() == "2 HVPs"
    large = sparse.eye_array(5 * MOST_PIXELS, dtype=bool).tocsr()
    axes = plot_pattern(large, fewest_products(large))
    assert axes.get_images()[0].get_array().shape == (MOST_PIXELS, MOST_PIXELS, 3)
    assert axes.get_title() == "1 JVP"
    slender = sparse.csr_array(np.ones((2, 100), dtype=bool))
    assert plot_pattern(slender, fewest_products(slender)).get_aspect() == "auto"
    nothing = sparse.csr_array((0, 3), dtype=bool)
    axes = plot_pattern(nothing, Coloring(np.full(3, -1), np.zeros(0, dtype=np.int64)))
    assert axes.get_title() == "no product at all"
    axes.figure.canvas.draw()


def test_axes_of_ones_own_and_what_is_none():
    given = Figure().add_subplot()
    assert plot_pattern(arrow(5), fewest_products(arrow(5)), given) is given
    with pytest.raises(ChainError, match="axes of matplotlib"):
        plot_pattern(arrow(5), fewest_products(arrow(5)), "figure.png")


def test_factors_of_a_tree_show_their_nonzeros(monkeypatch):
    rows = sparse.csr_array((np.ones(3), ([0, 1, 1], [0, 2, 3])), shape=(2, 4))
    chain = [(3, 2), rows, chainopt.Jacobian((4, 4), structure=chainopt.Diagonal()), chainopt.Jacobian((4, 400))]
    plan = chainopt.optimal_order(chain)
    listed, diagonal = plan.plot().get_images()
    np.testing.assert_array_equal(~listed.get_array().mask, rows.toarray() != 0)
    np.testing.assert_array_equal(~diagonal.get_array().mask, np.eye(4, dtype=bool))
    assert not chainopt.optimal_order([(3, 2), (2, 4)]).plot().get_images()
    wide = chainopt.Jacobian((100, 900), structure=chainopt.Sparse(np.eye(100, 900, dtype=bool)))
    (image,) = chainopt.optimal_order([(3, 100), wide]).plot().get_images()
    assert image.get_array().shape == (40, 40)
    assert (~image.get_array().mask).any(axis=1).all()
    monkeypatch.setattr("chainopt.report.tree_figure.MOST_NONZEROS", 2)
    assert not plan.plot().get_images()
