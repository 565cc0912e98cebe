"""Run the suites in another process, follow what they say, and keep what is done if the run is interrupted."""

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

from benchmarks.reporting.machine import machine, versions
from benchmarks.reporting.results import Results

FOLDER = Path(__file__).parents[1]
POLL = 0.25  # seconds; looking more often would disturb what is measured
PATIENCE = 20.0  # seconds for an interrupted benchmark to end


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
    asked = {"quick": quick, "only": list(names) if chosen else []}
    results = Results(options=asked, machine=machine(), versions=versions())
    results.begun = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    begin = time.monotonic()
    with interruptible(), tempfile.TemporaryDirectory() as folder:
        record, log = Path(folder) / "events.jsonl", Path(folder) / "log.txt"
        record.touch()
        with log.open("wb") as output, record.open(encoding="utf-8") as events:
            child = subprocess.Popen(
                command(names, quick=quick, record=record),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=FOLDER.parent,
                env=environment(),
            )
            try:
                while child.poll() is None:
                    time.sleep(POLL)
                    follow(events, results, progress)
            except KeyboardInterrupt:
                results.interrupted = True
                stop(child)
            follow(events, results, progress)
        results.seconds = time.monotonic() - begin
        text = log.read_text(encoding="utf-8", errors="replace")
    if child.returncode < 0 and not results.interrupted:
        results.failed.append(["the run", f"ended by signal {-child.returncode} after {results.done} benchmarks"])
    if not results.tests and not results.left_out and not results.interrupted:
        last = (text.strip().splitlines() or ["nothing was said"])[-1]
        msg = f"no benchmark could be run: {last}"
        raise RunError(msg)
    return results, text


@contextlib.contextmanager
def interruptible():
    """Let Ctrl-C, and whoever ends this program, interrupt the run; in the background of a shell neither would."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def environment():
    """Let the run find chainopt where this program has it, and draw without a screen."""
    paths = [str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "agg"}


def follow(events, results, progress):
    """Take in what was said since the last time."""
    while True:
        at = events.tell()
        line = events.readline()
        if not line.endswith("\n"):
            events.seek(at)
            return
        event = json.loads(line)
        results.fold(event)
        progress(results, event.get("test", "") if event["kind"] == "begin" else "")


def stop(child):
    """End the run; on a terminal it was interrupted together with this process."""
    with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            child.wait(PATIENCE)
    if child.poll() is None:
        child.kill()
    child.wait()
