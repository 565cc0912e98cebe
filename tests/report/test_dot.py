import chainopt


def test_every_product_and_factor_is_a_node():
    plan = chainopt.optimal_order([chainopt.Jacobian((2, 3), name='the "first"\\'), (3, 4), (4, 5)])
    lines = plan.to_dot().splitlines()
    assert lines[0] == "digraph bracketing {"
    assert lines[-1] == "}"
    assert r'  factor0 [shape=box, label="the \"first\"\\\n2x3"];' in lines
    assert '  product0 [label="2x4\\ncost 24"];' in lines
    assert '  product1 [label="2x5\\ncost 40"];' in lines
    assert sorted(line for line in lines if "->" in line) == [
        "  product0 -> factor0;",
        "  product0 -> factor1;",
        "  product1 -> factor2;",
        "  product1 -> product0;",
    ]
