"""The tables of a suite, for the terminal, Markdown and HTML alike."""

from typing import NamedTuple

NOT_RUN = "–"
MISSING = "missing"


class Table(NamedTuple):
    """A table of texts; the first column names the lines."""

    title: str
    head: list
    rows: list


class Cells(NamedTuple):
    """The figures of one contest: by case and contender, in one unit. None: the contender is not installed."""

    group: str
    unit: str
    values: dict

    @property
    def cases(self):
        """The lines, in order."""
        return list(dict.fromkeys(case for case, _ in self.values))

    @property
    def peers(self):
        """The columns, as in the line that has most of them; the first is what the others are held against."""
        fullest = max(self.cases, key=lambda case: sum(case == other for other, _ in self.values))
        return list(dict.fromkeys([*(who for case, who in self.values if case == fullest), *(who for _, who in self.values)]))


def contests(suite):
    """Gather the cells of a suite by group."""
    groups = {}
    for group, case, who, value, unit, _ in suite.cells:
        cells = groups.setdefault(group, Cells(group, unit if value is not None else "", {}))
        if not cells.unit and value is not None:
            cells = groups[group] = cells._replace(unit=unit)
        cells.values[case, who] = value
    return list(groups.values())


def tables(suite):
    """Lay out all that a suite reports, in the order in which it came."""
    laid_out = [contest_table(cells) for cells in contests(suite)]
    gathered = {}
    for group, head, line in suite.lines:
        gathered.setdefault((group, tuple(head)), []).append(line)
    return laid_out + [Table(group, list(head), rows) for (group, head), rows in gathered.items()]


def contest_table(cells):
    """Lay one contest out: the first column's own figure, then each peer's and how many times as much that is."""
    first, *others = cells.peers
    rows = []
    for case in cells.cases:
        own = cells.values.get((case, first))
        row = [case, figure(own, cells.unit) if (case, first) in cells.values else NOT_RUN]
        for who in others:
            value = cells.values.get((case, who))
            if (case, who) not in cells.values:
                row.append(NOT_RUN)
            else:
                compared = own and value is not None and cells.unit not in {"%", "x"}
                row.append(figure(value, cells.unit) + (f" ({ratio_text(value / own)} ×)" if compared else ""))
        rows.append(row)
    return Table(cells.group, ["", *cells.peers], rows)


def figure(value, unit):
    """Write one figure in its unit."""
    if value is None:
        return MISSING
    if unit == "s":
        return seconds_text(value)
    if unit == "bytes":
        return bytes_text(value)
    if unit == "%":
        return f"{value:.3g} %"
    if unit == "x":
        return f"{ratio_text(value)} ×"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def bytes_text(size):
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"


def seconds_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio_text(ratio):
    """Write a ratio with three digits."""
    return f"{ratio:,.0f}" if ratio >= 99.95 else f"{ratio:.3g}"
