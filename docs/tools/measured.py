"""Figures of the benchmarks' report: the directive ``measured`` shows a table of it, and the role ``times`` a ratio in one."""

import re
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList

REPORT = Path(__file__).parents[2] / "benchmarks" / "report" / "report.md"


def table(title):
    """Return the lines of the table of that title, the head and the rule first."""
    _, found, below = REPORT.read_text(encoding="utf-8").partition(f"**{title}**\n\n")
    if not found:
        msg = f"{REPORT.name} has no table {title!r}"
        raise LookupError(msg)
    return below.partition("\n\n")[0].splitlines()


def cells(line):
    """Return the texts in a line of a table."""
    return [text.strip() for text in line.strip("|").split("|")]


class Measured(Directive):
    """Show the table with the title that is the argument; ``:lines:`` keeps those that begin with one of these texts."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"lines": directives.unchanged}

    def run(self):
        """Return the nodes of the table."""
        head, rule, *lines = table(self.arguments[0])
        wanted = [text.strip() for text in self.options.get("lines", "").split(";") if text.strip()]
        kept = [line for line in lines if not wanted or cells(line)[0].startswith(tuple(wanted))]
        if len(kept) < len(wanted):
            msg = f"{self.arguments[0]!r} has not all of the lines {wanted}"
            raise self.error(msg)
        self.state.document.settings.record_dependencies.add(str(REPORT))
        holder = nodes.Element()
        self.state.nested_parse(StringList([head, rule, *kept], self.state.document.current_source), 0, holder)
        return holder.children


def times(_name, _rawtext, text, _lineno, _inliner, _options=None, _content=()):
    """Return the ratio in a cell, of ``title // line // column``, or the least one of several columns."""
    title, line, *columns = [part.strip() for part in text.split("//")]
    head, _, *lines = map(cells, table(title))
    [found] = [row for row in lines if row[0] == line]
    ratios = [re.search(r"([\d.,]+) ×", found[head.index(column)])[1] for column in columns]
    return [nodes.Text(f"{min(ratios, key=lambda ratio: float(ratio.replace(',', '')))} times")], []


def setup(app):
    """Add the directive and the role."""
    app.add_directive("measured", Measured)
    app.add_role("times", times)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
