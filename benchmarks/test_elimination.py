"""What do orders of vertex elimination cost? Beside the classic orders, and what was published."""

import json
import time
from pathlib import Path

import networkx as nx
import pytest

from chainopt import Identity, optimal_elimination

COSTS = "published task graphs of jamielohoff/alphagrad and graphax: multiplications of an order of vertex elimination"
TIMES = "finding and proving an order; the classic ones are only replayed"
FOLDER = Path(__file__).parents[1] / "tests" / "reference" / "elimination"
PUBLISHED_BEST = {"RoeFlux_1d": 320, "HumanHeartDipole": 148, "PropaneCombustion": 88}  # as tests/reference has them
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
    graph, ends = task(name)
    begin = time.perf_counter()
    found = contest.once(COSTS, lambda: optimal_elimination(graph, **ends, time_limit=3))
    seconds = time.perf_counter() - begin
    numbers = {"chainopt": found.cost, "at least": found.lower_bound}
    numbers |= {method: optimal_elimination(graph, **ends, method=method).cost for method in CLASSIC}
    if name in PUBLISHED_BEST:
        numbers["published best"] = PUBLISHED_BEST[name]
    contest.cells(COSTS, f"{name}, {seconds:.2g} s", numbers, "multiplications")
    assert found.lower_bound <= found.cost <= min(numbers[method] for method in CLASSIC)


def test_times(contest):
    graph, ends = task("PropaneCombustion")
    calls = {
        "chainopt, proved": lambda: optimal_elimination(graph, **ends),
        "lowest Markowitz degree": lambda: optimal_elimination(graph, **ends, method="markowitz"),
    }
    contest(TIMES, "PropaneCombustion", calls, rounds=3)
    assert optimal_elimination(graph, **ends).is_optimal
