"""What every form of the report says: where, with what, and what is not there."""

HOW = (
    "The first column is what is asked about; a peer's figure stands beside it, in brackets how many times as much that is. "
    "Contenders of a line are warmed up once and timed by turns, in one run, and the median of the rounds counts. "
    "A dash: not run, because it would take too long or is not possible."
)


def heading(name):
    """Turn a suite's name into a title."""
    special = {"jax": "JAX", "torch": "PyTorch"}
    return special.get(name, name.replace("_", " ").capitalize())


def facts(results):
    """Name where and with what a run was made, and what it lacks."""
    lines = dict(results.machine)
    lines["versions"] = ", ".join(f"{name} {version}" for name, version in results.versions.items() if version is not None)
    lines["missing"] = ", ".join(results.missing()) or "no peer"
    if results.begun:
        questions = results.options.get("only") or ["all questions"]
        lines["run"] = f"{results.begun}, {results.seconds:.0f} s, {', '.join(questions)}" + (
            ", in the quick form" if results.options.get("quick") else ""
        )
        lines["benchmarks"] = f"{results.done} of {results.tests}" + (", then interrupted" if results.interrupted else "")
    spreads = sorted(cell[-1] for suite in results.suites.values() for cell in suite.cells if cell[-1] is not None)
    if spreads:
        usual, large = (f"{100 * spreads[int(share * (len(spreads) - 1))]:.1f} %" for share in (0.5, 0.9))
        lines["spread"] = (
            f"the middle half of the rounds spans up to {usual} of the median in half of the cells, {large} in nine of ten"
        )
    return lines


def left_out(results):
    """List what was not run, and why."""
    return [f"{where}: {why}" for where, why in results.left_out]


def failures(results):
    """List what failed, and how."""
    return [f"{where}: {why}" for where, why in results.failed]
