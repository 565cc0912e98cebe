"""Errors of the command line speak of options, shapes and JSON, and of nothing that only Python has."""

import json
import re

import pytest

from chainopt.cli import in_words_of_a_shell, main

TWO = ["10x20", "20x30"]
PYTHON = re.compile(
    r"\b(None|True|False|int|ints|dict|tuple|NoneType|str|math\.inf|optimal_order|from_\w+|Jacobian\w*|networkx|calibrate\(\)|"
    r"sys\.|to_dict|function|float)\b|shapes\[|stages\[|Errno|recursion|literal"
)
LINES = [  # words, and what the error says
    (["order", *TWO, "--method", "foo"], "--method is 'foo'"),
    (["order", *TWO, "--objective", "foo"], "--objective is 'foo': give one of 'multiplications', 'time'"),
    (["order", *TWO, "--patterns", "foo"], "--patterns is 'foo'"),
    (["order", *TWO, "--workers", "0"], "--workers is 0: give a whole number, at least 1, or inf"),
    (["order", *TWO, "--workers", "2", "--method", "polygon"], "plans for one worker, and --workers is 2"),
    (["order", *TWO, "--workers", "2", "--memory-limit", "9999"], "--memory-limit is given, and --workers too"),
    (["order", *TWO, "--memory-limit", "nan"], "of which a gigabyte holds 125,000,000"),
    (["order", *TWO, "--time-limit", "-1"], "--time-limit is -1"),
    (["order", "20x30", "10x20"], "J2 (shape 1) has 30 columns, but J1 (shape 2) has 10 rows"),
    (["plot", *TWO, "-o", "/nowhere/at/all.svg"], "--output /nowhere/at/all.svg cannot be written: No such file or directory"),
    (["--file", "x.json", "order"], "--file comes after its command, as in chainopt order --file"),
    (["calibrate", "--json"], "calibrate has no --json, but order, compare, frontier"),
    (["10**3"], "no command '10**3'; give one of"),
    (["10x3"], "did you mean chainopt order 10x3?"),
]
FILES = [  # what JSON holds, and what the error says
    (None, "holds null"),
    (True, "holds true or false"),
    (3.5, "holds a number"),
    ("x", "holds a string"),
    ({"dims": None}, "dims is not a list: give a list of sizes"),
    ({"dims": [True, 2]}, "dims[0] is true: a size is a whole number that is not negative"),
    ({"foo": 1}, 'is an object without "format"'),
    ({"format": "foo"}, 'its "format" must be "chainopt.chain", as --json writes it'),
    ({"format": "chainopt.chain"}, "says no version"),
    ([[1.5, 2]], "shape 1 (rows) is 1.5: a size is a whole number"),
    ([[3, "a"]], "shape 1 (columns) is 'a'"),
    ([None], 'shape 1 is null: give [rows, columns], or {"shape": [rows, columns], ...}'),
    ([[1, 2, 3]], "shape 1 is [1, 2, 3]: give [rows, columns]"),
    ([{"rows": 3}], 'must hold "shape", and what is known, as "jvp_cost", not \'rows\''),
    ([{"shape": [3, 4], "structure": {"kind": "identity"}}], "structure is identity, but the shape is 3x4"),
    ([{"shape": [4, 4], "jvp_cost": -1}], "a whole number of multiply-adds, or seconds as 0.5"),
    ([{"shape": [4, 4], "tape": 1.5}], "a size is a whole number"),
    ([{"shape": [4, 4], "jvp_cost": 1.5}], "give whole numbers, or take --objective time"),
    ([{"shape": [4, 4], "batch": [2]}, {"shape": [4, 4], "jvp_cost": 2}], "plan one matrix of the stack"),
]


KEY = '<key id="s" for="node" attr.name="size" attr.type="int"/>'
FLAG = '<key id="b" for="node" attr.name="flag" attr.type="boolean"/>'


def said(capsys, words):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert PYTHON.search(err) is None, (PYTHON.search(err), err)
    return err


@pytest.mark.parametrize(("words", "message"), LINES)
def test_options_and_shapes(words, message, capsys):
    if words[0] == "plot":
        pytest.importorskip("matplotlib")
    assert message in said(capsys, words)


@pytest.mark.parametrize(("data", "message"), FILES)
def test_files(data, message, tmp_path, capsys):
    path = tmp_path / "chain.json"
    path.write_text(json.dumps(data))
    for command in ("order", "compare", "frontier"):
        assert message in said(capsys, [command, "--file", str(path)])


def test_graphs(tmp_path, capsys):
    path = tmp_path / "graph.graphml"
    for text, message in (
        ("<a", "is not GraphML that can be read: unclosed token"),
        ('<graphml><graph><node id="x"><data key="s">3</data></node></graph></graphml>', "no key s"),
        (f'<graphml>{KEY}<graph><node id="x"><data key="s">a</data></node></graph></graphml>', "'a' is no number"),
        (f'<graphml>{FLAG}<graph><node id="x"><data key="b">-1</data></node></graph></graphml>', "neither true nor false"),
    ):
        path.write_text(text.replace("<graphml>", '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'))
        assert message in said(capsys, ["order", "--file", str(path)])


def test_nested_json(tmp_path, capsys):
    path = tmp_path / "chain.json"
    path.write_text("[" * 100_000)
    assert "nested too deeply" in said(capsys, ["order", "--file", str(path)])


def test_advice_that_takes_a_large_chain_to_see():
    for message, expected in (
        ("plot draws up to 60 factors, and this chain has 61: look at operations, or plot a part", "chainopt order writes"),
        ("plot draws up to 9 workers, and this plan keeps 10 busy: look at operations instead", "chainopt order --json writes"),
        ("run calibrate() again", "run chainopt calibrate again"),
    ):
        assert expected in in_words_of_a_shell(message)
