"""The report as Markdown, which the terminal shows too."""

from benchmarks.reporting.tables import tables
from benchmarks.reporting.words import HOW, facts, failures, heading, left_out


def table_text(table):
    """Lay a table out in Markdown, numbers to the right."""
    lines = [table.head, *table.rows]
    rows = ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines]
    return "\n".join([f"**{table.title}**", "", rows[0], "|---|" + "---:|" * (len(table.head) - 1), *rows[1:]])


def report_text(results, figures=None, changes=None):
    """Write the whole report; ``figures`` gives the files of a suite's figures by title, ``changes`` tables of changes."""
    parts = ["# Benchmarks", HOW, "\n".join(f"- {name}: {text}" for name, text in facts(results).items())]
    parts += [listed(title, found) for title, found in (("Failed", failures(results)), ("Left out", left_out(results))) if found]
    if changes:
        parts += ["## Changes", *map(table_text, changes)]
    for name, suite in results.suites.items():
        if not (suite.cells or suite.lines or suite.curves):
            continue
        parts += [f"## {heading(name)}", suite.question]
        parts += map(table_text, tables(suite))
        parts += [f"![{title}]({file})" for title, file in (figures or {}).get(name, {}).items()]
        if suite.notes:
            parts.append("\n".join(f"- {note}" for note in suite.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def listed(title, found):
    return f"**{title}**\n\n" + "\n".join(f"- {line}" for line in found)
