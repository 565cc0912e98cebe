"""What a plan for several workers holds, shows and stores; and what is refused when it is read."""

import copy
import math
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from schedule_oracle import check_schedule

import chainopt
from chainopt import Accumulation, ChainError, Jacobian, JacobianChain, Multiplication, Plan, Pullback, Pushforward
from chainopt.testing import random_scheduled_chain

mpl.use("agg")
CHAIN = JacobianChain.from_dims([30, 40, 10, 40, 30])
STAGES = [
    Jacobian((30, 3), jvp_cost=50, vjp_cost=60, tape=1),
    Jacobian((3, 30), jvp_cost=50, vjp_cost=60, tape=2),
    Jacobian((30, 2), jvp_cost=50, vjp_cost=60, tape=3),
    Jacobian((2, 40), jvp_cost=70, vjp_cost=60, tape=4),
]


def test_what_it_says():
    plan = chainopt.optimal_order(CHAIN, workers=2)
    assert str(plan).splitlines() == [
        "chain        J4[30x40] J3[40x10] J2[10x40] J1[40x30]",
        "bracketing   ((J4 J3) (J2 J1)), hybrid mode",
        "workers      2, idle for 9,000, 21.4 % of their time",
        "makespan     21,000 fused multiply-adds, optimal",
        "work         33,000 in all",
        "forward      60,000, 2.86 times as much",
        "reverse      60,000, 2.86 times as much",
        "peak memory  1,500 matrix entries",
    ]
    assert repr(plan).endswith("cost 33,000, makespan 21,000 on 2 workers>")
    unlimited = chainopt.optimal_order(CHAIN, workers=math.inf)
    assert "unlimited, of which 2 are used" in str(unlimited)
    assert unlimited != plan
    assert unlimited.method == "interval"


def test_the_gap_is_shown_where_nothing_is_proved():
    chain = random_scheduled_chain(np.random.default_rng(0), 60)
    plan = chainopt.optimal_order(chain, workers=8, time_limit=0)
    gap = 100 * (1 - plan.lower_bound / plan.makespan)
    assert f"lower bound  {plan.lower_bound:,}, {gap:.3g} % below" in str(plan)
    assert ", optimal" not in str(plan)
    assert Plan.from_json(plan.to_json()) == plan


def test_runs_are_one_operation_where_one_worker_goes_on():
    stages = [Jacobian((3, 3), jvp_cost=stage + 1) for stage in range(6)]
    plan = chainopt.forward_order(stages, workers=2)
    assert list(plan.operations) == [
        Accumulation(5, 5, chainopt.Mode.FORWARD, 18, 0, 0),
        Pushforward(0, 4, 5, 45, 0, 18),
    ]
    hybrid = chainopt.optimal_order(STAGES, workers=2)
    check_schedule(hybrid)
    assert {type(operation) for operation in hybrid.operations} <= {Accumulation, Multiplication, Pushforward, Pullback}


def test_peak_memory_is_that_of_all_workers_together():
    one, two = chainopt.optimal_order(CHAIN), chainopt.optimal_order(CHAIN, workers=2)
    assert one.tree == two.tree
    assert one.peak_memory == 30 * 10 + 10 * 30 + 30 * 30
    assert two.peak_memory == 30 * 10 + 10 * 30 + 30 * 30
    stage = Jacobian((10, 20), jvp_cost=3)
    accumulated = chainopt.optimal_order([stage, Jacobian((20, 10), jvp_cost=3)], workers=2)
    assert accumulated.peak_memory >= 10 * 20


def test_it_is_executed_in_the_order_of_the_starts():
    rng = np.random.default_rng(0)
    factors = [rng.random(shape) for shape in CHAIN.shapes]
    for workers in (2, 3, math.inf):
        plan = chainopt.optimal_order(CHAIN, workers=workers)
        np.testing.assert_allclose(plan.execute(factors), np.linalg.multi_dot(factors))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"workers": 1}, "must be an int above 1"),
        ({"workers": "many"}, "must be an int above 1"),
        ({"workers": True}, "must be an int above 1"),
        ({"worker": [0, 1]}, "an entry for each step in data.* 3 in all"),
        ({"worker": [0, 1, 2]}, "worker 2 is none of 2"),
        ({"worker": [0, 1, 0.5]}, r'data\["schedule"\]\["worker"\]'),
        ({"worker": [0, 0, 0]}, "worker 0 has two operations at 0"),
        ({"start": [0, 0, 5]}, "before what it needs is done at 12000"),
        ({"start": [0, -1, 12000]}, r'data\["schedule"\]\["start"\]'),
        ({"start": None}, "an entry for each step in data.* 3 in all"),
        ({"start": [0, 0, 12001]}, "and the makespan is 21000"),
        ({"makespan": 30000}, "its last operation ends at 21000"),
        ({"makespan": "soon"}, r'data\["schedule"\]\["makespan"\]'),
    ],
)
def test_schedules_that_contradict_themselves(change, message):
    data = chainopt.optimal_order(CHAIN, workers=2).to_dict()
    assert Plan.from_dict(copy.deepcopy(data)).to_dict() == data
    with pytest.raises(ChainError, match=message):
        Plan.from_dict(data | {"schedule": data["schedule"] | change})


def test_dicts_that_are_no_plan():
    data = chainopt.optimal_order(CHAIN, workers=2).to_dict()
    for change in ({"schedule": 5}, {"schedule": []}, {"order": None}, {"known_bound": 10**9}, {"order": [1, 0, 2]}):
        with pytest.raises(ChainError):
            Plan.from_dict(data | change)


def test_a_schedule_is_drawn_beside_the_bracketing():
    plan = chainopt.optimal_order(STAGES, workers=2)
    axes = plan.plot()
    chart = axes.figure.axes[1]
    assert axes is axes.figure.axes[0]
    bars = [patch for patch in chart.patches if patch.get_height() == 0.7]
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(one.start, one.cost) for one in plan.operations]
    assert chart.get_title() == f"makespan {plan.makespan:,}"
    assert chart.get_xlabel() == "fused multiply-adds"
    axes.figure.canvas.draw()
    given = Figure().subplots()
    assert plan.plot(given) is given
    assert len(given.figure.axes) == 2
    placed = Figure().add_axes((0.1, 0.1, 0.8, 0.8))
    assert plan.plot(placed) is placed
    assert len(placed.figure.axes) == 2
    placed.figure.canvas.draw()


def test_drawings_of_odd_schedules():
    for dims, workers in (([0, 0, 0, 0], 2), ([1, 1], 2), ([10**60, 10**61, 10**60, 10**60], 2), ([3] * 40, math.inf)):
        plan = chainopt.optimal_order(JacobianChain.from_dims(dims), workers=workers)
        plan.plot().figure.canvas.draw()
    chain = random_scheduled_chain(np.random.default_rng(0), 60)
    open_plan = chainopt.optimal_order(chain, workers=8, time_limit=0)
    chart = open_plan.plot().figure.axes[1]
    assert [line.get_label() for line in chart.lines] == ["lower bound"]
    with pytest.raises(ChainError, match="up to 1e300"):
        chainopt.optimal_order(JacobianChain.from_dims([10**150] * 4), workers=2).plot()


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "chainopt", *arguments], capture_output=True, text=True, check=False)


def test_the_command_line():
    shapes = ["30x40", "40x10", "10x40", "40x30"]
    done = run("order", *shapes, "--workers", "2")
    assert done.returncode == 0
    assert "makespan     21,000 fused multiply-adds, optimal" in done.stdout
    done = run("compare", *shapes, "--workers", "inf", "--time-limit", "1.5")
    assert "the makespan on unlimited workers" in done.stdout
    done = run("order", *shapes, "--workers", "2", "--method", "exact", "--json")
    assert Plan.from_json(done.stdout).makespan == 21_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "--workers is 0: give a whole number, at least 1, or inf"),
        (["--workers", "two"], "--workers is 'two': give a whole number, at least 1, or inf"),
        (["--workers", "2.5"], "--workers is '2.5': give a whole number"),
        (["--workers", "2", "--time-limit", "soon"], "--time-limit is 'soon': give a number"),
        (["--workers", "2", "--time-limit", "-1"], "--time-limit is -1"),
        (["--workers", "2", "--memory-limit", "5"], "--memory-limit is given, and --workers too"),
        (["--workers", "2", "--method", "polygon"], 'method is "polygon", which plans for one worker'),
    ],
)
def test_the_command_line_says_what_is_wrong_in_one_line(arguments, message, capsys):
    from chainopt.cli import main

    assert main(["order", "30x40", "40x10", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert shown.err.count("\n") == 1
