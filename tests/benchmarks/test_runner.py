import os
import signal
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.reporting import machine, run
from benchmarks.reporting import write as writing
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


@pytest.fixture
def kept(questions, tmp_path, monkeypatch):
    """Give the program a published report; return a function that reads its files, with the times of their last change."""
    folder = tmp_path / "kept"
    monkeypatch.setattr(program, "REPORT", folder)
    writing.publish(Results(tests=1, done=1), folder)
    (folder / "old.svg").write_text("<svg/>")
    (folder / "index.html").write_text("not of the report")
    assert not questions.exists()

    def files():
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}

    return files


def ask(questions, *names):
    """Let a full run be of a few of the suites."""
    for path in (questions.parent / "questions").glob("test_*.py"):
        if path.stem.removeprefix("test_") not in names:
            path.unlink()


def test_a_full_run_is_published(questions, kept):
    ask(questions, "fast")
    before = kept()
    assert program.main(["--output", str(questions)]) == 0
    assert kept() == before
    assert program.main(["--output", str(questions), "--publish"]) == 0
    assert {name for name in kept() if kept()[name] != before.get(name)} == {"report.md", "results.json"}
    assert set(kept()) == {"report.md", "results.json", "index.html"}
    assert Results.read(program.REPORT / "results.json") == Results.read(questions / "results.json")


def test_a_report_is_written_anew(questions, kept, capsys):
    ask(questions, "fast")
    assert program.main(["--output", str(questions)]) == 0
    (questions / "report.md").unlink()
    assert program.main(["--results", str(questions / "results.json"), "--output", str(questions), "--publish"]) == 0
    assert (questions / "report.md").read_text() == (program.REPORT / "report.md").read_text()
    assert "old.svg" not in kept()
    assert capsys.readouterr().err.count("benchmarks: ") == 0


def test_what_fails_is_not_published(questions, kept, capsys):
    ask(questions, "fast", "wrong")
    before = kept()
    assert program.main(["--output", str(questions), "--publish"]) == 1
    assert kept() == before
    assert capsys.readouterr().err.endswith("benchmarks: nothing was published: 1 of 3 benchmarks failed\n")


def test_an_interrupt_leaves_what_is_published(questions, kept, monkeypatch, capsys):
    @contextmanager
    def interrupting_bar():
        def progress(results, begins):
            if results.done == 1 and "test_slow" in begins:
                os.kill(os.getpid(), signal.SIGINT)

        yield progress

    ask(questions, "zzz_slow")
    monkeypatch.setattr(program, "bar", interrupting_bar)
    before = kept()
    assert program.main(["--output", str(questions), "--publish"]) == 130
    assert kept() == before
    assert capsys.readouterr().err == "benchmarks: nothing was published: the run was interrupted\n"
    assert Results.read(questions / "results.json").interrupted
    assert "then interrupted" in (questions / "report.md").read_text()


@pytest.mark.parametrize("step", ["report_text", "draw", "page"])
def test_an_interrupt_while_the_report_is_written(questions, kept, monkeypatch, capsys, step):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    ask(questions, "fast")
    monkeypatch.setattr(writing, step, interrupt)
    before = kept()
    assert program.main(["--output", str(questions), "--publish"]) == 130
    assert kept() == before
    assert list(questions.iterdir()) == []
    assert capsys.readouterr().err.endswith("benchmarks: interrupted before there was a report\n")


def test_nothing_disturbs_the_moves(kept, monkeypatch):
    moved = []
    move = Path.replace

    def disturbed(path, target):
        os.kill(os.getpid(), signal.SIGINT)
        moved.append(target.name)
        return move(path, target)

    monkeypatch.setattr(Path, "replace", disturbed)
    writing.publish(Results(tests=1, done=1), program.REPORT)
    assert sorted(moved) == ["report.md", "results.json"]
    assert set(kept()) == {"report.md", "results.json", "index.html"}
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "beauty"], "--only beauty: there is no such suite; there are calls, "),
        (["--only"], "--only: expected at least one argument"),
        (["--compare", "no/such.json"], "no/such.json cannot be read: No such file"),
        (["--compare", __file__], "is not JSON"),
        (["--output", __file__], "no file can be written there"),
        (["--qick"], "unrecognized arguments: --qick"),
        (["--results", "no/such.json"], "no/such.json cannot be read: No such file"),
        (["--publish", "--quick"], "--publish: only a full run is published"),
        (["--publish", "--only", "ordering"], "--publish: only a full run is published"),
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
