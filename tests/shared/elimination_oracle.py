"""Graphs whose best elimination is known, and an elimination of vertices from the definition."""

import json
import random
from pathlib import Path

import networkx as nx

from chainopt import Diagonal, Identity

REFERENCE = Path(__file__).parents[1] / "reference" / "elimination"
TASKS = sorted(path.stem for path in REFERENCE.glob("*.json"))
CLASSIC = ["forward", "reverse", "markowitz", "relative-markowitz"]


def graph_of(sizes, edges):
    """A graph with the sizes of its nodes; an edge is a pair, or has a structure besides."""
    graph = nx.DiGraph()
    for node, size in sizes.items():
        graph.add_node(node, size=size)
    for tail, head, *structure in edges:
        graph.add_edge(tail, head, **({"structure": structure[0]} if structure else {}))
    return graph


def task(name):
    data = json.loads((REFERENCE / f"{name}.json").read_text())
    edges = [(tail, head, *([Identity()] if kind == "identity" else [])) for tail, head, kind in data["edges"]]
    return data, graph_of(data["nodes"], edges)


class Replayed:
    """An elimination from the definition: edges are "unit", "diagonal" or "dense"."""

    def __init__(self, graph, kinds=None):
        self.sizes = dict(graph.nodes(data="size"))
        of_structure = {Identity: "unit", Diagonal: "diagonal", type(None): "dense"}
        self.edges = {(u, v): of_structure[type(structure)] for u, v, structure in graph.edges(data="structure")}
        self.edges = self.edges if kinds is None else kinds

    def eliminate(self, node):
        before = {tail: kind for (tail, head), kind in self.edges.items() if head == node}
        behind = {head: kind for (tail, head), kind in self.edges.items() if tail == node}
        self.edges = {edge: kind for edge, kind in self.edges.items() if node not in edge}
        cost = 0
        for tail, right in before.items():
            for head, left in behind.items():
                kind = right if left == "unit" else left
                if "unit" not in (left, right):
                    kind = "diagonal" if left == right == "diagonal" else "dense"
                    factors = [self.sizes[end] if of == "dense" else 1 for end, of in ((tail, right), (head, left))]
                    cost += self.sizes[node] * factors[0] * factors[1]
                if (tail, head) in self.edges:
                    kind = "dense" if "dense" in (kind, self.edges[tail, head]) else "diagonal"
                self.edges[tail, head] = kind
        return cost


def replayed_cost(graph, order):
    replayed = Replayed(graph)
    return sum(replayed.eliminate(node) for node in order)


def least_cost(graph, inputs, outputs):
    """The least cost of all orders, by dynamic programming over the sets of nodes that have gone."""
    inner = [node for node in graph if node not in {*inputs, *outputs}]
    states = {frozenset(): (0, Replayed(graph).edges)}
    for _ in inner:
        larger = {}
        for gone, (spent, edges) in states.items():
            for node in inner:
                if node not in gone:
                    replayed = Replayed(graph, edges)
                    cost = spent + replayed.eliminate(node)
                    if cost < larger.get(gone | {node}, (cost + 1,))[0]:
                        larger[gone | {node}] = cost, replayed.edges
        states = larger
    return min(cost for cost, _ in states.values())


def random_graph(seed, most=7):
    chance = random.Random(seed)
    kind = chance.choice(["scalars", "units", "blocks", "structures"])
    inner, ins, outs = chance.randint(1, most), chance.randint(1, 3), chance.randint(1, 3)
    names = [*(f"x{i}" for i in range(ins)), *(f"v{i}" for i in range(inner)), *(f"y{i}" for i in range(outs))]
    sizes = {name: 1 if kind in {"scalars", "units"} else chance.randint(1, 4) for name in names}
    edges = []
    for place, tail in enumerate(names[: ins + inner]):
        for head in names[max(place + 1, ins) :]:
            if chance.random() < 0.45:
                alike = sizes[tail] == sizes[head]
                structures = {"units": [Identity(), None], "structures": [Identity(), Diagonal(), None]}.get(kind, [None])
                structure = chance.choice(structures) if alike else None
                edges.append((tail, head, structure) if structure else (tail, head))
    return graph_of(sizes, edges), names[:ins], names[ins + inner :]


def check(graph, elimination, inputs, outputs):
    """Check what is claimed, by the definition."""
    assert sorted(elimination.order) == sorted(node for node in graph if node not in {*inputs, *outputs})
    assert type(elimination.cost) is int
    assert elimination.cost == replayed_cost(graph, elimination.order)
    assert elimination.lower_bound <= elimination.cost
    assert elimination.is_optimal == (elimination.lower_bound == elimination.cost)
