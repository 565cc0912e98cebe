"""The report as Markdown, which the terminal shows too."""

from benchmarks.reporting.tables import tables
from benchmarks.reporting.words import HOW, facts, failures, heading, left_out


def table_text(table):
    """Lay a table out in Markdown below its title."""
    return f"**{table.title}**\n\n{rows_text(table.head, table.rows)}"


def rows_text(head, rows):
    """Lay lines out in Markdown, numbers to the right."""
    return "\n".join([row_text(head), "|---|" + "---:|" * (len(head) - 1), *map(row_text, rows)])


def row_text(texts):
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def report_text(results, figures=None, changes=None):
    """Write the whole report; ``figures`` gives the files of a suite's figures by title, ``changes`` tables of changes."""
    parts = ["# Benchmarks", HOW, "\n".join(f"- {name}: {text}" for name, text in facts(results).items())]
    parts += [listed(title, lines) for title, lines in (("Failed", failures(results)), ("Left out", left_out(results))) if lines]
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


def listed(title, lines):
    return f"**{title}**\n\n" + "\n".join(f"- {line}" for line in lines)
