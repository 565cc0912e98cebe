"""Tables of a run in another text, such as the README: each stands below a comment that says which one, and which of its lines.

``<!-- benchmarks: beginning of a title -->`` or ``<!-- benchmarks: beginning of a title | pattern of its lines -->``.
"""

import re

from benchmarks.reporting.markdown import rows_text
from benchmarks.reporting.results import ResultsError
from benchmarks.reporting.tables import tables

MARK = re.compile(r"(<!-- benchmarks: ([^|]*?)(?: \| (.*?))? -->\n\n?)((?:\|.*\n)*)")


def filled(text, results):
    """Put the tables of a run below their comments, in the place of those that stand there."""
    found = [table for suite in results.suites.values() for table in tables(suite)]

    def fill(match):
        comment, title, pattern, old = match.groups()
        table = next((table for table in found if table.title.startswith(title)), None)
        rows = [row for row in table.rows if re.search(pattern or "", row[0])] if table else []
        if not rows:
            msg = f"the results have no table {title!r} with lines {pattern or ''!r}"
            raise ResultsError(msg)
        return comment.rstrip("\n") + "\n\n" + rows_text(table.head, rows) + ("\n" if old else "\n\n")

    return MARK.sub(fill, text)
