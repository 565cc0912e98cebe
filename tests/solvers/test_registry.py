"""Which method is chosen for which problem; and what becomes of a method that is added."""

import math
import subprocess
import sys
import types
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest

import chainopt
from chainopt import ChainError, Diagonal, InfeasibleError, Jacobian, JacobianChain
from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.custom import CustomModel
from chainopt.costs.operation_costs import total
from chainopt.costs.time import DEFAULT
from chainopt.solvers import options, registry
from chainopt.solvers.base import Candidate, Method, Problem, ProblemBatch, needs_dense_products
from chainopt.solvers.registry import select, select_for_all
from chainopt.typing import MethodName

DENSE = JacobianChain.from_dims([4, 3, 6, 2, 5, 3])
CHAINS = {
    "dense": DENSE,
    "one": JacobianChain.from_dims([4, 3]),
    "two": JacobianChain.from_dims([4, 3, 6]),
    "three": JacobianChain.from_dims([4, 3, 6, 2]),
    "equal stacks": JacobianChain([Jacobian(shape, batch=(3,)) for shape in DENSE.shapes]),
    "unequal stacks": JacobianChain([Jacobian((4, 3), batch=(3,)), *DENSE.shapes[1:]]),
    "three unequal stacks": JacobianChain([Jacobian((4, 3), batch=(3,)), *DENSE.shapes[1:3]]),
    "matrix-free": JacobianChain([Jacobian((4, 3), jvp_cost=5, vjp_cost=4), *DENSE.shapes[1:]]),
    "one matrix-free": JacobianChain([Jacobian((4, 3), jvp_cost=5, vjp_cost=4)]),
    "structured": JacobianChain([Jacobian((4, 4), structure=Diagonal()), *DENSE.shapes]),
    "two structured": JacobianChain([Jacobian((4, 4), structure=Diagonal()), (4, 3)]),
}


def home_of(method):
    return type(method).__module__.removeprefix("chainopt.")


@pytest.mark.parametrize(
    ("kind", "method", "home"),
    [
        ("dense", "auto", "solvers.polygon"),
        ("dense", "polygon", "solvers.polygon"),
        ("dense", "interval", "solvers.interval"),
        ("dense", "textbook", "solvers.textbook"),
        ("dense", "heuristic", "solvers.polygon"),  # with one worker there is nothing to schedule
        ("dense", "exact", "solvers.polygon"),
        ("dense", "cp-sat", "solvers.polygon"),
        ("dense", "forward", "solvers.pure_modes"),
        ("one", "auto", "solvers.formula"),
        ("one", "polygon", "solvers.formula"),
        ("two", "interval", "solvers.formula"),
        ("two", "textbook", "solvers.formula"),
        ("two", "reverse", "solvers.pure_modes"),
        ("three", "auto", "solvers.formula"),
        ("three", "polygon", "solvers.polygon"),
        ("three", "interval", "solvers.interval"),
        ("three unequal stacks", "auto", "solvers.formula"),
        ("equal stacks", "auto", "solvers.polygon"),
        ("unequal stacks", "auto", "solvers.interval"),
        ("matrix-free", "auto", "solvers.interval"),
        ("matrix-free", "exact", "solvers.interval"),
        ("matrix-free", "textbook", "solvers.textbook"),
        ("one matrix-free", "auto", "solvers.interval"),
        ("structured", "auto", "solvers.pruned"),
        ("structured", "interval", "solvers.pruned"),
        ("two structured", "textbook", "solvers.textbook"),
    ],
)
def test_one_worker(kind, method, home):
    chosen = select(Problem(CHAINS[kind]), method)
    assert home_of(chosen) == home
    solution = chosen.solve(Problem(CHAINS[kind]))
    assert solution.method == chosen.name
    assert solution.lower_bound == (solution.cost if solution.is_optimal else 0)
    assert chosen.is_exact <= solution.is_optimal


@pytest.mark.parametrize("model", [DEFAULT, CustomModel(lambda m, k, n: m + k + n)])
@pytest.mark.parametrize(
    ("method", "home"), [("auto", "lookup"), ("interval", "lookup"), ("textbook", "textbook"), ("exact", "lookup")]
)
@pytest.mark.parametrize("kind", ["dense", "one", "unequal stacks", "matrix-free"])
def test_other_objectives_look_their_prices_up(kind, method, home, model):
    chosen = select(Problem(CHAINS[kind], model), method)
    assert home_of(chosen) == f"solvers.{home}"
    assert chosen.name == ("textbook" if home == "textbook" else "interval")


@pytest.mark.parametrize("kind", CHAINS)
@pytest.mark.parametrize(
    ("workers", "method", "home"),
    [
        (2, "auto", "automatic"),
        (2, "heuristic", "heuristic"),
        (2, "exact", "exact"),
        (2, "cp-sat", "cp_sat"),
        (2, "forward", "pure_modes"),
        (math.inf, "reverse", "pure_modes"),
        (math.inf, "auto", "unlimited"),
        (math.inf, "interval", "unlimited"),
        (math.inf, "heuristic", "unlimited"),
    ],
)
def test_several_workers(kind, workers, method, home):
    assert home_of(select(Problem(CHAINS[kind], workers=workers), method)) == f"schedules.{home}"


@pytest.mark.parametrize(
    ("kind", "changes", "method", "message"),
    [
        ("matrix-free", {}, "polygon", "needs matrices at hand: take 'auto', 'interval' or 'textbook'"),
        ("one matrix-free", {}, "polygon", "needs matrices at hand"),
        ("unequal stacks", {}, "polygon", "needs stacks of equal shape: take 'auto', 'interval' or 'textbook'"),
        ("structured", {}, "polygon", "needs dense matrices and counts their multiplications"),
        ("dense", {"model": DEFAULT}, "polygon", "needs dense matrices and counts their multiplications"),
        ("dense", {"workers": 2}, "polygon", "plans for one worker, and workers is 2: take 'auto', 'heuristic', 'exact' or"),
        ("dense", {"workers": 2}, "interval", "plans for one worker, and workers is 2"),
        (
            "two",
            {"workers": math.inf},
            "textbook",
            "plans for one worker, and workers is inf: take 'auto', 'interval'",
        ),
    ],
)
def test_what_is_refused(kind, changes, method, message):
    with pytest.raises(ChainError, match=f'^method is "{method}", which {message}'):
        select(Problem(CHAINS[kind], **changes), method)


def test_a_limit_on_memory_comes_on_top():
    chosen = select(Problem(DENSE, memory_limit=1), "interval")
    assert (chosen.name, home_of(chosen.unlimited), home_of(chosen.limited)) == (
        "interval",
        "solvers.interval",
        "solvers.memory_limited.bitmask",
    )
    assert home_of(select(Problem(DENSE, memory_limit=1), "forward")) == "solvers.pure_modes"
    for factors, home in ((21, "bitmask"), (22, "frontier"), (2_000, "frontier"), (2_001, "sweeps")):
        problem = Problem(JacobianChain.from_dims([2] * (factors + 1)), memory_limit=1)
        assert home_of(select(problem).limited) == f"solvers.memory_limited.{home}"
    with pytest.raises(ChainError, match="needs matrices at hand"):
        select(Problem(CHAINS["matrix-free"], memory_limit=1), "polygon")


def test_batches():
    rows = ProblemBatch(np.array([[4, 3, 6, 2, 5]]))
    assert home_of(select_for_all(rows)) == "solvers.polygon"
    assert home_of(select_for_all(rows, "heuristic")) == "solvers.polygon"
    assert home_of(select_for_all(ProblemBatch(rows.chains, DEFAULT))) == "solvers.lookup"
    mixed = ProblemBatch((DENSE, CHAINS["matrix-free"]))
    assert home_of(select_for_all(mixed)) == "solvers.interval"
    assert home_of(select_for_all(ProblemBatch((*mixed.chains, DENSE), DEFAULT))) == "solvers.lookup"


def test_names_and_methods_belong_together():
    with pytest.raises(ChainError, match="method is 'formula': give one of 'auto'"):
        select(Problem(DENSE), "formula")
    assert get_args(MethodName) == options.METHODS
    for name in options.METHODS:
        methods = list(registry.candidates(name, 5, False))
        assert all(isinstance(method, Method) for method in methods)
        assert name == "auto" or name in {method.name for method in methods}
    for home in registry.WITHIN_MEMORY:
        assert registry._method(home).keeps_memory_limit


def test_schedules_are_imported_when_they_are_needed():
    code = (
        "import sys, chainopt; dims = [(3, 4), (4, 5), (5, 6), (6, 7)]\n"
        "chainopt.optimal_order(dims); chainopt.optimal_order(dims, method='exact'); chainopt.forward_order(dims)\n"
        "print([name for name in sys.modules if name.startswith('chainopt.schedules')])\n"
        "chainopt.optimal_order(dims, workers=2)\n"
        "print('chainopt.schedules.automatic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["[]", "True"]


class LeftToRight(Method):
    """A method as somebody would add it: quick, and not exact."""

    name = "left-to-right"
    is_exact = False

    def refusal(self, problem):
        return needs_dense_products(problem)

    def solve(self, problem):
        bracketing = Bracketing.left_to_right(len(problem.chain))
        return self.answer(Candidate(bracketing, total(problem.chain, bracketing, problem.model), Mode.REVERSE))


@pytest.fixture
def added(monkeypatch):
    """The method in a module of its name, and its name among those that are known."""
    module = types.ModuleType("chainopt.solvers.left_to_right")
    module.METHOD = LeftToRight()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for room in (options, registry):
        monkeypatch.setattr(room, "METHODS", (*options.METHODS[:7], LeftToRight.name))
    yield LeftToRight.name
    registry._homes.cache_clear()


def test_an_added_method_that_is_not_exact_is_never_called_optimal(added):
    dims = [40, 20, 30, 10, 30, 5]
    shapes = list(pairwise(dims))
    best = chainopt.optimal_order(shapes)
    plan = chainopt.optimal_order(shapes, method=added)
    assert (plan.method, plan.cost, plan.is_optimal, plan.lower_bound) == (added, chainopt.reverse_order(shapes).cost, False, 0)
    assert plan.cost > best.cost
    assert "optimal" not in str(plan)
    assert chainopt.Plan.from_json(plan.to_json()) == plan
    assert chainopt.compare(shapes, method=added).optimal == plan
    batch = chainopt.optimal_orders([dims, dims], method=added)
    assert (batch.method, batch.costs.tolist(), batch[1]) == (added, [plan.cost] * 2, plan)
    assert not batch[0].is_optimal
    assert chainopt.optimal_order(shapes[:2], method=added).method == "formula"


def test_an_added_method_keeps_limits_with_help(added):
    dims = [40, 20, 30, 10, 30, 5]
    shapes = list(pairwise(dims))
    plan = chainopt.optimal_order(shapes, method=added)
    assert chainopt.optimal_order(shapes, method=added, memory_limit=plan.peak_memory).method == added
    limited = chainopt.optimal_order(shapes, method=added, memory_limit=plan.peak_memory - 1)
    assert (limited.method, limited.is_optimal) == ("states", True)
    with pytest.raises(InfeasibleError, match="the least limit is"):
        chainopt.optimal_order(shapes, method=added, memory_limit=1)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("matrix-free", {}),
        ("structured", {}),
        ("dense", {"objective": "time"}),
        ("dense", {"objective": lambda m, k, n: m * k * n}),
        ("dense", {"workers": 2}),
        ("dense", {"workers": math.inf}),
        ("matrix-free", {"memory_limit": 10, "tape_limit": 5}),
    ],
)
def test_an_added_method_refuses_what_it_cannot_handle(added, kind, changes):
    with pytest.raises(ChainError, match=f'method is "{added}", which (needs|plans for one worker)'):
        chainopt.optimal_order(CHAINS[kind], method=added, **changes)
    if "workers" not in changes and "memory_limit" not in changes and kind != "dense":
        with pytest.raises(ChainError, match=f'method is "{added}", which needs'):
            chainopt.optimal_orders([CHAINS[kind]], method=added, **changes)
