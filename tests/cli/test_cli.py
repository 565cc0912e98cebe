import argparse
import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import chainopt
from chainopt.cli import main
from chainopt.cli.commands import run
from chainopt.cli.parser import COMMANDS, parser
from chainopt.costs.time import TimeModel

SHAPES = ["10x2000", "2000x30", "30x1000"]
PLAN = chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)])


def test_order_in_a_pipe(capsys):
    assert main(["order", *SHAPES]) == 0
    assert capsys.readouterr().out == f"{PLAN}\n"


def test_compare_in_a_pipe(capsys):
    assert main(["compare", *SHAPES]) == 0
    assert capsys.readouterr().out == f"{chainopt.compare(PLAN.chain)}\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("command", ["order", "compare"])
def test_tables_on_a_terminal(command, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert main([command, *SHAPES]) == 0
    text = screen.getvalue()
    assert "900,000" in text
    assert "─" in text or "━" in text
    screen.truncate(0)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main([command, *SHAPES]) == 0
    assert "─" not in screen.getvalue()
    assert "900,000" in screen.getvalue()


def test_json(capsys):
    assert main(["order", *SHAPES, "--json"]) == 0
    assert chainopt.Plan.from_json(capsys.readouterr().out) == PLAN
    assert main(["compare", "--json", *SHAPES]) == 0
    assert json.loads(capsys.readouterr().out)["forward"]["cost"] == 80_000_000


@pytest.mark.parametrize("data", [PLAN.chain.to_dict(), PLAN.chain.shapes])
def test_file_and_standard_input(data, tmp_path, capsys, monkeypatch):
    path = tmp_path / "chain.json"
    path.write_text("\ufeff" + json.dumps(data), encoding="utf-8")
    assert main(["order", "--file", str(path)]) == 0
    assert capsys.readouterr().out == f"{PLAN}\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(data)))
    assert main(["order", "--file", "-"]) == 0
    assert capsys.readouterr().out == f"{PLAN}\n"


@pytest.mark.parametrize("ending", ["svg", "png", "pdf", "dot", "DOT"])
def test_plot(ending, tmp_path, capsys):
    path = tmp_path / f"plan.{ending}"
    assert main(["plot", *SHAPES, "-o", str(path)]) == 0
    assert path.stat().st_size > 100
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no command: give one of order, compare, frontier, plot"),
        (["best"], "no command 'best'; give one of order, compare"),
        (["order"], "order needs a chain"),
        (["order", "--json"], "order needs a chain"),
        (["order", "2x3", "--file", "x.json"], "two chains: give either shapes or --file"),
        (["order", "-1x3"], "shape '-1x3' has a negative size"),
        (["plot", "2x3", "-o", "."], "--output is '.': give a file name with the extension"),
        (["plot", "2x3", "-o", "plan"], "--output is 'plan'"),
        (["order", "2x3", "4x5"], "J2 (shape 1) has 3 columns, but J1 (shape 2) has 4 rows"),
        (["order", "2*3"], "shape 1 is '2*3': give ROWSxCOLUMNS"),
        (["order", "2x3", "-3x4"], "-3x4"),
        (["order", "2x3", "3x4x5"], "shape 2 is '3x4x5'"),
        (["order", f"1x{'9' * 5000}"], "shape 1 has a number of more than 4300 digits"),
        (["order", "2x3", "--objective", "beauty"], "objective is 'beauty'"),
        (["order", "2x3", "--method", "luck"], "method is 'luck'"),
        (["order", "2x3", "--jsn"], "unrecognized arguments: --jsn"),
        (["order", "--file", "no/such/file"], "--file no/such/file cannot be read"),
        (["plot", "2x3", "3x4"], "required: -o/--output"),
        (["plot", "2x3", "3x4", "-o", "no/such/folder/x.svg"], "cannot be written"),
        (["plot", "2x3", "3x4", "-o", "x.nonsense"], "cannot be written"),
        (["plot", *[f"{at}x{at + 1}" for at in range(1, 300)], "-o", "x.svg"], "plot draws up to 200 factors"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("chainopt: ")
    assert message in err
    assert err.count("\n") == 1
    assert "usage" not in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("2\n3 2 10\n", "announces 2, but holds 1 stage"),
        ("1\n3 2\n", "stage 1, is '3 2'"),
        ('[{"rows": 3}]', 'entry 1 must hold "shape", and what is known'),
        ('[{"shape": [2, 3], "jvp_cost": -1}]', "jvp_cost is -1"),
        ("true", "holds true or false: give {"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("7", "announces 7, but holds 0 stages"),
        ("{}", '"format", "dims" or "shapes"'),
        ("[]", "shapes is empty"),
        ("[[2, 3], [3, 4.5]]", "shape 2 (columns) is 4.5"),
        ("[[2, 3], 4]", "shape 2 is 4"),
    ],
)
def test_files_that_hold_no_chain(text, message, tmp_path, capsys):
    path = tmp_path / "chain.json"
    path.write_text(text)
    assert main(["order", "--file", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_text(tmp_path, capsys):
    path = tmp_path / "chain.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert main(["order", "--file", str(path)]) == 2
    assert "is not text" in capsys.readouterr().err


def test_matrix_free_chains(tmp_path, capsys, monkeypatch):
    path = tmp_path / "chain.txt"
    path.write_text("2\n50 60 100\n2 50 90\n")
    assert main(["order", "--file", str(path), "--tape-limit", "95"]) == 0
    assert "(J2 > (J1 > I))" in capsys.readouterr().out
    assert main(["order", "--file", str(path), "--tape-limit", "1e9"]) == 0
    assert "((I < J2) < J1)" in capsys.readouterr().out
    assert main(["frontier", "--file", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["100", "380", "1", "((I", "<", "J2)", "<", "J1)"]
    assert main(["frontier", "--file", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["corners"] == [[0, 11_400], [100, 380]]
    stages = [{"shape": [2, 50], "vjp_cost": 90, "tape": 7}, [50, 60]]
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(stages)))
    assert main(["order", "--file", "-", "--tape-limit", "6"]) == 2
    assert "the least limit is 7" in capsys.readouterr().err
    assert main(["order", "2x3", "--tape-limit", "much"]) == 2
    assert "--tape-limit is 'much': give a number" in capsys.readouterr().err


def test_plot_without_matplotlib(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["plot", *SHAPES, "-o", str(tmp_path / "x.svg")]) == 2
    assert 'python -m pip install "jacobian-chainopt[plot]"' in capsys.readouterr().err


def test_interrupted(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainopt.cli.commands.optimal_order", interrupt)
    assert main(["order", *SHAPES]) == 130
    assert capsys.readouterr().err == "chainopt: interrupted\n"


def test_help_and_version(capsys):
    for option, text in (("--help", "product order"), ("--version", chainopt.__version__)):
        with pytest.raises(SystemExit) as status:
            main([option])
        assert status.value.code == 0
        assert text in capsys.readouterr().out


def program(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "chainopt", *arguments], capture_output=True, text=True, check=False, **options)


def test_the_program():
    done = program("order", *SHAPES)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{PLAN}\n", "")
    failed = program("order")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.count("\n") == 1


def test_the_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["chainopt", "order", *SHAPES])
    with pytest.raises(SystemExit) as status:
        runpy.run_module("chainopt", run_name="__main__")
    assert status.value.code == 0
    assert capsys.readouterr().out == f"{PLAN}\n"


def test_a_reader_that_has_seen_enough():
    shapes = [[2, 2]] * 60_000
    with subprocess.Popen(
        [sys.executable, "-m", "chainopt", "order", "--json", "--file", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
    ) as process:
        process.stdout.close()
        process.stdin.write(json.dumps(shapes).encode())
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_output_that_cannot_be_written():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chainopt", "order", *SHAPES], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("chainopt: the output cannot be written")
    assert done.stderr.count("\n") == 1


def test_without_standard_streams(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["order", "--file", "-"]) == 2
    assert "is not JSON" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["order", *SHAPES]) == 0


def test_names_that_the_terminal_has_no_letters_for(tmp_path):
    path = tmp_path / "chain.json"
    path.write_text(json.dumps([{"shape": [2, 3], "name": "é"}]))
    done = program("order", "--file", str(path), env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "\\xe9" in done.stdout


def test_structures_in_files(capsys, tmp_path):
    path = tmp_path / "chain.json"
    layers = [[10, 500], {"shape": [500, 500], "structure": {"kind": "diagonal"}}, [500, 30]]
    path.write_text(json.dumps(layers))
    assert main(["order", "--file", str(path)]) == 0
    assert "J2[500x500 diagonal]" in capsys.readouterr().out
    path.write_text(json.dumps([{"shape": [3, 3], "structure": {"kind": "triangular"}}]))
    assert main(["order", "--file", str(path)]) == 2
    assert "known kinds are banded, blockdiagonal, dense, diagonal" in capsys.readouterr().err


def test_graphs_in_files(capsys, tmp_path):
    reference = Path(__file__).parents[1] / "reference" / "graphs" / "lion_n1_c1.xml"
    path = tmp_path / "lion.graphml"
    path.write_text(reference.read_text())
    assert main(["order", "--file", str(path)]) == 0
    assert "cost         13 fused multiply-adds" in capsys.readouterr().out
    path.write_text("<graphml>")
    assert main(["order", "--file", str(path)]) == 2
    assert main(["order", "--file", str(tmp_path / "none.graphml")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_limits_on_memory(capsys):
    shapes = ["10x20", "20x1000", "1000x20", "20x10"]
    assert main(["order", *shapes, "--memory-limit", "1000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cost"] == 406_000
    assert main(["compare", *shapes, "--memory-limit", "5e2"]) == 2
    message = "--memory-limit is 500.0, but no order of the operations stays within it: the least limit is 600"
    assert message in capsys.readouterr().err
    assert main(["order", *shapes, "--memory-limit", "much"]) == 2
    assert "--memory-limit is 'much': give a number" in capsys.readouterr().err


def test_calibrating_and_the_time_it_predicts(capsys, monkeypatch):
    model = TimeModel((1, 2), (1e-6,) * 8, 1e-9, 1e-6, 1e-9, "measured in a test")
    monkeypatch.setattr("chainopt.calibration.calibrate", lambda **_: model)
    assert main(["calibrate"]) == 0
    assert capsys.readouterr().out == "rates measured in a test\n"
    monkeypatch.setattr("chainopt.calibration.saved_model", lambda: model)
    assert main(["order", *SHAPES, "--objective", "time"]) == 0
    assert "rates        measured in a test" in capsys.readouterr().out
    assert main(["calibrate", "10x20"]) == 2
    assert "unrecognized arguments: 10x20" in capsys.readouterr().err


class Recorded(argparse.Namespace):
    """Options that remember which of them are read."""

    def __getattribute__(self, name):
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__").setdefault("_read", set()).add(name)
        return object.__getattribute__(self, name)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "calibrate"])
def test_all_options_that_a_command_offers_are_read(command, tmp_path, capsys):
    output = ["--output", str(tmp_path / "plan.dot")] if command == "plot" else []
    arguments = [command, *SHAPES, *output]
    asked = parser().parse_args(arguments)
    options = parser().parse_args(arguments, Recorded())
    options._read.clear()
    run(options)
    assert options._read == {*vars(asked)}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("option", ["--method", "--tape-limit", "--workers", "--memory-limit", "--time-limit"])
def test_what_a_command_does_not_read_is_not_offered(option, capsys):
    assert main(["frontier", *SHAPES, option, "5"]) == 2
    assert option in capsys.readouterr().err
