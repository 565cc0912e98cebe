"""What files hold, and what is typed in their place; every answer is a chain, or one line that says what to write."""

import bz2
import gzip
import io
import json
import sys

import networkx as nx
import pytest

import chainopt
from chainopt import ChainError
from chainopt.cli import main
from chainopt.plan import chain_files, number_lines
from chainopt.plan.chain_files import read_chain
from chainopt.plan.number_lines import read_lines

SHAPES = [(10, 2000), (2000, 30), (30, 1000)]
CHAIN = chainopt.JacobianChain.from_shapes(SHAPES)
FREE = [chainopt.Jacobian((3, 2), jvp_cost=3, vjp_cost=3, tape=3), chainopt.Jacobian((2, 3), jvp_cost=3, vjp_cost=3, tape=3)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"dims": [10, 2000, 30, 1000]}),
        json.dumps({"shapes": SHAPES}),
        json.dumps([10, 2000, 30, 1000]),
        json.dumps(SHAPES),
        chainopt.optimal_order(CHAIN).to_json(),
        chainopt.compare(CHAIN).to_json(),
        json.dumps(chainopt.tape_frontier(CHAIN).to_dict()),
        "10x2000 2000x30 30x1000",
        "10x2000\r\n2000X30\n\n30×1000\n",
        "10 2000\n2000 30\n30 1000",
        "10, 2000\n2000, 30\n30, 1000\n",
        "10 2000 30 1000\n",
    ],
)
def test_one_chain_in_many_forms(text):
    assert read_chain(text, "the text") == CHAIN


def test_lines_of_stages():
    counted = read_chain("2\n3 2 10\n4 3 20\n", "the text")
    assert counted == read_chain("3 2 10\n4 3 20\n", "the text")
    assert counted.shapes == ((4, 3), (3, 2))
    assert counted[0].jvp_cost == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10 2000 30", "may be sizes, or one stage"),
        ("10 2000\n2000 30 5", r"line 2 is '2000 30 5': give its rows and its columns"),
        ("10x2000\n2000*30", r"shape 2, is '2000\*30': give ROWSxCOLUMNS"),
        ("10 2000 30 x", "line 1 is 'x'"),
        ('{"dims": [3, 4], "shapes": [[3, 4]]}', "give one of them"),
        ('{"sizes": [3, 4]}', 'without "format", "dims" or "shapes"'),
        ('{"plans": []}', 'without "format"'),
        ('{"optimal": 7}', 'without "format"'),
        ('{"dims": 7}', "dims is of type int"),
        ('{"shapes": 7}', "holds a number"),
        ("hello\x1b[31m", r"is 'hello\\\\x1b\[31m', which is not JSON"),
        ('[{"\x1b[31m": 3}]', "not JSON"),
        ('[{"\\u001b[31m": 3}]', r"must hold the arguments of Jacobian"),
        ("[true, 3]", "shapes"),
    ],
)
def test_what_is_no_chain(text, message):
    with pytest.raises(ChainError, match=message) as error:
        read_chain(text, "the text")
    assert str(error.value).isprintable()


def test_what_is_too_long(monkeypatch):
    monkeypatch.setattr(chain_files, "MOST_LETTERS", 100)
    with pytest.raises(ChainError, match="more than 100 characters"):
        read_chain("7" * 101, "the text")
    monkeypatch.setitem(chain_files.MOST, "[", 5)
    with pytest.raises(ChainError, match=r"'\[' more than 5 times"):
        read_chain("[" * 6, "the text")
    monkeypatch.setattr(number_lines, "MOST_LINES", 3)
    with pytest.raises(ChainError, match="more than 3 lines"):
        read_chain("2 2\n" * 4, "the text")


class Endless(io.StringIO):
    """A stream that never ends."""

    def read(self, size=-1):
        assert 0 < size <= 2**26 + 1
        return "10 20\n" * 1_000_002


def test_streams_without_an_end(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Endless())
    assert main(["order", "--file", "-"]) == 2
    assert "lines" in capsys.readouterr().err


def test_graphs_that_are_large_once_they_are_decompressed(tmp_path):
    path = tmp_path / "large.graphml.gz"
    path.write_bytes(gzip.compress(b"<graphml>" + b" " * 2**27, compresslevel=1))
    with pytest.raises(ChainError, match="more than 67,108,864 bytes"):
        chainopt.read_graphml(path)
    path.write_bytes(gzip.compress(b"<a/>" * (2**20 + 1), compresslevel=1))
    with pytest.raises(ChainError, match="1,048,577 tags"):
        chainopt.read_graphml(path)
    path.write_bytes(gzip.compress(b"<graphml>")[:-4])
    with pytest.raises(ChainError, match="cannot be read"):
        chainopt.read_graphml(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(ChainError, match="cannot be read"):
        chainopt.read_graphml(path)


@pytest.mark.parametrize("ending", ["gz", "bz2", "GZ"])
def test_compressed_files(ending, tmp_path, capsys):
    compress = {"gz": gzip.compress, "bz2": bz2.compress}[ending.lower()]
    for name, text in (
        ("chain.json", '{"dims": [10, 20, 30]}'),
        ("plan.json", chainopt.optimal_order(CHAIN).to_json()),
        ("c.txt", "1x2"),
    ):
        path = tmp_path / f"{name}.{ending}"
        path.write_bytes(compress(text.encode()))
        assert main(["order", "--file", str(path), "--json"]) == 0
        assert chainopt.Plan.from_json(capsys.readouterr().out).chain == read_chain(text, "the text")
    path = tmp_path / f"graph.graphml.{ending}"
    chainopt.write_graphml(nx.DiGraph([("x", "y", {"jvp_cost": 5})]), tmp_path / "graph.graphml")
    path.write_bytes(compress((tmp_path / "graph.graphml").read_bytes()))
    assert chainopt.read_graphml(path).edges["x", "y"] == {"jvp_cost": 5}
    for content, message in (
        (compress(b" " * (2**26 + 1)), "holds more than 67,108,864 bytes"),
        (compress(b"[2, 3]")[:-5], "cannot be read"),
        (b"[2, 3]", "cannot be read"),
        (compress(b"\xff\xfe"), "is not text"),
        (compress(b""), "is empty"),
    ):
        path = tmp_path / f"wrong.json.{ending}"
        path.write_bytes(content)
        assert main(["order", "--file", str(path)]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert main(["order", "--file", str(tmp_path / f"nobody.json.{ending}")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_compressed_bytes_where_text_is_read():
    text = chainopt.optimal_order(CHAIN).to_json().encode()
    for compress in gzip.compress, bz2.compress:
        with pytest.raises(ChainError, match=r"compressed, give what gzip\.decompress or bz2\.decompress"):
            chainopt.Plan.from_json(compress(text))


def test_json_that_says_something_twice(tmp_path):
    plan, graph = chainopt.optimal_order(CHAIN), nx.DiGraph([("x", "v"), ("v", "y")])
    elimination = chainopt.optimal_elimination(graph)
    for read, text in (
        (chainopt.Plan.from_json, plan.to_json().replace('"cost": ', '"cost": 3, "cost": ')),
        (chainopt.Plan.from_json, plan.to_json().replace('"dims": ', '"dims": [3], "dims": ').encode()),
        (chainopt.Elimination.from_json, elimination.to_json().replace('"cost": ', '"cost": 3, "cost": ')),
        (lambda text: read_chain(text, "the text"), '{"dims": [2, 3], "dims": [3, 4]}'),
        (lambda text: read_chain(text, "the text"), '[{"shape": [3, 4], "jvp_cost": 3, "jvp_cost": 4}]'),
    ):
        with pytest.raises(ChainError, match=r"text has the key '\w+' twice in one object: keep one of them") as raised:
            read(text)
        assert len(str(raised.value)) < 100
    path = tmp_path / "graph.graphml"
    graph.edges["x", "v"]["structure"] = chainopt.Banded(1, 0)
    graph.nodes["x"]["size"] = graph.nodes["v"]["size"] = 3
    chainopt.write_graphml(graph, path)
    path.write_text(path.read_text().replace('"lower": 1', '"lower": 1, "lower": 2'))
    with pytest.raises(ChainError, match="edge 'x' -> 'v': structure: it has the key 'lower' twice"):
        chainopt.read_graphml(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["oder", "2x3"], "no command 'oder': did you mean order?"),
        (["10x20", "20x30"], "did you mean chainopt order 10x20?"),
        (["order", "2x3", "--metod", "auto"], "did you mean --method?"),
        (["frontier", "2x3", "--jsn"], "did you mean --json?"),
        (["--versoin"], "did you mean --version?"),
        (["help"], "no command 'help': did you mean --help?"),
        (["ORDER", "2x3"], "did you mean order?"),
        (["order", "2x3", "--tape", "3"], "did you mean --tape-limit?"),
        (["order", "2x3", "--objective", "flops"], "--objective is 'flops': give one of 'multiplications', 'time'\n"),
        (["order", "chain.json"], "looks like a file: give --file chain.json"),
        (["order", "10", "2000", "30"], "as in 10x2000 2000x30"),
        (["order", "2x3", "--memory-limit", "1GB"], "of matrix entries, of which a gigabyte holds 125,000,000"),
        (["order", "3x4", "2x3"], "give the shapes the other way round"),
        (["order", "2x3", "--workers", "\x1b[31m"], r"--workers is '\\x1b[31m'"),
        (["order", "--file", "\x1b\n"], r"--file \x1b cannot be read"),
        (["order", "--file", "a\0b"], "cannot be read"),
    ],
)
def test_messages_for_a_shell(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert err[:-1].isprintable()
    assert not any(name in err for name in ("from_stages", "from_dims", "JacobianChain", "optimal_order", "calibrate()"))


@pytest.mark.parametrize("error", [MemoryError, OverflowError, RecursionError])
def test_what_is_too_large_is_one_line(error, monkeypatch, capsys):
    def too_large(*_, **__):
        raise error

    monkeypatch.setattr("chainopt.cli.commands.optimal_order", too_large)
    assert main(["order", "2x3"]) == 2
    assert capsys.readouterr().err == f"chainopt: this chain is too large ({error.__name__})\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, capsys):
    assert main(["--completion", shell]) == 0
    script = capsys.readouterr().out
    assert "frontier" in script
    assert "memory-limit" in script


def test_notes_and_names_do_not_reach_the_terminal_raw(tmp_path, capsys):
    path = tmp_path / "chain.json"
    note = "\x1b[31mred\x07\ncost         1 forged\u2028\x9b"
    data = {"format": "chainopt.chain", "version": 1, "dims": [3, 4, 5], "stages": [["\x1b"], ["b"]], "notes": [note]}
    path.write_text(json.dumps(data))
    for command in ("order", "compare", "frontier"):
        main([command, "--file", str(path)])
        out, err = capsys.readouterr()
        assert (out + err).replace("\n", "").isprintable()
        assert not any(line.startswith("cost         1") for line in out.splitlines())


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_goes_on_is_shown_on_a_terminal(monkeypatch):
    asked = {}

    def optimal_order(chain, **options):
        asked.update(options)
        return chainopt.optimal_order(chain)

    monkeypatch.setattr("chainopt.cli.commands.optimal_order", optimal_order)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["order", "2x3", "3x4", "--workers", "2"]) == 0
    assert asked["progress"] is True
    monkeypatch.setattr("chainopt.cli.commands.find_spec", lambda _: None)
    monkeypatch.setattr(
        "chainopt.calibration.calibrate", lambda progress: asked.update(bar=progress) or type("M", (), {"source": "s"})
    )
    assert main(["calibrate"]) == 0
    assert asked["bar"] is False
    assert "measuring this machine" in sys.stderr.getvalue()


def test_shapes_may_have_spaces_in_them():
    assert read_lines("10 x 20\n20 × 3", "the text").shapes == ((10, 20), (20, 3))
    assert read_lines("10 x 20 20 X 5", "the text").shapes == ((10, 20), (20, 5))
