"""The fastest of several ways to a Jacobian, found by trying them."""

from __future__ import annotations

import math
import random
import statistics
import time
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.graphs.elimination.result import Elimination
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array, Function

ROUNDS = 9  # at least
ENOUGH = 1.0  # seconds of timing, for which rounds go on: what is quick needs many to be told from its peers
MOST_ROUNDS = 500
SLICE = 1e-3  # seconds for which a quick call is repeated in a round: the first one finds the caches as others left them


@dataclass(frozen=True, eq=False)  # hashed by identity, as functions are that jax.jit takes
class Tuned:
    """The fastest way to compute a Jacobian, as found by the method ``tune`` of a Jacobian function.

    Attributes
    ----------
    mode : str
        Which it is: "forward", "reverse", "planned" or "elimination".
    times : dict of str to float
        The seconds that each took, the lower quartile of many calls; infinite where it failed.
    plan : Plan, Elimination or None
        The plan of that mode; None if the function cannot be planned, or has no plan in that mode.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian
    >>> x = jnp.ones(3)
    >>> tuned = jacobian(jnp.sin).tune(x)
    >>> tuned.mode in tuned.times, tuned(x).shape
    (True, (3, 3))
    """

    call: Function
    mode: str
    times: dict[str, float]
    plan: Plan | Elimination | None = None

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> Array:
            """Return the Jacobian."""

    else:
        __call__ = property(attrgetter("call"))  # no call in Python around one that may take microseconds

    def __str__(self) -> str:
        lines = [f"{name:<12}{seconds:.3g} s" for name, seconds in self.times.items()]
        return "\n".join(line + ("  <" if line.startswith(self.mode) else "") for line in lines)


def fastest(candidates: dict[str, Function], run: Callable[[Function], Array]) -> Tuned:
    """Run all by turns, so that what else the machine does strikes them alike, and bind the fastest.

    The lower quartile counts: the median is that of the disturbances where they last for half of a second, and those that
    have several threads suffer most of them; the minimum is that of a rare chance. What fails is left out; where all fail,
    the first error is raised.
    """
    rounds: dict[str, list[float]] = {}
    repeats: dict[str, int] = {}
    failures: list[Exception] = []
    for name, call in candidates.items():
        try:
            run(call)  # compiles
            once = _seconds(run, call, 1)
        except Exception as error:  # noqa: BLE001 -- whatever a mode raises that the function does not have
            failures.append(error)
        else:
            rounds[name], repeats[name] = [], max(1, int(SLICE / max(once, 1e-9)))
    if not rounds:
        raise failures[0]
    turns, chance, started = [*rounds], random.Random(0), time.perf_counter()  # noqa: S311 -- nothing secret
    for at in range(MOST_ROUNDS):
        if at >= ROUNDS and time.perf_counter() - started > ENOUGH:
            break
        chance.shuffle(turns)  # so that none always comes after the one that leaves most in the caches
        for name in turns:
            rounds[name].append(_seconds(run, candidates[name], repeats[name]))
    times = {name: statistics.quantiles(rounds[name], n=4)[0] if name in rounds else math.inf for name in candidates}
    best = min(times, key=lambda name: times[name])
    return Tuned(candidates[best], best, times)


def _seconds(run: Callable[[Function], Array], call: Function, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        run(call)
    return (time.perf_counter() - begin) / repeats
