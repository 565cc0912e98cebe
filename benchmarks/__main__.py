"""``python -m benchmarks``: run the benchmarks, and write one report with tables and plots."""

import argparse
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from benchmarks.reporting.compare import changes
from benchmarks.reporting.results import Results, ResultsError
from benchmarks.reporting.run import FOLDER, RunError, run, suites
from benchmarks.reporting.write import publish, write

OUTPUT = FOLDER / "output"  # which git ignores
REPORT = FOLDER / "report"  # which it keeps
NEEDED = ("pytest", "pytest_benchmark", "rich", "matplotlib")


class ArgumentError(Exception):
    """Bad arguments: one line says what is wrong."""


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to `main` to say what is wrong."""

    def error(self, message):
        """Raise what is wrong."""
        raise ArgumentError(message)


def parser():
    options = Parser(
        prog="python -m benchmarks", description="Measure chainopt against its peers, and write one report.", allow_abbrev=False
    )
    options.add_argument("--quick", action="store_true", help="a short form, about two minutes: for a first look, and for CI")
    options.add_argument("--only", nargs="+", metavar="SUITE", help=f"only these questions: {', '.join(suites())}")
    options.add_argument("--compare", metavar="RESULTS", help="the results.json of an earlier run: shows which ratios changed")
    options.add_argument("--results", metavar="RESULTS", help="run nothing, and write the report of this results.json anew")
    options.add_argument(
        "--output", metavar="FOLDER", type=Path, default=OUTPUT, help="where to write the report (default: benchmarks/output)"
    )
    options.add_argument(
        "--publish", action="store_true", help="write benchmarks/report too, if the run is a full one and succeeds"
    )
    return options


def checked(arguments):
    """Read the arguments; whatever is wrong with them is reported before anything runs."""
    asked = parser().parse_args(arguments)
    known = suites()
    for name in asked.only or []:
        if name not in known:
            msg = f"--only {name}: there is no such suite; there are {', '.join(known)}"
            raise ArgumentError(msg)
    asked.names = [name for name in known if name in asked.only] if asked.only else known
    if asked.publish and (asked.quick or asked.only):
        msg = "--publish: only a full run is published; leave out --quick and --only"
        raise ArgumentError(msg)
    asked.before = Results.read(asked.compare) if asked.compare else None
    asked.again = Results.read(asked.results) if asked.results else None
    try:
        asked.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=asked.output):
            pass
    except OSError as error:
        msg = f"--output {asked.output}: no file can be written there ({error.strerror})"
        raise ArgumentError(msg) from None
    return asked


def need():
    """Check that there is what a run needs."""
    import importlib.util

    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        msg = f'{", ".join(absent)} is not installed: python -m pip install ".[dev]"'
        raise ArgumentError(msg)


@contextmanager
def bar():
    """Show a progress bar; what is given is to be called with the results so far and with what begins."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=1) as shown:
        task = shown.add_task("collecting", total=None)

        def progress(results, begins):
            shown.update(task, total=results.tests or None, completed=results.done)
            if begins:
                shown.update(task, description=begins.rpartition("/")[2])

        yield progress


def main(arguments=None):
    """Run, and return the exit status: 0 done, 1 a benchmark failed, 2 bad arguments, 130 interrupted."""
    try:
        asked = checked(arguments)
        need()
        results, log = (asked.again, "") if asked.again else measured(asked)
        return report(asked, results, log)
    except (ArgumentError, ResultsError, RunError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted before there was a report", file=sys.stderr)
        return 130


def measured(asked):
    """Run the suites that were asked for; return the results and the log."""
    with bar() as progress:
        return run(asked.names, quick=asked.quick, chosen=bool(asked.only), progress=progress)


def report(asked, results, log):
    """Write and publish what was asked for; return the exit status."""
    changed = changes(asked.before, results) if asked.before else []
    paths = write(results, asked.output, changed)
    shortcoming = results.shortcoming()
    if asked.publish and not shortcoming:
        paths += publish(results, REPORT)
    print(summary(results))
    for table in changed:
        print(table.title)
    print("\n".join(map(str, paths)))
    if results.failed:
        print(log, file=sys.stderr)
    if asked.publish and shortcoming:
        print(f"benchmarks: nothing was published: {shortcoming}", file=sys.stderr)
    if results.failed:
        return 1
    return 130 if results.interrupted else 0


def summary(results):
    parts = [f"{results.done} of {results.tests} benchmarks in {results.seconds:.0f} s", f"{len(results.failed)} failed"]
    parts.append(f"{len(results.left_out)} left out" if results.left_out else "none left out")
    parts.append(f"missing: {', '.join(results.missing()) or 'no peer'}")
    if results.interrupted:
        parts.append("interrupted: what is done is reported")
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
