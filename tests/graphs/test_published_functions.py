"""MINPACK-2's functions from their formulas, and a graph of ADMission: what the orders of elimination cost, and the Jacobians.

With the environment variable CHAINOPT_NIGHTLY the Jacobians are those of all unknowns.
"""

import importlib
import itertools
import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import chainopt

FOLDER = Path(__file__).parents[1] / "reference" / "graphs"
START = {
    "enzyme_reaction": np.array([0.25, 0.39, 0.415, 0.39]),
    "chebyshev_quadrature": np.arange(1, 12) / 12,
    "coating_thickness": np.array([-8, 13, 1.2, 0.2, 0.1, 6, 5.5, -5.2, *np.zeros(126)]),
}
COUNTS = {  # forward, reverse, Markowitz and the least, which is proved; every product counts, or those with 1 and -1 do not
    ("enzyme_reaction", False): (132, 110, 132, 110),
    ("enzyme_reaction", True): (44, 44, 44, 44),
    ("chebyshev_quadrature", False): (1518, 3399, 1133, 891),
    ("coating_thickness", False): (2646, 1764, 2646, 1764),
    ("coating_thickness", True): (252, 252, 252, 252),
}


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize(("name", "units_are_free"), COUNTS)
def test_counts(name, units_are_free):
    problems, tracer = map(importlib.import_module, ("jax_problems", "traced_graph"))
    function = getattr(problems, name)
    graph, inputs, outputs = tracer.traced_graph(function, START[name].size, units_are_free=units_are_free)
    ends = {"inputs": inputs, "outputs": outputs}
    classic = [chainopt.optimal_elimination(graph, **ends, method=method).cost for method in ("forward", "reverse", "markowitz")]
    best = chainopt.optimal_elimination(graph, **ends)
    assert best.is_optimal
    assert (*classic, best.cost) == COUNTS[name, units_are_free]


SIZES = {"enzyme_reaction": 4, "chebyshev_quadrature": 4, "coating_thickness": 12}  # of fewer unknowns, which compile sooner
WHOLE = {name: point.size for name, point in START.items()}


@pytest.mark.usefixtures("quick_and_exact")
@pytest.mark.parametrize("name", START)
def test_values(jax, name):
    from chainopt.jax import jacobian

    size = (WHOLE if os.environ.get("CHAINOPT_NIGHTLY") else SIZES)[name]
    function = getattr(importlib.import_module("jax_problems"), name)
    points = np.stack([START[name][:size], START[name][:size] * 0.9 + 0.01])

    def jacobians(x):
        return (
            [jacobian(function, mode=mode)(x) for mode in ("elimination", "auto")],
            jax.jacfwd(function)(x),
            jax.jacrev(function)(x),
        )

    found, *wanted = jax.jit(jax.vmap(jacobians))(points)
    for each, own in itertools.product(found, wanted):
        np.testing.assert_allclose(each, own, rtol=1e-12, atol=1e-12 * abs(own).max())


def test_the_matrices_of_a_published_graph():
    """ADMission's README has 769,044 for the elimination of faces, proved by branch and bound; that of vertices does as well."""
    read = chainopt.read_graphml(FOLDER / "R2.xml")
    graph = nx.DiGraph(read.edges)
    nx.set_node_attributes(graph, dict(read.nodes.data("size")), "size")
    best = chainopt.optimal_elimination(graph)
    assert best.cost == best.lower_bound == 769_044
    assert chainopt.optimal_elimination(graph, method="markowitz").cost == 801_534
