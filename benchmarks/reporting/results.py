"""The results of a run: folded from what each benchmark says when it ends, kept as JSON."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

FORMAT = "chainopt.benchmarks/1"


class ResultsError(ValueError):
    """Results that cannot be read."""


@dataclass(slots=True)
class Suite:
    """What the benchmarks of one file found."""

    question: str = ""
    seconds: float = 0.0
    cells: list = field(default_factory=list)
    times: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    curves: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, found):
        """Add what one benchmark found."""
        for kind in ("cells", "times", "lines", "curves", "notes"):
            getattr(self, kind).extend(found.get(kind, []))


@dataclass(slots=True)
class Results:
    """A run: what was asked, where it ran, and what each suite found."""

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
        """Take in one event of a run; return its kind."""
        kind = event["kind"]
        if kind == "collected":
            self.tests = event["tests"]
            for name, question in event["questions"].items():
                self.suites.setdefault(name, Suite()).question = question
        elif kind == "left out":
            self.left_out.append([event["where"], event["why"]])
        elif kind == "done":
            self.done += 1
            suite = self.suites.setdefault(event["suite"], Suite())
            suite.seconds += event["seconds"]
            suite.add(event["found"])
            if event["outcome"] == "failed":
                self.failed.append([event["test"], event["why"]])
            elif event["outcome"] == "skipped":
                self.left_out.append([event["test"], event["why"]])
        return kind

    def missing(self):
        """List the peers that are not installed."""
        return [name for name, version in self.versions.items() if version is None]

    def to_json(self):
        """Write all of it."""
        return json.dumps({"format": FORMAT} | dataclasses.asdict(self), indent=1, default=_plain) + "\n"

    @classmethod
    def read(cls, path):
        """Read what `to_json` wrote."""
        try:
            held = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise ResultsError(msg) from None
        except ValueError:
            msg = f"{path} is no JSON: give the results.json of a run of python -m benchmarks"
            raise ResultsError(msg) from None
        if not isinstance(held, dict) or held.get("format") != FORMAT:
            msg = f"{path} holds no results of the format {FORMAT}: give the results.json of a run of python -m benchmarks"
            raise ResultsError(msg)
        try:
            suites = {name: Suite(**suite) for name, suite in held["suites"].items()}
            return cls(**{name: held[name] for name in held if name not in {"format", "suites"}}, suites=suites)
        except (KeyError, TypeError, AttributeError):
            msg = f"{path} lacks a part of the results, or has one too many: give a results.json as it was written"
            raise ResultsError(msg) from None


def _plain(value):
    """Turn NumPy's numbers into Python's."""
    number = value.item()
    return number if not isinstance(number, float) or math.isfinite(number) else str(number)
