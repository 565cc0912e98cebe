"""What a plan and a comparison say of themselves when they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.numerals import count, times

if TYPE_CHECKING:
    from collections.abc import Sequence


class Row(NamedTuple):
    """One order in a comparison."""

    name: str
    cost: int
    times_optimal: float
    peak_memory: int
    bracketing: str


HEADER = ("order", "cost", "times optimal", "peak memory", "bracketing")
UNITS = "cost in fused multiply-adds; peak memory in matrix entries"


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """Write a row of a comparison, a text for each column."""
    return row.name, count(row.cost), times(row.times_optimal), count(row.peak_memory), row.bracketing


def table(rows: Sequence[Row]) -> str:
    """Lay a comparison out in plain text, numbers to the right."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    laid_out = [
        "  ".join(
            text.rjust(width) if 0 < at < len(HEADER) - 1 else text.ljust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*laid_out, f"({UNITS})"])


def summary(facts: Sequence[tuple[str, str]]) -> str:
    """Lay named facts out, one a line."""
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in facts)


def html_table(rows: Sequence[Row]) -> str:
    """Lay a comparison out in HTML, for notebooks."""
    from html import escape

    def line(texts: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>"

    body = "".join(line(cells(row), "td") for row in rows)
    return f"<table><thead>{line(HEADER, 'th')}</thead><tbody>{body}</tbody><caption>{UNITS}</caption></table>"
