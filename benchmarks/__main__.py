"""``python -m benchmarks``: run the benchmarks, and write one report with tables and plots."""

import argparse
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from benchmarks.reporting.compare import changes
from benchmarks.reporting.results import Results, ResultsError
from benchmarks.reporting.run import FOLDER, RunError, run, suites
from benchmarks.reporting.write import write

REPORT = FOLDER / "report"
NEEDED = ("pytest", "pytest_benchmark", "rich", "matplotlib")


class ArgumentError(Exception):
    """Bad arguments: one line says what is wrong."""


class Parser(argparse.ArgumentParser):
    """A parser that leaves it to `main` to say what is wrong."""

    def error(self, message):
        """Raise what is wrong."""
        raise ArgumentError(message)


def parser():
    made = Parser(
        prog="python -m benchmarks", description="Measure chainopt against its peers, and write one report.", allow_abbrev=False
    )
    made.add_argument("--quick", action="store_true", help="a short form, in less than two minutes: for a first look, and for CI")
    made.add_argument("--only", nargs="+", metavar="SUITE", help=f"only these questions: {', '.join(suites())}")
    made.add_argument(
        "--compare", metavar="RESULTS", help="the results.json of an earlier run: the report shows which ratios changed"
    )
    made.add_argument(
        "--output", metavar="FOLDER", type=Path, default=REPORT, help="where to write the report (default: benchmarks/report)"
    )
    return made


def checked(arguments):
    """Read the arguments; whatever is wrong with them is said before anything runs."""
    asked = parser().parse_args(arguments)
    known = suites()
    for name in asked.only or []:
        if name not in known:
            msg = f"--only {name}: there is no such suite; there are {', '.join(known)}"
            raise ArgumentError(msg)
    asked.names = [name for name in known if name in asked.only] if asked.only else known
    asked.before = Results.read(asked.compare) if asked.compare else None
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
        with bar() as progress:
            results, log = run(asked.names, quick=asked.quick, chosen=bool(asked.only), progress=progress)
    except (ArgumentError, ResultsError, RunError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    found = changes(asked.before, results) if asked.before else None
    paths = write(results, asked.output, found)
    print(summary(results))
    for table in found or []:
        print(f"{table.title}")
    print("\n".join(map(str, paths)))
    if results.failed:
        print(log, file=sys.stderr)
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
