"""The fastest of several ways to a Jacobian, found by trying them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9  # at least
ENOUGH = 0.5  # seconds of timing, for which rounds go on: what is quick needs many to be told from its peers
MOST_ROUNDS = 500


@dataclass(frozen=True)
class Tuned:
    """The fastest way to a Jacobian, as the method ``tune`` of a Jacobian function found it.

    Attributes
    ----------
    mode : str
        Which it is: "forward", "reverse" or "planned".
    times : dict of str to float
        The seconds that each took.
    """

    call: Callable[..., Any]
    mode: str
    times: dict[str, float]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the Jacobian."""
        return self.call(*args, **kwargs)

    def __str__(self) -> str:
        lines = [f"{name:<9}{seconds:.3g} s" for name, seconds in self.times.items()]
        return "\n".join(line + ("  <" if line.startswith(self.mode) else "") for line in lines)


def fastest(candidates: dict[str, Callable[..., Any]], run: Callable[[Callable[..., Any]], Any]) -> Tuned:
    """Run all in turn, so that what else the machine does strikes them alike, and bind the one with the least time.

    What fails is left out; where all fail, the first error is raised.
    """
    times = dict.fromkeys(candidates, math.inf)
    failures: dict[str, Exception] = {}
    started, at = time.perf_counter(), 0
    while at <= ROUNDS or (at <= MOST_ROUNDS and time.perf_counter() - started < ENOUGH):
        for name, call in candidates.items():
            if name in failures:
                continue
            try:
                begin = time.perf_counter()
                run(call)
                spent = time.perf_counter() - begin
            except Exception as error:  # noqa: BLE001 -- whatever a mode raises that the function does not have
                failures[name], times[name] = error, math.inf
            else:
                times[name] = min(times[name], spent) if at > 0 else math.inf  # the first compiles
        if at == 0:
            started = time.perf_counter()
        at += 1
    if len(failures) == len(candidates):
        raise next(iter(failures.values()))
    best = min(times, key=lambda name: times[name])
    return Tuned(candidates[best], best, times)
