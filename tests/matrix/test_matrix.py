"""Every door x method x objective x limits x kind of chain: the right answer, or a ChainError where one is due."""

import json
import math

import numpy as np
import pytest
from oracle import Factor, Oracle

import chainopt
from chainopt import Banded, ChainError, Diagonal, InfeasibleError, JacobianChain, Sparse

METHODS = ("auto", "polygon", "interval", "textbook", "heuristic", "exact", "cp-sat")
SCHEDULING = {"heuristic", "exact", "cp-sat"}


def in_ints(m, k, n):
    return m * k * n + 7 * m + 2


def in_floats(m, k, n):
    return 0.25 * m * k * n + 0.5 * k


OBJECTIVES = ("multiplications", "time", in_ints, in_floats)


def dense(*dims, batches=None):
    batches = batches or [()] * (len(dims) - 1)
    return [Factor(rows, columns, batch) for rows, columns, batch in zip(dims, dims[1:], batches, strict=False)]


def structured():
    size = 5
    i, j = np.indices((size, size))
    scattered = (3 * i + 2 * j) % 4 == 0
    places = {Diagonal(): i == j, Banded(1, 2): (j - i >= -1) & (j - i <= 2), Sparse(scattered): scattered}
    factors = [Factor(size, size, (), tuple(map(tuple, pattern.tolist())), structure) for structure, pattern in places.items()]
    full = Factor(size, 3, (), tuple((True,) * 3 for _ in range(size)))
    return [factors[1], factors[0], factors[2], full]


KINDS = {
    "dense": dense(6, 2, 5, 3, 4),
    "five dense": dense(7, 3, 2, 8, 3, 4),
    "forward": dense(9, 8, 7, 5, 1),
    "equal stacks": dense(6, 2, 5, 3, 4, batches=[(3,)] * 4),
    "unequal stacks": dense(6, 2, 5, 3, 4, batches=[(), (3,), (2, 1), ()]),
    "structured": structured(),
    "matrix-free": [
        Factor(6, 2, jvp=7, vjp=9, tape=4),
        Factor(2, 5),
        Factor(5, 3, vjp=6, tape=2),
        Factor(3, 4, jvp=3, vjp=2, accumulation=20, tape=9),
    ],
    "only JVPs": [Factor(3, 5, jvp=11), Factor(5, 2, jvp=4), Factor(2, 6, jvp=9)],
    "analytic": [Factor(3, 5, accumulation=8), Factor(5, 4, jvp=4, vjp=4, tape=3), Factor(4, 2, accumulation=0)],
    "zeros": dense(4, 0, 3, 5, 2),
    "one": dense(4, 3),
    "one matrix-free": [Factor(4, 3, jvp=5, vjp=2, tape=1)],
    "two": dense(4, 3, 6),
    "two matrix-free": [Factor(4, 3, jvp=5, vjp=2, tape=6), Factor(3, 6, jvp=1, vjp=8, tape=1)],
    "three": dense(4, 9, 2, 6),
    "huge": dense(10**30, 7, 10**25, 3, 10**20),
    "huge stages": [Factor(4, 6, jvp=10**30, vjp=9 * 10**29), Factor(6, 3), Factor(3, 2, jvp=10**25)],
}


def chain_of(kind):
    return JacobianChain([factor.jacobian() for factor in KINDS[kind]])


def is_matrix_free(kind):
    return any(not factor.is_matrix for factor in KINDS[kind])


def due_refusal(kind, method, objective, workers=1, memory_limit=None):
    """Say which words a refusal has where one is due, by the contract; None where the answer is due."""
    factors = KINDS[kind]
    if callable(objective) and kind == "structured":
        return "structured|polygon|textbook|interval"
    if workers != 1 and memory_limit is not None:
        return "memory_limit"
    if workers == 1:
        unequal = len({factor.batch for factor in factors}) > 1
        if method == "polygon" and (callable(objective) or objective == "time" or kind == "structured"):
            return "polygon"
        return "polygon" if method == "polygon" and (is_matrix_free(kind) or unequal) else None
    if method in {"polygon", "textbook"} or (method == "interval" and not math.isinf(workers)):
        return method
    return None


def same(one, other):
    return math.isclose(one, other, rel_tol=1e-9) if isinstance(other, float) else one == other


def check(plan, best, objective, *, lower=None):
    """The answer is no better than what is possible, and not called optimal where it is worse."""
    numbers = {"multiplications": {int}, "time": {float}, in_ints: {int}}.get(objective, {int, float})
    assert {type(plan.cost), type(plan.makespan)} <= numbers
    assert plan.makespan >= best or same(plan.makespan, best)
    assert plan.lower_bound <= best or same(plan.lower_bound, best)
    assert not plan.is_optimal or same(plan.makespan, best)
    assert plan.objective == (objective if isinstance(objective, str) else objective.__name__)
    assert same(sum(operation.cost for operation in plan.operations), plan.cost if len(plan.operations) else 0)
    if lower is not None:
        assert same(plan.makespan, lower)


def tried(call):
    """Return the answer, or else the refusal's text."""
    try:
        return call()
    except ChainError as refusal:
        return str(refusal)


def answer(call, words):
    """Return the plan, or None where the refusal that is due came."""
    if words is None:
        return call()
    with pytest.raises(ChainError, match=words) as refusal:
        call()
    assert "\n" not in str(refusal.value)
    return None


def priced_by_sizes(kind, objective):
    """Whether the oracle knows the prices: those of structured products in seconds it does not."""
    return kind != "structured" or objective == "multiplications"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("method", METHODS)
def test_one_worker(kind, objective, method):
    chain, oracle = chain_of(kind), Oracle(KINDS[kind], objective)
    words = due_refusal(kind, method, objective)
    plan = answer(lambda: chainopt.optimal_order(chain, objective=objective, method=method), words)
    if plan is None:
        return
    assert plan.is_optimal
    if method in {"interval", "textbook", "polygon"} and len(chain) > 3:
        assert plan.method == method
    if priced_by_sizes(kind, objective):
        check(plan, oracle.least_cost(), objective, lower=oracle.least_cost())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("limit", [0, 2, 5, 10**50, math.inf])
def test_tape_limits(kind, objective, limit):
    chain, oracle = chain_of(kind), Oracle(KINDS[kind], objective, limit)
    words = due_refusal(kind, "auto", objective)
    if not priced_by_sizes(kind, objective):
        words = words or None
        answer(lambda: chainopt.optimal_order(chain, objective=objective, tape_limit=limit), words)
        return
    best = oracle.least_cost()
    for method in ("auto", "interval", "textbook"):
        if best is None:
            with pytest.raises(InfeasibleError, match="least limit"):
                chainopt.optimal_order(chain, objective=objective, method=method, tape_limit=limit)
            continue
        plan = chainopt.optimal_order(chain, objective=objective, method=method, tape_limit=limit)
        assert plan.tape <= limit
        check(plan, best, objective, lower=best)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "structured"])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("method", METHODS)
def test_memory_limits(kind, objective, method):
    chain, oracle = chain_of(kind), Oracle(KINDS[kind], objective)
    least = oracle.least_limit()
    free = Oracle(KINDS[kind], objective).least_cost()
    if (words := due_refusal(kind, method, objective)) is not None:
        answer(lambda: chainopt.optimal_order(chain, objective=objective, method=method, memory_limit=least), words)
        return
    for limit in {least, least + 1, least + 7, 2 * least + 3, 10**200}:
        plan = chainopt.optimal_order(chain, objective=objective, method=method, memory_limit=limit)
        best = free if limit == 10**200 else oracle.least_cost_within(limit)
        assert plan.peak_memory <= limit
        check(plan, best, objective, lower=best)
    if least:
        with pytest.raises(InfeasibleError, match=str(least)):
            chainopt.optimal_order(chain, objective=objective, method=method, memory_limit=least - 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("workers", [2, 3, math.inf])
def test_workers(request, kind, objective, method, workers):
    if method == "cp-sat":
        request.getfixturevalue("ortools")
    chain = chain_of(kind)
    words = due_refusal(kind, method, objective, workers)

    def call(limit=None):
        return chainopt.optimal_order(chain, objective=objective, method=method, workers=workers, tape_limit=limit)

    if words is None and method == "cp-sat":
        plan = tried(call)
        if isinstance(plan, str):  # OR-Tools counts in int64, and says so
            assert "cp-sat" in plan
            return
    else:
        plan = answer(call, words)
    if plan is None or not priced_by_sizes(kind, objective):
        return
    best = Oracle(KINDS[kind], objective).least_makespan(workers)
    is_proof = method in {"exact", "cp-sat", "auto"} and kind not in {"huge", "huge stages"}
    check(plan, best, objective, lower=best if is_proof else None)
    assert plan.is_optimal or not is_proof
    assert plan.workers == workers
    if (least := Oracle(KINDS[kind], objective, 2).least_makespan(workers)) is None:
        with pytest.raises(InfeasibleError):
            call(2)
    else:
        check(call(2), least, objective)
    with pytest.raises(ChainError, match="memory_limit"):
        chainopt.optimal_order(chain, objective=objective, workers=workers, memory_limit=10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_sweeps_and_comparisons(kind, objective):
    chain = chain_of(kind)
    words = due_refusal(kind, "auto", objective)
    doors = {"forward": chainopt.forward_order, "reverse": chainopt.reverse_order}
    if words is not None or not priced_by_sizes(kind, objective):
        for door in (chainopt.compare, *doors.values()):
            answer(lambda door=door: door(chain, objective=objective), words)
        return
    for limit in (None, 2):
        oracle = Oracle(KINDS[kind], objective, math.inf if limit is None else limit)
        costs = {"forward": oracle.forward_cost(), "reverse": oracle.reverse_cost()}
        best = oracle.least_cost()
        if best is None:
            with pytest.raises(InfeasibleError):
                chainopt.compare(chain, objective=objective, tape_limit=limit)
            continue
        comparison = chainopt.compare(chain, objective=objective, tape_limit=limit)
        check(comparison.optimal, best, objective, lower=best)
        for name, door in doors.items():
            if costs[name] is None:
                assert getattr(comparison, name) is None
                with pytest.raises(InfeasibleError, match=name):
                    door(chain, objective=objective, tape_limit=limit)
                continue
            for plan in (door(chain, objective=objective, tape_limit=limit), getattr(comparison, name)):
                assert same(plan.cost, costs[name])
                assert plan.mode in {name, "any"}
                assert not plan.is_optimal or same(plan.cost, best)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("method", [*METHODS, "bogus"])
def test_many_at_once(kind, objective, method):
    chains = [chain_of(kind)] * 3
    plain = (
        all(factor.is_matrix and not factor.batch and factor.structure is None for factor in KINDS[kind]) and kind != "structured"
    )
    best = Oracle(KINDS[kind], objective).least_cost() if priced_by_sizes(kind, objective) else None
    forms = [chains] if kind != "one" or not plain else []
    if plain:
        forms.append(np.array([chain.dims for chain in chains], dtype=object if kind == "huge" else None))
    answered = 0
    for form in forms:
        batch = tried(lambda form=form: chainopt.optimal_orders(form, objective=objective, method=method))
        if isinstance(batch, str):
            assert "\n" not in batch
            one_by_one = kind in {"equal stacks", "unequal stacks", "structured"}
            assert method not in {"auto", "interval"} or one_by_one
            continue
        answered += 1
        assert method != "bogus"
        for position in range(3):
            plan = batch[position]
            assert same(plan.cost, batch.costs[position])
            assert plan.method == batch.method
            if method in {"interval", "textbook", "polygon"} and len(chains[0]) > 3:
                assert batch.method == method
            if best is not None:
                check(plan, best, objective, lower=best)
    if plain and method in {"auto", "interval", "textbook"}:
        assert answered


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_frontiers(kind, objective):
    chain = chain_of(kind)
    words = due_refusal(kind, "auto", objective)
    frontier = answer(lambda: chainopt.tape_frontier(chain, objective=objective), words)
    if frontier is None or not priced_by_sizes(kind, objective):
        return
    corners = {}
    for tape in sorted({0, *(factor.tape for factor in KINDS[kind])}):
        best = Oracle(KINDS[kind], objective, tape).least_cost()
        if best is not None and not any(same(best, cost) for cost in corners.values()):
            corners[tape] = best
    assert len(frontier) == len(corners)
    for corner, plan, cost in zip(frontier, frontier.plans, corners.values(), strict=True):
        assert same(corner.cost, cost)
        assert corner.tape == plan.tape
        check(plan, cost, objective)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("huge")])
@pytest.mark.parametrize("objective", ["multiplications", "time"])
@pytest.mark.parametrize(
    "arguments", [[], ["--workers", "2"], ["--tape-limit", "2"], ["--method", "interval"], ["--method", "bogus"]]
)
def test_command_line(kind, objective, arguments, tmp_path, capsys):
    from chainopt.cli import main

    file = tmp_path / "chain.json"
    file.write_text(json.dumps(chain_of(kind).to_dict()))
    status = main(["order", "--file", str(file), "--objective", objective, "--json", *arguments])
    output = capsys.readouterr()
    options = {"workers": 2} if "--workers" in arguments else {"tape_limit": 2} if "--tape-limit" in arguments else {}
    options |= {"method": arguments[1]} if "--method" in arguments else {}
    try:
        plan = chainopt.optimal_order(chain_of(kind), objective=objective, **options)
    except ChainError:
        assert (status, output.out) == (2, "")
        assert output.err.count("\n") == 1
        return
    assert status == 0
    assert same(json.loads(output.out)["cost"], plan.cost)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "bogus"}, "give one of"),
        ({"method": None}, "give one of"),
        ({"method": ["auto"]}, "give one of"),
        ({"objective": "flops"}, "give one of"),
        ({"objective": None}, "give one of"),
        ({"objective": lambda *_: -1}, "not negative"),
        ({"objective": lambda *_: "1"}, "a cost is a number"),
        ({"objective": lambda *_: math.nan}, "a cost is a number"),
        ({"tape_limit": -1}, "tape_limit"),
        ({"tape_limit": "2"}, "tape_limit"),
        ({"tape_limit": math.nan}, "tape_limit"),
        ({"tape_limit": True}, "tape_limit"),
        ({"memory_limit": -1}, "memory_limit"),
        ({"memory_limit": "1GB"}, "memory_limit"),
        ({"memory_limit": math.nan}, "memory_limit"),
        ({"workers": 0}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"workers": "2"}, "workers"),
        ({"workers": True}, "workers"),
        ({"time_limit": -1}, "time_limit"),
        ({"time_limit": "1"}, "time_limit"),
        ({"workers": 2, "memory_limit": 10}, "memory_limit"),
    ],
)
def test_what_is_no_option(options, words):
    is_function = callable(options.get("objective"))
    for kind in KINDS:
        chain = chain_of(kind)
        if is_function and (len(chain) == 1 or kind == "structured"):
            continue  # nothing is multiplied, or the function is not asked
        for door in (chainopt.optimal_order, chainopt.compare):
            with pytest.raises(ChainError, match=words) as refusal:
                door(chain, **options)
            assert "\n" not in str(refusal.value)
