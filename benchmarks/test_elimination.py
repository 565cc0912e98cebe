"""What do orders of vertex elimination cost? Beside the classic orders, and what was published."""

import importlib
import json
import time
from pathlib import Path

import networkx as nx
import pytest

from chainopt import Identity, optimal_elimination, read_graphml

COSTS = "published task graphs of jamielohoff/alphagrad and graphax: multiplications of an order of vertex elimination"
TIMES = "finding and proving an order; the classic ones are only replayed"
FOLDER = Path(__file__).parents[1] / "tests" / "reference" / "elimination"
# As AlphaGrad's logs and notebooks have them.
PUBLISHED_BEST = {"RoeFlux_1d": 320, "HumanHeartDipole": 148, "PropaneCombustion": 88, "RobotArm_6DOF": 231}
FUNCTIONS = "functions from their formulas: multiplications (none are published); units free: those by 1 and -1 are not counted"
SIZES = {
    "enzyme_reaction": 4,
    "chebyshev_quadrature": 11,
    "coating_thickness": 134,
    "heart_dipole": 8,
    "propane": 11,
    "roe_flux": 6,
    "roe_flux_3d": 10,
}
FACES = "R2 of STCE-at-RWTH/ADMission, all matrices at hand: multiply-adds; its branch and bound eliminates faces"
CLASSIC = ("forward", "reverse", "markowitz", "relative-markowitz")


def task(name):
    data = json.loads((FOLDER / f"{name}.json").read_text())
    graph = nx.DiGraph()
    for node, size in data["nodes"].items():
        graph.add_node(node, size=size)
    for tail, head, kind in data["edges"]:
        graph.add_edge(tail, head, **({"structure": Identity()} if kind == "identity" else {}))
    return graph, {"inputs": data["inputs"], "outputs": data["outputs"]}


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_published_tasks(contest, name):
    compared(contest, COSTS, name, *task(name), {"published best": PUBLISHED_BEST[name]} if name in PUBLISHED_BEST else {})


@pytest.mark.parametrize("units_are_free", [False, True])
@pytest.mark.parametrize(
    "name", [name if name == "enzyme_reaction" else pytest.param(name, marks=pytest.mark.long) for name in SIZES]
)
def test_functions(contest, name, units_are_free):
    pytest.importorskip("jax")
    problems, tracer = map(importlib.import_module, ("jax_problems", "traced_graph"))
    graph, inputs, outputs = tracer.traced_graph(getattr(problems, name), SIZES[name], units_are_free=units_are_free)
    case = f"{name} {len(inputs)} -> {len(outputs)}{', units free' if units_are_free else ''}"
    compared(contest, FUNCTIONS, case, graph, {"inputs": inputs, "outputs": outputs}, {})


def test_faces(contest):
    read = read_graphml(FOLDER.parent / "graphs" / "R2.xml")
    graph = nx.DiGraph(read.edges)
    nx.set_node_attributes(graph, dict(read.nodes.data("size")), "size")
    compared(contest, FACES, "R2", graph, {}, {"published best": 769_044})


def compared(contest, group, case, graph, ends, published):
    """Put what the classic orders cost, the best one and its bound, and what was published, into a table."""
    begin = time.perf_counter()
    found = contest.once(group, lambda: optimal_elimination(graph, **ends, time_limit=3))
    seconds = time.perf_counter() - begin
    numbers = {"chainopt": found.cost, "at least": found.lower_bound}
    numbers |= {method: optimal_elimination(graph, **ends, method=method).cost for method in CLASSIC} | published
    contest.cells(group, f"{case}, {seconds:.2g} s", numbers, "multiplications")
    assert found.lower_bound <= found.cost <= min(numbers[method] for method in CLASSIC)


def test_times(contest):
    graph, ends = task("PropaneCombustion")
    calls = {
        "chainopt, proved": lambda: optimal_elimination(graph, **ends),
        "lowest Markowitz degree": lambda: optimal_elimination(graph, **ends, method="markowitz"),
    }
    contest(TIMES, "PropaneCombustion", calls, rounds=3)
    assert optimal_elimination(graph, **ends).is_optimal
