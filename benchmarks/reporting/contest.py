"""What benchmarks measure with: contenders timed by turns, and other figures, for the tables."""

import random
import statistics
import time

# Seconds: shorter calls are repeated for as long in a round. What ran before them leaves the caches to others.
SLICE = {"short": 1e-3, "long": 1e-2}
BUDGET = {"short": 0.5, "long": 8.0}  # seconds of all rounds together
SHORT_ROUNDS = 5
FEWEST_FOR_SPREAD = 4


class Contest:
    """Contenders timed in turn, so that what else the machine does strikes them all alike; the medians go to the table."""

    def __init__(self, benchmark, *, short):
        self.benchmark, self.short = benchmark, short
        form = "short" if short else "long"
        self.budget, self.slice = BUDGET[form], SLICE[form]
        self.times = {}  # of the last contest, by who they are of, a number for each round

    def __call__(self, group, case, calls, *, rounds=21):
        """Time the calls, by who they are of; return the medians.

        Each is warmed up once. There are fewer rounds where they would take longer than the budget.
        """
        loops = {who: loops_of(call, self.slice) for who, call in calls.items()}
        self.times = times = {who: [] for who in calls}

        turns, chance = [*calls], random.Random(0)

        def one_round():
            chance.shuffle(turns)  # so that nobody always comes after the one that leaves most in the caches
            for who in turns:
                times[who].append(timed(calls[who], loops[who][0]))

        round_time = sum(count * once for count, once in loops.values())
        rounds = max(1, min(rounds, SHORT_ROUNDS if self.short else rounds, int(self.budget / max(round_time, 1e-9))))
        self.benchmark.group = group
        self.benchmark.pedantic(one_round, rounds=rounds)
        medians = {who: statistics.median(seconds) for who, seconds in times.items()}
        self.cells(group, case, medians, spreads={who: spread(seconds) for who, seconds in times.items()})
        return medians

    def once(self, group, call):
        """Call once, where not the time is of interest but what comes out; return that."""
        self.benchmark.group = group
        return self.benchmark.pedantic(call, rounds=1)

    def cells(self, group, case, values, unit="s", spreads=None):
        """Put figures into a line of a group's table: seconds, "bytes", "multiply-adds", "%", or "x" for ratios."""
        self._keep("cells", [[group, case, who, value, unit, (spreads or {}).get(who)] for who, value in values.items()])

    def missing(self, group, case, peers):
        """Say in a line of a group's table who would be in it, were it installed."""
        self.cells(group, case, dict.fromkeys(peers))

    def lines(self, group, head, lines):
        """Put whole lines into a table that is no contest; those with the same group and head are one table."""
        self._keep("lines", [[group, list(head), [str(text) for text in line]] for line in lines])

    def curve(self, group, who, xs, ys, **axes):
        """Put a curve into a group's figure; ``axes`` are set on matplotlib's axes, such as ``xlabel`` and ``yscale``."""
        self._keep("curves", [[group, who, [*map(float, xs)], [*map(float, ys)], axes]])

    def note(self, text):
        """Print a line below the tables."""
        self._keep("notes", [text])

    def _keep(self, name, entries):
        self.benchmark.extra_info.setdefault(name, []).extend(entries)


def spread(times):
    """Give the distance of the quartiles as a fraction of the median, None where there are too few rounds to tell."""
    if len(times) < FEWEST_FOR_SPREAD:
        return None
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / median


def timed(call, loops):
    begin = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - begin) / loops


def loops_of(call, seconds):
    """Warm a call up; return how often to repeat it in one round, and the seconds that it took last."""
    once = timed(call, 1)
    if once < seconds:
        once = timed(call, 1 if once > seconds / 10 else 10)
    return max(1, min(100_000, int(seconds / max(once, 1e-9)))), once
