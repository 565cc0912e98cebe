"""The directive ``measured``: a table of the benchmarks' report, as it stands there, or some lines of it."""

from pathlib import Path
from typing import ClassVar

from docutils.nodes import Element
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList

REPORT = Path(__file__).parents[2] / "benchmarks" / "report" / "report.md"


class Measured(Directive):
    """Show the table with the title that is the argument; ``:lines:`` keeps those that begin with one of these texts."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"lines": directives.unchanged}

    def run(self):
        """Return the nodes of the table."""
        title, wanted = self.arguments[0], [text.strip() for text in self.options.get("lines", "").split(";") if text.strip()]
        _, found, below = REPORT.read_text(encoding="utf-8").partition(f"**{title}**\n\n")
        head, rule, *lines = below.partition("\n\n")[0].splitlines() if found else ["", ""]
        kept = [line for line in lines if not wanted or any(line.startswith(f"| {text}") for text in wanted)]
        if not kept or (wanted and len(kept) < len(wanted)):
            msg = f"{REPORT.name} has no table {title!r} with the lines {wanted}"
            raise self.error(msg)
        source = self.state.document.current_source
        self.state.document.settings.record_dependencies.add(str(REPORT))
        holder = Element()
        self.state.nested_parse(StringList([head, rule, *kept], source), 0, holder)
        return holder.children


def setup(app):
    """Add the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
