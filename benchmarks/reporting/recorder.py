"""The plugin of pytest that says what each benchmark found, one JSON object a line, as soon as it ends."""

import inspect
import json

from benchmarks.reporting.results import _plain


def suite_of(item):
    return item.path.stem.removeprefix("test_")


class Recorder:
    """Collect the events of a run; write them to a file too, where one is given."""

    def __init__(self, path=None):
        self.events, self.path = [], path

    def say(self, kind, **content):
        """Note one event."""
        event = {"kind": kind} | content
        self.events.append(event)
        if self.path is not None:
            with open(self.path, "a", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib cannot append
                file.write(json.dumps(event, default=_plain) + "\n")

    def pytest_collectreport(self, report):
        """Say which file cannot be used, and why: most often a library is not installed."""
        if report.skipped or report.failed:
            why = report.longrepr[2] if report.skipped else str(report.longrepr).strip().splitlines()[-1]
            self.say("left out", where=report.nodeid, why=why.removeprefix("Skipped: "))

    def pytest_collection_finish(self, session):
        """Say how many benchmarks there are, and which questions they answer."""
        questions = {suite_of(item): inspect.cleandoc(item.module.__doc__ or "") for item in session.items}
        self.say("collected", tests=len(session.items), questions=questions)

    def pytest_runtest_logstart(self, nodeid):
        """Say what begins."""
        self.say("begin", test=nodeid)

    def finished(self, item, report):
        """Say what a benchmark found, however it ended."""
        if report.when == "call" or (report.when == "setup" and not report.passed):
            fixture = item.funcargs.get("benchmark")
            self.say(
                "done",
                suite=suite_of(item),
                test=item.nodeid,
                outcome=report.outcome,
                why=reason(report),
                seconds=report.duration,
                found=dict(fixture.extra_info) if fixture else {},
            )


def reason(report):
    if report.passed:
        return ""
    if report.skipped:
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else str(report.longrepr)).strip().splitlines()[0]
