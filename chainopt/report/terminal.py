"""Tables on a terminal, drawn by rich where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.report.tables import cells, header, summary, table, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.report.tables import Row


def show_facts(facts: Sequence[tuple[str, str]], *, on_terminal: bool) -> None:
    """Print named facts: a table on a terminal, plain text in a pipe."""
    if not _show([], facts, None, on_terminal=on_terminal):
        print(summary(facts))


def show_rows(rows: Sequence[Row], unit: str, full_trace: int, *, on_terminal: bool) -> None:
    """Print a comparison: a table on a terminal, plain text in a pipe."""
    if not _show(header(rows), [cells(row) for row in rows], units(rows, unit, full_trace), on_terminal=on_terminal):
        print(table(rows, unit, full_trace))


def _show(names: Sequence[str], lines: Sequence[Sequence[str]], caption: str | None, *, on_terminal: bool) -> bool:
    if not on_terminal:
        return False
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ModuleNotFoundError:
        return False
    drawn = Table(show_header=bool(names), caption=caption)
    for at in range(len(lines[0])):
        is_number = bool(names) and 0 < at < len(names) - 1
        drawn.add_column(names[at] if names else "", justify="right" if is_number else "left", overflow="fold")
    for line in lines:
        drawn.add_row(*map(Text, line))
    Console().print(drawn)
    return True
