"""The results of a run: folded from what each benchmark reports when it ends, kept as JSON."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

FORMAT = "chainopt.benchmarks/3"
DIGITS = 6  # of every float: twice as many as the tables show
LINES_DOWN_TO = 5  # levels of nesting: results, suites, one suite, its cells, those of a group; each entry of these is a line


class ResultsError(ValueError):
    """Results that cannot be read."""


@dataclass(slots=True)
class Suite:
    """What the benchmarks of one file report.

    A cell is a figure of a table: its group, case, contender, value and unit, and of a median how far apart the quartiles are, as
    a fraction of it.
    """

    question: str = ""
    seconds: float = 0.0
    cells: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    curves: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, entries):
        """Add what one benchmark reports."""
        for name in ("cells", "lines", "curves", "notes"):
            getattr(self, name).extend(rounded(entries.get(name, [])))


@dataclass(slots=True)
class Results:
    """A run: what was asked, where it ran, and what each suite reports."""

    options: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    suites: dict = field(default_factory=dict)
    left_out: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    begun: str = ""
    seconds: float = 0.0
    tests: int = 0
    done: int = 0
    interrupted: bool = False

    def fold(self, event):
        """Take in one event of a run."""
        if event["kind"] == "collected":
            self.tests = event["tests"]
            for name, question in event["questions"].items():
                self.suites.setdefault(name, Suite()).question = question
        elif event["kind"] == "left out":
            self.left_out.append([event["where"], event["why"]])
        elif event["kind"] == "done":
            self.done += 1
            suite = self.suites.setdefault(event["suite"], Suite())
            suite.seconds = rounded(suite.seconds + event["seconds"])
            suite.add(event["entries"])
            if event["outcome"] == "failed":
                self.failed.append([event["test"], event["why"]])
            elif event["outcome"] == "skipped":
                self.left_out.append([event["test"], event["why"]])

    def missing(self):
        """List the peers that are not installed."""
        return [name for name, version in self.versions.items() if version is None]

    def shortcoming(self):
        """Say why this is no full run, or return an empty text."""
        if self.interrupted:
            return "the run was interrupted"
        if self.options.get("quick") or self.options.get("only"):
            return "it is not a full run"
        if self.failed:
            return f"{len(self.failed)} of {self.tests} benchmarks failed"
        return "" if self.done == self.tests else f"{self.done} of {self.tests} benchmarks were run"

    def to_json(self):
        """Write all of it, an entry a line; cells by their groups, whose names are long."""
        content = {"format": FORMAT} | dataclasses.asdict(self)
        for suite in content["suites"].values():
            groups = {}
            for group, *cell in suite["cells"]:
                groups.setdefault(group, []).append(cell)
            suite["cells"] = groups
        return json_lines(content, LINES_DOWN_TO) + "\n"

    @classmethod
    def read(cls, path):
        """Read what `to_json` wrote."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise ResultsError(msg) from None
        except ValueError:
            msg = f"{path} is not JSON: give the results.json of a run of python -m benchmarks"
            raise ResultsError(msg) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            msg = f"{path} holds no results of the format {FORMAT}: give the results.json of a run of python -m benchmarks"
            raise ResultsError(msg)
        try:
            suites = {name: Suite(**suite) for name, suite in content["suites"].items()}
            for suite in suites.values():
                suite.cells = [[group, *cell] for group, cells in dict(suite.cells).items() for cell in cells]
            return cls(**{name: content[name] for name in content if name not in {"format", "suites"}}, suites=suites)
        except (KeyError, TypeError, AttributeError):
            msg = f"{path} lacks a part of the results, or has one too many: give a results.json as it was written"
            raise ResultsError(msg) from None


def rounded(value):
    """Round every float in nested lists and dicts; counts stay exact."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return {name: rounded(entry) for name, entry in value.items()} if isinstance(value, dict) else value


def json_lines(value, levels):
    """Write JSON without spaces, each entry of the upper levels on a line of its own."""
    if levels and value and isinstance(value, dict):
        entries = [f"{json.dumps(name)}:{json_lines(entry, levels - 1)}" for name, entry in value.items()]
        return "{\n" + ",\n".join(entries) + "\n}"
    if levels and value and isinstance(value, list):
        return "[\n" + ",\n".join(json_lines(entry, levels - 1) for entry in value) + "\n]"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def plain(value):
    """Turn NumPy's numbers into Python's, for `json`."""
    number = value.item()
    return number if not isinstance(number, float) or math.isfinite(number) else str(number)
