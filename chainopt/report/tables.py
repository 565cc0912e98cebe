"""What a plan and a comparison say of themselves when they are printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from chainopt.numbers import count, ratio, times

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


def header(rows: Sequence[Row]) -> tuple[str, ...]:
    """Name the columns of a comparison."""
    tape = () if rows[0].tape is None else ("tape",)
    return ("order", "cost", "times optimal", "peak memory", *tape, "bracketing")


def cells(row: Row) -> tuple[str, ...]:
    """Write a row of a comparison, a text for each column."""
    tape = () if row.tape is None else (count(row.tape),)
    return (row.name, count(row.cost), times(row.times_optimal), count(row.peak_memory), *tape, row.bracketing)


def units(rows: Sequence[Row], unit: str, full_trace: int) -> str:
    """Say what the columns count."""
    trace = "" if rows[0].tape is None else f"; the tapes of all stages together: {count(full_trace)}"
    how = unit if unit.startswith("as ") else f"in {unit}"
    return f"cost {how}; peak memory in matrix entries{trace}"


def table(rows: Sequence[Row], unit: str, full_trace: int) -> str:
    """Lay a comparison out in plain text, numbers to the right."""
    return f"{columns(header(rows), list(map(cells, rows)))}\n({units(rows, unit, full_trace)})"


def columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns; numbers, which stand in all columns but a name's and the last, to the right."""
    lines = [names, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = {0, len(names) - 1} if names[0] == "order" else {len(names) - 1}
    laid_out = [
        "  ".join(
            text.ljust(width) if at in left else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(laid_out)


def summary(facts: Sequence[tuple[str, str]]) -> str:
    """Lay named facts out, one a line."""
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in facts)


def schedule_facts(
    makespan: Cost, unit: str, cost: Cost, workers: float, used: int, lower_bound: Cost | None
) -> list[tuple[str, str]]:
    """Name what a schedule takes; ``lower_bound`` is None where it is optimal."""
    if math.isinf(workers):
        who = f"as many as one likes, of which {used} are used"
    else:
        time = int(workers) * makespan
        idle = max(time - cost, 0 * time)  # sums of floats may differ in their last digits
        share = 100 * ratio(idle, time) if idle else 0.0
        who = f"{workers}, idle for {count(idle)}, {times(share)} % of their time"
    bound = []
    if lower_bound is not None:
        gap = f", {times(100 * (ratio(makespan, lower_bound) - 1))} % below" if lower_bound else ""
        bound = [("lower bound", f"{count(lower_bound)}{gap}")]
    proved = ", optimal" if lower_bound is None else ""
    return [("workers", who), ("makespan", f"{count(makespan)} {unit}{proved}"), *bound, ("work", f"{count(cost)} in all")]


def html_table(rows: Sequence[Row], unit: str, full_trace: int) -> str:
    """Lay a comparison out in HTML, for notebooks."""
    from html import escape

    def line(texts: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>"

    body = "".join(line(cells(row), "td") for row in rows)
    head = line(header(rows), "th")
    return f"<table><thead>{head}</thead><tbody>{body}</tbody><caption>{escape(units(rows, unit, full_trace))}</caption></table>"
