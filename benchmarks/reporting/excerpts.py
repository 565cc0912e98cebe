"""The few lines of a run that the README shows, as a table below the comment ``<!-- benchmarks -->``."""

import re

from benchmarks.reporting.markdown import rows_text
from benchmarks.reporting.results import ResultsError
from benchmarks.reporting.tables import contests, figure, ratio_text

HEAD = ("", "chainopt", "otherwise", "times")
JAX_FUNCTIONS, TORCH_FUNCTIONS = "Jacobians of JAX functions", "Jacobians of PyTorch functions"
# what stands in the first column: the contest, its case, chainopt's column, and the best of these peers
LINES = {
    "Jacobian of a JAX network, widths 1200-1200-8-1200-1200": (
        JAX_FUNCTIONS,
        "hourglass 1200-1200-8-1200-1200",
        "chainopt.jax",
        ("jax.jacfwd", "jax.jacrev"),
    ),
    "Jacobian of a PDE solver in JAX with 4 parameters inside": (
        JAX_FUNCTIONS,
        "Burgers 256 x 32 -> 4 -> 64 -> 256 x 32, scan",
        "chainopt.jax",
        ("jax.jacfwd", "jax.jacrev"),
    ),
    "Jacobian of a PyTorch network, widths 2048-2048-8-2048-2048": (
        TORCH_FUNCTIONS,
        "hourglass 2048-2048-8-2048-2048, float32",
        "chainopt.torch",
        ("torch.func.jacfwd", "torch.func.jacrev"),
    ),
    "product of 10 matrices, thin in the middle": (
        "multiplying a chain",
        "10 factors, thin in the middle",
        "plan.execute",
        ("forward", "reverse"),
    ),
    "finding the order of 30 matrices": ("finding the order of a chain of n factors", "n = 30", "chainopt", ("numpy",)),
}
MARK = re.compile(r"(<!-- benchmarks -->\n)\n?((?:\|.*\n)*)")


def excerpt(results):
    """Lay out the table of the README."""
    groups = {cells.group: cells for suite in results.suites.values() for cells in contests(suite)}
    return rows_text(HEAD, [row(name, *line, groups) for name, line in LINES.items()])


def row(name, group, case, own, peers, groups):
    """Lay out one line: chainopt's figure, that of the best peer and its name, and how many times as much it is."""
    values = groups[group].values if group in groups else {}
    times = {who: values[case, who] for who in peers if values.get((case, who)) is not None}
    if values.get((case, own)) is None or not times:
        msg = f"the results have no line {case!r} of {group!r} with {own} and one of {', '.join(peers)}"
        raise ResultsError(msg)
    best = min(times, key=times.get)
    unit = groups[group].unit
    ratio = ratio_text(times[best] / values[case, own])
    return [name, figure(values[case, own], unit), f"{figure(times[best], unit)} ({best})", f"{ratio} ×"]


def filled(text, results):
    """Put the table below the comment, in the place of the one that stands there."""
    return MARK.sub(lambda match: f"{match[1]}\n{excerpt(results)}\n", text)
