"""Two runs beside each other: which ratios changed. Ratios only, since machines and days differ."""

from benchmarks.reporting.tables import Table, contests, figure, ratio_text

NOTEWORTHY = 1.25


def ratios(results):
    """Give every peer's ratio to the first column of its line."""
    by_case = {}
    for suite in results.suites.values():
        for cells in contests(suite):
            first, *others = cells.peers
            for case in cells.cases:
                own = cells.values.get((case, first))
                for who in others:
                    value = cells.values.get((case, who))
                    if own and value and cells.unit not in {"%", "x"}:
                        by_case[cells.group, case, who] = value / own
    return by_case


def changes(old, new):
    """Lay out which ratios changed, the largest change first, and what only one of the runs has."""
    before, after = ratios(old), ratios(new)
    both = sorted(before.keys() & after.keys(), key=lambda key: -size_of(after[key] / before[key]))
    rows = [
        [" / ".join(key), f"{ratio_text(before[key])} ×", f"{ratio_text(after[key])} ×", f"{after[key] / before[key]:.3g}"]
        for key in both
        if size_of(after[key] / before[key]) >= NOTEWORTHY
    ]
    title = f"Ratios that changed by a factor of {NOTEWORTHY} or more: {len(rows)} of {len(both)}"
    report = [Table(title, ["question / case / peer", "before", "now", "now / before, above 1: for the better"], rows)]
    versions = sorted(name for name in old.versions | new.versions if old.versions.get(name) != new.versions.get(name))
    if versions:
        lines = [[name, old.versions.get(name) or "missing", new.versions.get(name) or "missing"] for name in versions]
        report.append(Table("Versions that changed", ["", "before", "now"], lines))
    for title, keys, run in (
        ("Only before", before.keys() - after.keys(), before),
        ("Only now", after.keys() - before.keys(), after),
    ):
        if keys:
            lines = [[" / ".join(key), figure(run[key], "x")] for key in run if key in keys]
            report.append(Table(f"{title}: {len(keys)}", ["question / case / peer", "ratio"], lines))
    return report


def size_of(change):
    return max(change, 1 / change)
