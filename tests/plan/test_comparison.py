import json

import pytest

import chainopt

SHAPES = [(1000, 3), (3, 500), (500, 2), (2, 800)]


def test_three_plans_side_by_side():
    comparison = chainopt.compare(SHAPES)
    assert comparison.forward == chainopt.forward_order(SHAPES)
    assert comparison.reverse == chainopt.reverse_order(SHAPES)
    assert comparison.optimal == chainopt.optimal_order(SHAPES)
    assert comparison.speedup == comparison.reverse.cost / comparison.optimal.cost
    assert str(comparison).splitlines() == [
        "order                  cost  times optimal  peak memory  bracketing",
        "forward           4,400,000           2.73      802,400  (J4 (J3 (J2 J1)))",
        "reverse           4,100,000           2.55      802,000  (((J4 J3) J2) J1)",
        "optimal (hybrid)  1,609,000              1      802,000  ((J4 (J3 J2)) J1)",
        "(cost in fused multiply-adds; peak memory in matrix entries)",
    ]


def test_html_and_json():
    comparison = chainopt.compare([chainopt.Jacobian((2, 3), name="<b>"), (3, 4), (4, 5)])
    html = comparison._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == 4
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert json.loads(comparison.to_json())["optimal"]["cost"] == comparison.optimal.cost


@pytest.mark.parametrize(("dims", "speedup"), [([2, 0, 3], 1.0), ([3, 4], 1.0), ([5, 0, 7, 5], 1.0)])
def test_nothing_against_nothing_is_one(dims, speedup):
    assert chainopt.compare(chainopt.JacobianChain.from_dims(dims)).speedup == speedup


def test_speedup_against_a_free_chain_is_infinite():
    # Both pure modes multiply 5x6 by 6x7 on the way to the empty middle, or 5x7 in the end; the optimum pays nothing.
    comparison = chainopt.compare(chainopt.JacobianChain.from_dims([5, 6, 7, 0, 7, 6, 5]))
    assert comparison.optimal.cost == 0
    assert comparison.speedup == float("inf")
    assert "infinitely many" in str(comparison)
