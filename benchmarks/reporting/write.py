"""The files of a report, put in their folder all at once: whatever ends a run before leaves the folder as it was."""

import re
import tempfile
from pathlib import Path

from benchmarks.reporting.interrupts import undisturbed
from benchmarks.reporting.markdown import report_text
from benchmarks.reporting.page import page
from benchmarks.reporting.plots import figures


def write(results, folder, changes=None):
    """Write a run's report: results.json, report.md with its figures, and index.html, which holds all of it; return the paths."""
    drawings = draw(results)
    texts = {"index.html": page(results, drawings, changes)} | report_files(results, drawings, changes)
    put(texts, folder)
    return [folder / name for name in ("index.html", "report.md", "results.json")]


def publish(results, folder):
    """Write the report that the repository keeps: no page, and of the figures those that show more than their table."""
    put(report_files(results, draw(results, ratios=False)), folder)
    return [folder / name for name in ("report.md", "results.json")]


def report_files(results, drawings, changes=None):
    """Write report.md, results.json and the figures as texts, by file name."""
    names = {suite: {title: file_name(suite, title) for title in drawn} for suite, drawn in drawings.items()}
    texts = {"results.json": results.to_json(), "report.md": report_text(results, names, changes)}
    return texts | {names[suite][title]: text for suite, drawn in drawings.items() for title, text in drawn.items()}


def file_name(suite, title):
    """Name the file of a figure."""
    return f"{suite}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')[:60]}.svg"


def put(texts, folder):
    """Put files into a folder, and take away the figures of an earlier report."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as staging:
        for name, text in texts.items():
            (Path(staging) / name).write_text(text, encoding="utf-8")
        with undisturbed():
            for old in folder.glob("*.svg"):
                if old.name not in texts:
                    old.unlink()
            for name in texts:
                (Path(staging) / name).replace(folder / name)


def draw(results, *, ratios=True):
    """Draw the figures of all suites; none without matplotlib."""
    try:
        import matplotlib as mpl  # noqa: F401
    except ModuleNotFoundError:
        return {}
    drawings = {name: figures(suite, ratios=ratios) for name, suite in results.suites.items()}
    return {name: drawn for name, drawn in drawings.items() if drawn}
