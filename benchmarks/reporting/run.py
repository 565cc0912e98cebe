"""Run the suites in another process, follow what they report, and keep what is done if the run is interrupted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.reporting.interrupts import deferred, interruptible
from benchmarks.reporting.machine import machine, versions
from benchmarks.reporting.results import Results, rounded

FOLDER = Path(__file__).parents[1]
POLL = 0.25  # seconds; looking more often would disturb what is measured
PATIENCE, REQUESTS = 4.0, 3  # seconds for an interrupted benchmark to end, after each request to do so


class RunError(Exception):
    """A run that ended before there was anything to report."""


def suites():
    """Name the suites that there are."""
    return sorted(path.stem.removeprefix("test_") for path in FOLDER.glob("test_*.py"))


def command(names, *, quick, record):
    """Give the command that runs suites."""
    options = ["--short"] if quick else []
    files = [str(FOLDER / f"test_{name}.py") for name in names]
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--tb=short", "--record", str(record), *options, *files]


def run(names, *, quick, chosen, progress):
    """Run suites; ``progress`` is called with the results so far and what is running. Return the results and the log."""
    options = {"quick": quick, "only": list(names) if chosen else []}
    results = Results(options=options, machine=machine(), versions=versions())
    results.begun = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    begin = time.monotonic()
    with interruptible(), tempfile.TemporaryDirectory() as folder:
        record, log = Path(folder) / "events.jsonl", Path(folder) / "log.txt"
        record.touch()
        with log.open("wb") as output, record.open(encoding="utf-8") as events:
            try:
                with deferred():  # or else nobody would know of the child
                    child = subprocess.Popen(
                        command(names, quick=quick, record=record),
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        cwd=FOLDER.parent,
                        env=environment(),
                    )
                while child.poll() is None:
                    time.sleep(POLL)
                    follow(events, results, progress)
                follow(events, results, progress)
            except KeyboardInterrupt:
                # What is reported from now on may come of the interrupt: a search then answers with the best so far.
                results.interrupted = True
                stop(child)
        results.seconds = rounded(time.monotonic() - begin)
        text = log.read_text(encoding="utf-8", errors="replace")
    if child.returncode < 0 and not results.interrupted:
        results.failed.append(["the run", f"ended by signal {-child.returncode} after {results.done} benchmarks"])
    if not results.tests and not results.left_out and not results.interrupted:
        last = (text.strip().splitlines() or ["it printed nothing"])[-1]
        msg = f"no benchmark could be run: {last}"
        raise RunError(msg)
    return results, text


def environment():
    """Let the run find chainopt where this program has it, and draw without a screen."""
    paths = [str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "agg"}


def follow(events, results, progress):
    """Take in what was written down since the last time."""
    while True:
        position = events.tell()
        line = events.readline()
        if not line.endswith("\n"):
            events.seek(position)
            return
        event = json.loads(line)
        results.fold(event)
        progress(results, event.get("test", "") if event["kind"] == "begin" else "")


def stop(child):
    """End the run: ask, ask again, since a search takes the first time as its own affair, then kill it."""
    for _ in range(REQUESTS):
        with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                child.wait(PATIENCE)
    if child.poll() is None:
        child.kill()
    child.wait()
