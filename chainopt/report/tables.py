"""Tables in plain text, in HTML, and on a terminal, where rich draws them if it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.numbers import count, printable, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import Cost


class Row(NamedTuple):
    """One order in a comparison; its tape is None where no stage has one."""

    name: str
    cost: Cost
    times_optimal: float
    peak_memory: int
    tape: int | None
    bracketing: str
    about: str = ""  # before the cost and the memory, where they are estimated

    @property
    def cells(self) -> tuple[str, ...]:
        """The text of each column."""
        tape = () if self.tape is None else (count(self.tape),)
        cost, memory = f"{self.about}{count(self.cost)}", f"{self.about}{count(self.peak_memory)}"
        return (self.name, cost, times(self.times_optimal), memory, *tape, self.bracketing)


class ComparisonTable(NamedTuple):
    """Orders of the same chain, one per row.

    Attributes
    ----------
    rows : list of Row
        At least one.
    unit : str
        What the costs count.
    full_trace : int
        The tapes of all stages together.
    """

    rows: list[Row]
    unit: str
    full_trace: int

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        tape = () if self.rows[0].tape is None else ("tape",)
        return ("order", "cost", "times optimal", "peak memory", *tape, "bracketing")

    @property
    def caption(self) -> str:
        """What the columns count."""
        trace = "" if self.rows[0].tape is None else f"; the tapes of all stages together: {count(self.full_trace)}"
        unit = self.unit if self.unit.startswith("as ") else f"in {self.unit}"
        return f"cost {unit}; peak memory in matrix entries{trace}"

    def text(self) -> str:
        """Lay the table out in plain text."""
        return f"{in_columns(self.header, [row.cells for row in self.rows], left=1)}\n({self.caption})"

    def html(self) -> str:
        """Lay the table out in HTML, for notebooks."""
        return table_html(self.header, [row.cells for row in self.rows], self.caption)

    def show(self, *, on_terminal: bool) -> None:
        """Print the table: drawn on a terminal, plain text in a pipe."""
        if not (on_terminal and _drawn(self.header, [row.cells for row in self.rows], self.caption)):
            print(self.text())


def in_columns(names: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """Lay rows out in columns, numbers to the right.

    Parameters
    ----------
    names : sequence of str
        What stands above the columns.
    rows : sequence of sequence of str
        The text of each column.
    left : int
        How many of the first columns hold text instead of numbers, as the last one does.
    """
    lines = [names, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = {*range(left), len(names) - 1}
    laid_out = [
        "  ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(laid_out)


def table_html(names: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Lay rows out in HTML, for notebooks; names are escaped."""
    from html import escape

    def line(texts: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(printable(text))}</{tag}>" for text in texts) + "</tr>"

    head = f"<thead>{line(names, 'th')}</thead>" if names else ""
    foot = f"<caption>{escape(printable(caption))}</caption>" if caption else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody>{foot}</table>"


def facts_html(facts: Sequence[tuple[str, str]]) -> str:
    """Lay named facts out in HTML, one a row."""
    return table_html((), facts)


def facts_text(facts: Sequence[tuple[str, str]]) -> str:
    """Lay named facts out, one a line, whatever characters names and notes have."""
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(width)}  {printable(text)}" for name, text in facts)


def show_facts(facts: Sequence[tuple[str, str]], *, on_terminal: bool) -> None:
    """Print named facts: drawn as a table on a terminal, plain text in a pipe."""
    if not (on_terminal and _drawn([], facts, None)):
        print(facts_text(facts))


def _drawn(names: Sequence[str], lines: Sequence[Sequence[str]], caption: str | None) -> bool:
    """Let rich draw a table, with the names above it, if any; False where it is not installed."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ModuleNotFoundError:
        return False
    table = Table(show_header=bool(names), caption=caption)
    for column in range(len(lines[0])):
        is_number = bool(names) and 0 < column < len(names) - 1
        table.add_column(names[column] if names else "", justify="right" if is_number else "left", overflow="fold")
    for line in lines:
        table.add_row(*(Text(printable(text)) for text in line))
    Console().print(table)
    return True
