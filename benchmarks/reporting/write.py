"""The files of a report: results.json, report.md with its figures, and index.html, which holds all of it."""

import re

from benchmarks.reporting.markdown import report_text
from benchmarks.reporting.page import page
from benchmarks.reporting.plots import figures


def write(results, folder, changes=None):
    """Write all files of a report into a folder; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    drawn = drawings(results)
    names = {
        suite: {title: f"{suite}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')[:60]}.svg" for title in found}
        for suite, found in drawn.items()
    }
    texts = {
        "results.json": results.to_json(),
        "report.md": report_text(results, names, changes),
        "index.html": page(results, drawn, changes),
    }
    texts |= {names[suite][title]: text for suite, found in drawn.items() for title, text in found.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in ("index.html", "report.md", "results.json")]


def drawings(results):
    """Draw the figures of all suites; none without matplotlib."""
    try:
        import matplotlib as mpl  # noqa: F401
    except ModuleNotFoundError:
        return {}
    return {name: found for name, suite in results.suites.items() if (found := figures(suite))}
