"""The pytest plugin that writes down what each benchmark reports, one JSON object a line, as soon as it ends."""

import inspect
import json

from benchmarks.reporting.results import plain


def suite_of(item):
    return item.path.stem.removeprefix("test_")


class Recorder:
    """Collect the events of a run; write them to a file too, where one is given."""

    def __init__(self, path=None):
        self.events, self.path = [], path

    def note(self, kind, **content):
        """Note one event."""
        event = {"kind": kind} | content
        self.events.append(event)
        if self.path is not None:
            with open(self.path, "a", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib cannot append
                file.write(json.dumps(event, default=plain) + "\n")

    def pytest_collectreport(self, report):
        """Note which file cannot be used, and why: most often a library is not installed."""
        if report.skipped or report.failed:
            why = report.longrepr[2] if report.skipped else str(report.longrepr).strip().splitlines()[-1]
            self.note("left out", where=report.nodeid, why=why.removeprefix("Skipped: "))

    def pytest_collection_finish(self, session):
        """Note how many benchmarks there are, and which questions they answer."""
        questions = {suite_of(item): inspect.cleandoc(item.module.__doc__ or "") for item in session.items}
        self.note("collected", tests=len(session.items), questions=questions)

    def pytest_runtest_logstart(self, nodeid):
        """Note what begins."""
        self.note("begin", test=nodeid)

    def finished(self, item, report):
        """Note what a benchmark reports, however it ended."""
        if report.when == "call" or (report.when == "setup" and not report.passed):
            fixture = item.funcargs.get("benchmark")
            self.note(
                "done",
                suite=suite_of(item),
                test=item.nodeid,
                outcome=report.outcome,
                why=reason(report),
                seconds=report.duration,
                entries=dict(fixture.extra_info) if fixture else {},
            )


def reason(report):
    if report.passed:
        return ""
    if report.skipped:
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else str(report.longrepr)).strip().splitlines()[0]
