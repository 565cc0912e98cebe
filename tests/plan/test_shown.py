"""What plans show of themselves: in print, in a notebook, and to who asks what they have."""

import re
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

import chainopt
from chainopt import ChainError, Jacobian, JacobianChain

RANDOM = np.random.default_rng(11)


def random_dims(factors):
    return RANDOM.integers(1, 99, factors + 1).tolist()


def random_plan(factors, *, matrix_free):
    dims = random_dims(factors)
    if not matrix_free:
        return chainopt.optimal_order(JacobianChain.from_dims(dims))
    shapes = pairwise(dims)
    stages = [Jacobian(shape, jvp_cost=1 + at % 3, vjp_cost=1 + at % 2, tape=at) for at, shape in enumerate(shapes)]
    return chainopt.optimal_order(stages, tape_limit=factors // 2)


def line_of(text):
    return next(line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("bracketing"))


@pytest.mark.parametrize("matrix_free", [False, True])
@pytest.mark.parametrize("factors", [1, 2, 12, 13, 30, 31, 60, 100, 400])
def test_brackets_in_print_are_whole_or_in_balance(factors, matrix_free):
    plan = random_plan(factors, matrix_free=matrix_free)
    line = line_of(str(plan))
    if factors <= 30 or len(plan.bracketing) <= 300:
        assert line.startswith(f"{plan.bracketing}, ")
        return
    assert "whole: plan.bracketing" in line
    assert line.count("(") == line.count(")")
    assert len(line) < 300
    for text in (repr(plan), str(chainopt.compare(plan.chain))):
        assert text.count("(") == text.count(")")


@pytest.mark.parametrize("matrix_free", [False, True])
def test_what_is_elided_is_as_the_plan_has_it(matrix_free):
    plan = random_plan(200, matrix_free=matrix_free)
    products = {(operation.first, operation.last) for operation in plan.operations}
    opened = []
    for word in re.findall(r"[()]|J\d+|\.\.\.", line_of(str(plan)).partition(",")[0]):
        if word == "(":
            opened.append([])
        elif word == ")":
            inner = opened.pop()
            span = 200 - inner[0], 200 - inner[-1]
            assert span in products or span[0] == span[1] or matrix_free
            if opened:
                opened[-1] += inner
        elif word != "...":
            opened[-1].append(int(word[1:]))
    assert not opened


def test_json_has_the_brackets():
    for plan in (random_plan(40, matrix_free=False), random_plan(40, matrix_free=True)):
        data = plan.to_dict()
        assert data["bracketing"] == plan.bracketing
        assert chainopt.Plan.from_dict(data) == plan
        del data["bracketing"]
        assert chainopt.Plan.from_dict(data) == plan
        for wrong in ("(J2 J1)", 7, None):
            with pytest.raises(ChainError, match='its "bracketing" is not that of'):
                chainopt.Plan.from_dict({**plan.to_dict(), "bracketing": wrong})


def test_notebooks_show_tables_in_which_names_are_no_markup():
    chain = [
        Jacobian((2, 3), name="<script>a&b</script>", jvp_cost=3, vjp_cost=3, tape=4),
        Jacobian((3, 2), jvp_cost=2, vjp_cost=2),
    ]
    graph = nx.DiGraph([("<i>", "b"), ("b", "c")])
    shown = [
        chainopt.optimal_order(chain),
        chainopt.compare(chain),
        chainopt.tape_frontier(chain),
        chainopt.optimal_orders([[2, 3, 4]] * 30),
        chainopt.optimal_elimination(graph),
    ]
    for each in shown:
        html = each._repr_html_()
        assert html.startswith("<table>")
        assert html.endswith("</table>")
        assert "<script>" not in html
        assert "<i>" not in html
        assert html.count("<tr>") == html.count("</tr>")
    assert "&lt;script&gt;a&amp;b" in shown[0]._repr_html_()
    assert "10 more chains" in shown[3]._repr_html_()


def test_reprs_are_for_people():
    comparison = chainopt.compare([(10, 2000), (2000, 30), (30, 1000)])
    text = "<Comparison of 3 factors: forward 80,000,000, reverse 900,000, optimal (reverse) 900,000 fused multiply-adds>"
    assert repr(comparison) == text
    frontier = chainopt.tape_frontier([Jacobian((3, 2), jvp_cost=3, vjp_cost=3, tape=3), Jacobian((2, 3), jvp_cost=3)])
    assert repr(frontier).startswith("<TapeFrontier of ")


def test_a_plan_offers_what_is_promised():
    offered = {name for name in dir(chainopt.optimal_order([(2, 3)])) if not name.startswith("_")}
    assert not offered & {"facts", "bracketing_line", "known_bound"}
