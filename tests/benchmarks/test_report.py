import re
from pathlib import Path

import pytest

from benchmarks.reporting import contest as contest_module
from benchmarks.reporting.compare import changes, ratios
from benchmarks.reporting.contest import Contest, spread
from benchmarks.reporting.excerpts import LINES, excerpt, filled
from benchmarks.reporting.markdown import report_text, table_text
from benchmarks.reporting.page import page
from benchmarks.reporting.plots import figures
from benchmarks.reporting.results import Results, ResultsError, Suite
from benchmarks.reporting.tables import figure, tables
from benchmarks.reporting.write import publish, write

ROOT = Path(__file__).parents[2]


class Fixture:
    """Stands for the fixture of pytest-benchmark."""

    def __init__(self):
        self.extra_info, self.group, self.rounds = {}, None, None

    def pedantic(self, call, *, rounds):
        self.rounds = rounds
        results = [call() for _ in range(rounds)]
        return results[-1]


def results_of(*cells, **content):
    suite = Suite("Which is faster?", cells=[["speed", *cell, None] for cell in cells])
    return Results(suites={"speed": suite}, versions={"numpy": "2.0", "absent": None}, **content)


SECONDS = [("n = 10", "own", 2e-6, "s"), ("n = 10", "peer", 3e-3, "s"), ("n = 100", "own", 1.5, "s")]


def test_a_line_is_held_against_its_first_figure():
    (table,) = tables(results_of(*SECONDS).suites["speed"])
    assert table.head == ["", "own", "peer"]
    assert table.rows == [["n = 10", "2 µs", "3 ms (1,500 ×)"], ["n = 100", "1.5 s", "–"]]


def test_columns_stand_as_in_the_fullest_line():
    cells = [("a", "own", 1, "s"), ("a", "last", 1, "s"), ("b", "own", 1, "s"), ("b", "middle", 1, "s"), ("b", "last", 1, "s")]
    assert tables(results_of(*cells).suites["speed"])[0].head == ["", "own", "middle", "last"]


def test_who_is_not_installed_is_named():
    results = results_of(*SECONDS, ("n = 100", "peer", None, "s"))
    assert tables(results.suites["speed"])[0].rows[1] == ["n = 100", "1.5 s", "missing"]
    assert results.missing() == ["absent"]
    for text in (report_text(results), page(results)):
        assert re.search(r"missing.*absent", text)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3e-9, "s", "3 ns"),
        (0.0009999, "s", "1 ms"),
        (0.25, "s", "250 ms"),
        (2048, "bytes", "2 KiB"),
        (12, "bytes", "12 B"),
        (10**21, "multiply-adds", "1,000,000,000,000,000,000,000"),
        (12.345, "%", "12.3 %"),
        (1234.5, "x", "1,234 ×"),
        (None, "s", "missing"),
    ],
)
def test_figures_have_units(value, unit, text):
    assert figure(value, unit) == text


def test_contenders_take_turns_and_short_calls_are_repeated(monkeypatch):
    benchmark, calls = Fixture(), []
    monkeypatch.setattr(contest_module.time, "perf_counter", lambda: 1e-6 * len(calls))  # each call takes a microsecond
    contest = Contest(benchmark, short=True)
    medians = contest("speed", "case", {who: lambda who=who: calls.append(who) for who in ("own", "peer")}, rounds=4)
    assert benchmark.rounds == 4
    assert medians == pytest.approx({"own": 1e-6, "peer": 1e-6})
    assert calls[:22] == [*["own"] * 11, *["peer"] * 11]  # the warm-up
    later = calls[22:]
    assert {later.count(who) % 4 for who in medians} == {0}
    assert later.count("own") > 400
    assert later.index("own") < len(later) - 1 - later[::-1].index("peer")  # neither has all its turns before the other
    assert later.index("peer") < len(later) - 1 - later[::-1].index("own")
    assert [cell[:3] for cell in benchmark.extra_info["cells"]] == [["speed", "case", "own"], ["speed", "case", "peer"]]
    assert [cell[5] for cell in benchmark.extra_info["cells"]] == pytest.approx([0, 0], abs=1e-6)


def test_the_spread_of_the_rounds():
    assert spread([4.0, 1.0, 2.0, 3.0, 5.0]) == 2 / 3
    assert spread([1.0, 2.0]) is None
    results = results_of()
    results.suites["speed"].cells = [["speed", "case", who, 1.0, "s", 0.05] for who in ("own", "peer")]
    assert "- spread: the middle half of the rounds spans up to 5.0 % of the median" in report_text(results)


def test_other_things_than_times():
    benchmark = Fixture()
    contest = Contest(benchmark, short=False)
    assert contest.once("worth", lambda: 7) == 7
    contest.cells("worth", "a", {"own": 4, "peer": 8}, "multiply-adds")
    contest.missing("worth", "a", ["other"])
    for name in "bc":
        contest.lines("list", ["", "number"], [[name, 1]])
    contest.note("a remark | with a bar")
    suite = Suite("What?")
    suite.add(benchmark.extra_info)
    one, other = tables(suite)
    assert one.rows == [["a", "4", "8 (2 ×)", "missing"]]
    assert other.rows == [["b", "1"], ["c", "1"]]
    assert table_text(other) == "**list**\n\n|  | number |\n|---|---:|\n| b | 1 |\n| c | 1 |"
    assert "a remark | with a bar" in report_text(Results(suites={"x": suite}))


def test_results_round_trip(tmp_path):
    results = results_of(*SECONDS, failed=[["a", "b"]], left_out=[["c", "d"]], interrupted=True, done=2, tests=3)
    path = tmp_path / "results.json"
    path.write_text(results.to_json())
    assert Results.read(path) == results


def test_floats_are_rounded_and_counts_are_exact():
    suite = Suite()
    entries = {"cells": [["worth", "a", "own", 10**30 + 1, "multiply-adds", None], ["speed", "a", "own", 1 / 3, "s", 2 / 3]]}
    suite.add(entries | {"curves": [["growth", "own", [1.23456789], [2.0], {"ylim": (0, 1)}]]})
    assert suite.cells == [
        ["worth", "a", "own", 10**30 + 1, "multiply-adds", None],
        ["speed", "a", "own", 0.333333, "s", 0.666667],
    ]
    assert suite.curves[0][2] == [1.23457]
    text = Results(suites={"x": suite}).to_json()
    assert '\n"speed":[\n["a","own",0.333333,"s",0.666667]\n]' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("no json", "is not JSON"),
        ("[]", "holds no results of the format"),
        ('{"benchmarks": []}', "holds no results of the format"),
        ('{"format": "chainopt.benchmarks/2", "suites": {}}', "holds no results of the format"),
        ('{"format": "chainopt.benchmarks/3"}', "lacks a part"),
        ('{"format": "chainopt.benchmarks/3", "suites": {"a": {"odd": 1}}}', "one too many"),
    ],
)
def test_results_that_are_none(text, message, tmp_path):
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ResultsError, match=message):
        Results.read(path)


def test_changes_are_those_of_ratios():
    peer = "peer"
    before = results_of(("a", "own", 1.0, "s"), ("a", peer, 4.0, "s"), ("b", "own", 1.0, "s"), ("b", peer, 3.0, "s"))
    # Twice as slow a machine changes no ratio; case a is twice as good as before, b is new there, c only now.
    after = results_of(("a", "own", 1.0, "s"), ("a", peer, 8.0, "s"), ("b", "own", 2.0, "s"), ("b", peer, 6.0, "s"))
    after.suites["speed"].cells += [["speed", "c", "own", 1.0, "s", None], ["speed", "c", peer, 5.0, "s", None]]
    after.versions["numpy"] = "2.1"
    assert ratios(before) == {("speed", "a", peer): 4, ("speed", "b", peer): 3}
    changed, versions, new = changes(before, after)
    assert changed.rows == [["speed / a / peer", "4 ×", "8 ×", "2"]]
    assert "1 of 2" in changed.title
    assert versions.rows == [["numpy", "2.0", "2.1"]]
    assert (new.title, new.rows) == ("Only now: 1", [["speed / c / peer", "5 ×"]])


def test_the_page_needs_nothing_else_and_escapes(tmp_path):
    cells = [(f"n = {size}", who, size * 1e-6, "s") for size in (10, 100, 1000) for who in ("<own>", "peer & co")]
    results = results_of(*cells)
    results.suites["speed"].curves = [["growth", "one", [1, 10], [1, 2], {"xscale": "log", "xlabel": "n"}]]
    paths = write(results, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["index.html", "report.md", "results.json"]
    text = paths[0].read_text()
    assert text.count("<svg") == 2
    assert "<own>" not in text
    assert "&lt;own&gt;" in text
    assert not re.search(r"<(?:script|link|img|iframe)", text)
    shown = re.findall(r"!\[.*\]\((.*)\)", paths[1].read_text())
    assert len(shown) == 2
    assert all((paths[1].parent / name).read_text().startswith("<svg") for name in shown)


def test_an_excerpt_holds_the_best_peer_against_chainopt():
    cells = [(case, who, 1e-3, "s") for _, case, who, _ in LINES.values()]
    cells += [(case, who, 3e-3 + 1e-3 * n, "s") for _, case, _, peers in LINES.values() for n, who in enumerate(peers)]
    results = results_of(*cells)
    groups = {case: group for group, case, *_ in LINES.values()}
    results.suites["speed"].cells = [[groups[case], case, *rest] for _, case, *rest in results.suites["speed"].cells]
    text = "Before.\n\n<!-- benchmarks -->\n\n| old |\n|---|\n| 1 |\n\nAfter.\n"
    once = filled(text, results)
    assert once.count("\n| ") == 1 + len(LINES)
    assert "| 1 ms | 3 ms (jax.jacfwd) | 3 × |" in once
    assert once.startswith("Before.\n\n<!-- benchmarks -->\n\n|  | chainopt |")
    assert once.endswith(" × |\n\nAfter.\n")
    assert filled(once, results) == once
    with pytest.raises(ResultsError, match="no line 'hourglass 1200-1200-8-1200-1200' of 'Jacobians of JAX functions' with"):
        filled(text, results_of(*SECONDS))


def test_the_readme_shows_the_report():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    results = Results.read(ROOT / "benchmarks" / "report" / "results.json")
    assert filled(text, results) == text  # else: python .ci/readme.py table
    assert text.count("<!-- benchmarks -->") == 1
    _, own, peer, _ = (cell.strip() for cell in excerpt(results).splitlines()[2].strip("|").split("|"))
    assert text.count(f"# {own}") == text.count(f"# {peer.partition(' (')[0]}") == 1  # beside the lines of code at the top
    shown = re.findall(r"\]\((benchmarks/report/[^)]*)\)", text)
    assert all((ROOT / path).is_file() for path in shown)


def test_the_report_that_is_kept_is_small_and_of_its_results():
    folder = ROOT / "benchmarks" / "report"
    results = Results.read(folder / "results.json")
    assert results.shortcoming() == ""
    text = (folder / "report.md").read_text(encoding="utf-8")
    drawn = re.findall(r"!\[.*\]\((.*)\)", text)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["report.md", "results.json", *drawn])
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 400_000
    without_figures = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("!["))
    assert without_figures.split() == report_text(results).split()  # else: python -m benchmarks --results ... --publish


def test_a_report_is_put_in_its_place_all_at_once(tmp_path, monkeypatch):
    cells = [(f"n = {size}", who, size * 1e-6, "s") for size in (10, 100, 1000) for who in ("own", "peer")]
    folder = tmp_path / "report"
    publish(results_of(*cells), folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert sorted(before) == ["report.md", "results.json", "speed-speed.svg"]

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            publish(results_of(*SECONDS), folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    publish(results_of(*SECONDS), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["report.md", "results.json"]


def test_the_same_results_are_drawn_alike():
    cells = [(f"case {n}", who, n + 1.0, "s") for n in range(3) for who in ("own", "peer")]
    suite = results_of(*cells).suites["speed"]
    assert figures(suite) == figures(suite)
    assert list(figures(suite)) == ["speed"]
    assert figures(suite, ratios=False) == {}
    few = results_of(*cells[:2]).suites["speed"]
    assert figures(few) == {}
