"""What a file says of a plan is counted again, or not believed."""

import networkx as nx
import numpy as np
import pytest

import chainopt
from chainopt import Banded, ChainError, Elimination, GraphChain, Jacobian, JacobianChain, Plan, Sparse, optimal_order

DIMS = [(10, 2000), (2000, 30), (30, 1000)]


def stored(plan, **changes):
    return Plan.from_dict(plan.to_dict() | changes)


def test_only_the_cheapest_is_optimal():
    best, worse = chainopt.optimal_order(DIMS), chainopt.forward_order(DIMS)
    assert stored(best).is_optimal
    assert stored(best).lower_bound == best.cost
    assert not stored(worse, is_optimal=True).is_optimal
    assert not stored(worse, is_optimal=True).claims  # it is refuted
    assert not stored(best, is_optimal=False).is_optimal


def test_the_cheapest_within_a_limit_on_the_tape_is_optimal():
    chain = [Jacobian((2, 2), jvp_cost=663, vjp_cost=663, tape=94, accumulation_cost=47), Jacobian((2, 2))]
    plan = chainopt.optimal_order(chain, tape_limit=0)
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.is_optimal
    assert again.problem.tape_limit == 0


@pytest.mark.parametrize(("name", "number"), [("indices", 1.7), ("indices", True), ("indptr", 2.5)])
def test_places_are_ints(name, number):
    square = Jacobian((8, 8), structure=chainopt.Sparse(np.eye(8)))
    data = chainopt.optimal_order([square, square]).to_dict()
    assert Plan.from_dict(data).cost == 8
    data["chain"]["structures"][0][name][1] = number
    with pytest.raises(ChainError, match="ascending columns"):
        Plan.from_dict(data)


def test_a_plan_that_does_not_keep_its_limit_is_not_optimal():
    chain = [Jacobian((2, 2), jvp_cost=663, vjp_cost=1, tape=94), Jacobian((2, 9))]
    plan = chainopt.optimal_order(chain)
    assert chainopt.optimal_order(chain, tape_limit=0).cost > plan.cost
    with pytest.raises(ChainError, match="contradicts itself"):  # by its mode, which was found without that limit
        stored(plan, tape_limit=0)
    assert not stored(plan, tape_limit=0, mode="hybrid").is_optimal


@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("options", [{"workers": 2, "method": "exact"}, {}])
def test_what_would_take_long_to_prove_is_not_believed(options, is_short):
    chain = chainopt.JacobianChain.from_dims([3, 2, 5, 2, 8, 8, 3, 2, 5, 2, 8, 8][: 6 if is_short else None])
    peak = chainopt.optimal_order(chain).peak_memory
    limits = [{}] if options else [{"memory_limit": peak}, {"memory_limit": peak - 1}]
    for limit in limits:
        plan = chainopt.optimal_order(chain, **options, **limit)
        again = Plan.from_json(plan.to_json())
        assert again == plan
        assert plan.is_optimal
        assert again.is_optimal == (is_short or limit.get("memory_limit") == peak)


def test_a_plan_that_does_not_keep_its_memory_limit_is_not_optimal():
    plan = chainopt.optimal_order([(30, 5), (5, 20), (20, 7), (7, 24)])
    assert stored(plan, memory_limit=plan.peak_memory).is_optimal
    assert not stored(plan, memory_limit=plan.peak_memory - 1).is_optimal


def test_a_schedule_that_could_be_shorter():
    chain = chainopt.JacobianChain.from_dims([30, 40, 10, 40, 30])
    serial = chainopt.forward_order(chain, workers=2)
    assert serial.makespan > chainopt.optimal_order(chain, workers=2).makespan
    assert not stored(serial, is_optimal=True).is_optimal


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "made up"}, "give one of"),
        ({"cost": 900_000.0}, "contradicts itself"),
        ({"cost": True}, "contradicts itself"),
        ({"kinds": [0, 0]}, "no matrix-free stage"),
        ({"ways": [0, 0, 0]}, "no matrix-free stage"),
        ({"tape_limit": "much"}, "tape_limit"),
    ],
)
def test_what_cannot_be(changes, message):
    with pytest.raises(ChainError, match=message):
        stored(chainopt.optimal_order(DIMS), **changes)


def stored_of(kind):
    """Make a dict of each kind, and the function that reads it."""
    graph = nx.DiGraph([("x", "u"), ("x", "v"), ("u", "y"), ("v", "y")])
    structured = JacobianChain([Jacobian((3, 3), structure=Banded(1, 0)), Jacobian((3, 2))])
    pattern = Sparse(np.eye(3, dtype=bool))
    makers = {
        "plan": (optimal_order([(2, 3), (3, 4), (4, 5)]), Plan),
        "schedule": (optimal_order([(2, 3), (3, 4), (4, 5)], workers=2), Plan),
        "chain": (structured, JacobianChain),
        "sparse": (JacobianChain([Jacobian((3, 3), structure=pattern)]), JacobianChain),
        "graph": (chainopt.linearize(graph), GraphChain),
        "elimination": (chainopt.optimal_elimination(graph), Elimination),
        "time": (optimal_order([(2, 3), (3, 4), (4, 5)], objective="time"), Plan),
    }
    held, reader = makers[kind]
    return held.to_dict(), reader.from_dict


@pytest.mark.parametrize(
    ("kind", "path", "hint"),
    [
        ("plan", ["memory_limt"], "did you mean memory_limit"),
        ("plan", ["chain", "dim"], "did you mean dims"),
        ("schedule", ["schedule", "strat"], "did you mean start"),
        ("chain", ["strucures"], "did you mean structures"),
        ("chain", ["structures", 0, "uper"], "did you mean upper"),
        ("sparse", ["structures", 0, "\x1b[31m" * 40], "leave it out"),
        ("graph", ["graph_costs", "paht"], "leave it out|is_path"),
        ("elimination", ["nods"], "did you mean nodes"),
        ("elimination", ["edges", 0, 2, "jvp_costs"], "did you mean jvp_cost"),
        ("time", ["model", "overheads"], "did you mean overhead"),
    ],
)
def test_unknown_keys_are_named(kind, path, hint):
    data, read = stored_of(kind)
    read(data)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = 1
    with pytest.raises(ChainError, match=f"has '.*, which is not known there: .*({hint})") as caught:
        read(data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_the_proof_of_a_path_survives():
    graph = nx.DiGraph()
    for tail, head, shape in [("x", "u", (3, 40)), ("u", "v", (50, 3)), ("v", "y", (2, 50))]:
        graph.add_edge(tail, head, jacobian=np.ones(shape))
    plan = optimal_order(chainopt.linearize(graph))
    read = Plan.from_json(plan.to_json())
    assert read == plan
    assert (read.is_optimal, read.claims, read.lower_bound) == (True, (), plan.cost)
    assert str(read) == str(plan)
    data = plan.to_dict()
    data["chain"]["stages"][1] = ["u", "v"]
    with pytest.raises(ChainError, match='says "is_path", but'):
        Plan.from_dict(data)


def test_the_proof_of_another_graph_is_a_claim():
    graph = nx.DiGraph()
    shapes = [("x", "u", (3, 40)), ("x", "v", (5, 40)), ("u", "y", (2, 3)), ("v", "y", (2, 5))]
    for tail, head, shape in shapes:
        graph.add_edge(tail, head, jacobian=np.ones(shape))
    plan = optimal_order(chainopt.linearize(graph))
    assert plan.is_optimal
    read = Plan.from_json(plan.to_json())
    assert (read.is_optimal, read.claims, read.cost) == (False, ("is_optimal", "lower_bound"), plan.cost)
    assert ", claimed to be optimal" in str(read)
    assert read.to_json() == plan.to_json()  # nothing is lost on the way
    costs = read.chain.graph_costs
    assert costs == plan.chain.graph_costs._replace(is_claimed=True)


def test_bounds_of_plans_are_claims():
    plan = optimal_order([(2, 3), (3, 4), (4, 5), (5, 2)], workers=2, method="heuristic")
    data = plan.to_dict() | {"is_optimal": False, "known_bound": 1}
    read = Plan.from_dict(data)
    assert (read.is_optimal, read.claims, read.lower_bound) == (False, ("lower_bound",), 1)
    assert "% below, claimed" in str(read)


@pytest.mark.parametrize(
    "change",
    [
        5,
        {"is_path": 1},
        {"objective": None},
        {"pure": 3},
        {"pure": [1]},
        {"pure": [1, -1]},
        {"lower_bound": None},
        {"gain_bound": "2"},
    ],
)
def test_wrong_costs_of_graphs(change):
    graph = nx.DiGraph([("x", "u"), ("x", "v"), ("u", "y"), ("v", "y")])
    data = chainopt.linearize(graph).to_dict()
    data["graph_costs"] = change if isinstance(change, int) else data["graph_costs"] | change
    with pytest.raises(ChainError, match="graph_costs"):
        GraphChain.from_dict(data)


def test_higher_bounds_of_eliminations_are_claims():
    edges = [("x", "u"), ("x", "v"), ("u", "v"), ("u", "w"), ("v", "w"), ("w", "y"), ("v", "z"), ("u", "z"), ("x", "w")]
    elimination = chainopt.optimal_elimination(nx.DiGraph(edges), method="forward")
    data = elimination.to_dict()
    assert data["lower_bound"] == elimination.lower_bound
    data["lower_bound"] = elimination.cost
    read = Elimination.from_dict(data)
    if read.lower_bound < elimination.cost:
        assert read.claimed_bound == elimination.cost
        assert f"; {elimination.cost} is claimed" in str(read)
        assert read.to_dict() == data
    else:
        assert read.claimed_bound == 0
    with pytest.raises(ChainError, match="lower_bound"):
        Elimination.from_dict(data | {"lower_bound": elimination.cost + 1})
    read = Elimination.from_dict(elimination.to_dict())
    assert read.lower_bound >= elimination.lower_bound
    assert read.claimed_bound == 0
