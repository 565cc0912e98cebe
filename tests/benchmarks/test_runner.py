import os
import textwrap
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.reporting import machine, run
from benchmarks.reporting.results import Results

ROOT = Path(__file__).parents[2]
SUITES = {
    "conftest": "from benchmarks.conftest import *",
    "test_fast": '''
        """Is it fast? Yes."""

        import pytest

        def test_speed(contest, short):
            contest("speed", "quick" if short else "full", {"own": lambda: 1, "peer": lambda: 2})
            contest.missing("speed", "quick" if short else "full", ["absent"])

        @pytest.mark.long
        def test_long(contest):
            contest("speed", "long", {"own": lambda: 1})
    ''',
    "test_absent": 'import pytest\npytest.importorskip("no_such_library")\ndef test_never(): pass',
    "test_wrong": '''
        """Is it right? No."""

        def test_wrong(contest):
            contest("truth", "a case", {"own": lambda: 1})
            assert 1 == 2
    ''',
    "test_zzz_slow": '''
        """Does it end? Not soon."""

        import time

        def test_begins(contest):
            contest("time", "before", {"own": lambda: 1})

        def test_slow(contest):
            time.sleep(60)
    ''',
}
pytestmark = pytest.mark.usefixtures("benchmark_plugin")


@pytest.fixture
def questions(tmp_path, monkeypatch):
    """Give the program small suites of its own."""
    folder = tmp_path / "questions"
    folder.mkdir()
    for name, text in SUITES.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.setattr(run, "FOLDER", folder)
    monkeypatch.setattr(machine, "PEERS", ("numpy", "no_such_library"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    return tmp_path / "report"


def test_only(questions, capsys):
    assert program.main(["--quick", "--only", "fast", "--output", str(questions)]) == 0
    results = Results.read(questions / "results.json")
    assert list(results.suites) == ["fast"]
    assert [cell[:3] for cell in results.suites["fast"].cells] == [["speed", "quick", who] for who in ("own", "peer", "absent")]
    assert results.options == {"quick": True, "only": ["fast"]}
    assert (results.done, results.tests, results.interrupted) == (1, 1, False)
    out = capsys.readouterr().out
    assert "1 of 1 benchmarks" in out
    assert "missing: no_such_library" in out
    report = (questions / "report.md").read_text()
    assert "Is it fast? Yes." in report
    assert "| missing |" in report
    assert "- missing: no_such_library" in report


def test_what_is_left_out_and_what_fails_is_named(questions, capsys):
    assert program.main(["--only", "wrong", "absent", "fast", "--output", str(questions)]) == 1
    results = Results.read(questions / "results.json")
    assert {cell[1] for cell in results.suites["fast"].cells} == {"full", "long"}
    assert [why for _, why in results.left_out] == ["could not import 'no_such_library': No module named 'no_such_library'"]
    ((where, why),) = results.failed
    assert "test_wrong.py" in where
    assert "1 == 2" in why
    report = (questions / "report.md").read_text()
    assert "**Failed**" in report
    assert "no_such_library" in report
    assert "assert 1 == 2" in capsys.readouterr().err


def test_compare(questions, capsys):
    assert program.main(["--only", "fast", "--output", str(questions)]) == 0
    old = str(questions / "results.json")
    assert program.main(["--only", "fast", "--output", str(questions), "--compare", old]) == 0
    assert "Ratios that changed" in capsys.readouterr().out
    assert "## Changes" in (questions / "report.md").read_text()


def test_an_interrupted_run_keeps_what_is_done(questions):
    def progress(results, begins):
        if results.done == 1 and "test_slow" in begins:
            raise KeyboardInterrupt

    results, _ = run.run(["zzz_slow"], quick=True, chosen=True, progress=progress)
    assert results.interrupted
    assert results.tests == 2
    assert [cell[1] for cell in results.suites["zzz_slow"].cells] == ["before"]
    assert results.seconds < 40
    assert not questions.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "beauty"], "--only beauty: there is no such suite; there are exact_costs, "),
        (["--only"], "--only: expected at least one argument"),
        (["--compare", "no/such.json"], "no/such.json cannot be read: No such file"),
        (["--compare", __file__], "is no JSON"),
        (["--output", __file__], "no file can be written there"),
        (["--qick"], "unrecognized arguments: --qick"),
        (["ordering"], "unrecognized arguments: ordering"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, capsys):
    assert program.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("benchmarks: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_run_that_cannot_begin(questions, monkeypatch, capsys):
    monkeypatch.setattr(run, "command", lambda *_, **__: [run.sys.executable, "-c", "raise SystemExit('out of order')"])
    assert program.main(["--only", "fast", "--output", str(questions)]) == 2
    assert capsys.readouterr().err.endswith("benchmarks: no benchmark could be run: out of order\n")


def test_every_suite_asks_a_question():
    for name in run.suites():
        text = (run.FOLDER / f"test_{name}.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), name
        assert "(contest" in text, name
