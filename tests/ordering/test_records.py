"""What planning tells the logger "chainopt"."""

import logging

import networkx as nx

import chainopt


def test_what_was_planned_and_how_is_logged(caplog):
    with caplog.at_level(logging.INFO, "chainopt"):
        chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)])
        chainopt.optimal_elimination(nx.DiGraph([("x", "v"), ("v", "y")]))
    first, second = (record.getMessage() for record in caplog.records if record.name == "chainopt")
    assert first.startswith("ordered 3 factors by ")
    assert first.endswith(": reverse, 900000")
    assert second.startswith("eliminated 1 vertex by ")
    assert second.endswith(": 1, at least 1")


def test_nothing_is_said_unless_somebody_listens(capfd):
    chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)])
    assert capfd.readouterr() == ("", "")
