"""The report as one HTML page that needs nothing else."""

import re
from html import escape

from benchmarks.reporting.tables import tables
from benchmarks.reporting.words import HOW, facts, failures, heading, left_out

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd; --link: #0060a0; --bad: #b00020; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #16181d; --line: #444; --link: #6cb6ff; --bad: #ff7a90; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; min-width: 7rem; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.3rem; }
svg { background: #fff; max-width: 100%; height: auto; }
@media (max-width: 600px) { svg { max-width: none; } .wide td + td { white-space: nowrap; } }
h2 { margin-top: 3rem; border-top: 2px solid #0072B2; padding-top: 0.5rem; }
body > table td { overflow-wrap: anywhere; }
.bad { color: var(--bad); }
"""


def page(results, figures=None, changes=None):
    """Write the whole report; ``figures`` gives the SVG text of a suite's figures by title, ``changes`` tables of changes."""
    suites = {name: suite for name, suite in results.suites.items() if suite.cells or suite.lines or suite.curves}
    links = "".join(f'<a href="#{escape(name)}">{escape(heading(name))}</a>' for name in suites)
    parts = [f"<h1>Benchmarks of chainopt</h1><nav>{links}</nav>", f"<p>{escape(HOW)}</p>", definitions(facts(results))]
    parts += listed("Failed", failures(results), "bad") + listed("Left out", left_out(results), "")
    if changes:
        parts += ["<h2>Changes</h2>", *map(table_html, changes)]
    for name, suite in suites.items():
        parts.append(f'<h2 id="{escape(name)}">{escape(heading(name))}</h2><p>{prose(suite.question)}</p>')
        parts += map(table_html, tables(suite))
        parts += [f'<div class="wide">{figure}</div>' for figure in (figures or {}).get(name, {}).values()]
        parts += listed("", suite.notes, "")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>chainopt: benchmarks</title>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def prose(text):
    """Write a sentence, what stands between backticks as code."""
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))


def definitions(lines):
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td style='text-align:left'>{escape(text)}</td></tr>" for name, text in lines.items()
    )
    return f"<table>{rows}</table>"


def listed(title, lines, style):
    if not lines:
        return []
    items = "".join(f"<li>{prose(line)}</li>" for line in lines)
    return [f'<p class="{style}"><b>{escape(title)}</b></p>' if title else "", f"<ul>{items}</ul>"]


def table_html(table):
    """Lay a table out in HTML."""

    def row(texts, tag):
        return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>"

    body = "".join(row(line, "td") for line in table.rows)
    head = row(table.head, "th")
    return f'<div class="wide"><table><caption>{escape(table.title)}</caption>{head}{body}</table></div>'
